"""Gauge: a value on an arc that shows its thresholds."""

from typing import Any

from lab.viewer import colors
from lab.viewer.panels.axes import FONT
from lab.viewer.panels.content import Content, Named, View, plain

FULL = 100.0


def content(view: View) -> Content:
    """Return an arc for every series, side by side."""
    named = view.named()
    if not named:
        return Content.nothing(view.panel)
    width = 1 / len(named)
    data, texts = [], []
    for one in named:
        value = one.reduced(view.panel)
        left, right = one.place * width, (one.place + 1) * width
        data.append(_arc(one, value, [left + 0.04 * width, right - 0.04 * width]))
        shown = one.field.shown(value)
        place = {"x": (left + right) / 2, "xref": "paper", "yref": "paper", "xanchor": "center", "showarrow": False}
        texts.append(
            {**place, "y": 0.16, "text": plain(shown.text), "font": {"size": 25, "color": shown.color, "weight": 600}}
        )
        if len(named) > 1:
            texts.append({**place, "y": -0.02, "text": plain(one.name), "font": {"size": 12, "color": colors.TEXT}})
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
        "annotations": texts,
        "font": FONT,
    }
    return Content("ready", figure={"data": data, "layout": layout})


def _arc(one: Named, value: float | None, domain: list[float]) -> dict[str, Any]:
    low = one.field.low if one.field.low is not None else 0.0
    high = one.field.high if one.field.high is not None else max(value or 0, FULL)
    edges = [max(low, least if least is not None else low) for least, _ in one.field.steps]
    bands = zip(edges, [*edges[1:], high], [color for _, color in one.field.steps], strict=True)
    return {
        "type": "indicator",
        "mode": "gauge",
        "value": min(max(value or 0, low), high),
        "domain": {"x": domain, "y": [0, 1]},
        "gauge": {
            "axis": {"range": [low, high], "visible": False},
            "bar": {"color": one.field.shown(value).color, "thickness": 0.72},
            "bgcolor": "#22252b",
            "borderwidth": 0,
            "steps": [
                {"range": [start, end], "color": colors.faded(color, 0.28), "thickness": 1}
                for start, end, color in bands
                if end > start
            ],
        },
    }
