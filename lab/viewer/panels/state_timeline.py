"""State timeline: a band for each series, in the color of its state, which changes over time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from dash import html

from lab.viewer import colors
from lab.viewer.fields import Shown
from lab.viewer.panels.axes import APART, base_layout
from lab.viewer.panels.content import Content, Named, View, plain
from lab.viewer.times import moment, plotly_times

LETTERS_A_COLUMN = 2
LEAST_LETTERS = 16


def content(view: View) -> Content:
    """Return the bands, the first series at the top."""
    named = view.named()
    if not named:
        return Content.nothing(view.panel)
    layout = base_layout(view)
    layout["hovermode"] = "closest"
    layout["barmode"] = "overlay"
    layout["bargap"] = 1 - view.panel.options.get("rowHeight", 0.9)
    places = [-one.place for one in named]
    layout["yaxis"] = {
        **APART,
        "tickvals": places,
        "ticktext": [plain(_shortened(one.name, view.panel.grid["w"] * LETTERS_A_COLUMN)) for one in named],
        "range": [places[-1] - 0.5, places[0] + 0.5],
        "fixedrange": True,
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
    }
    seen: dict[str, str] = {}
    data = [_bands(view, one, seen) for one in named]
    legend = view.panel.options.get("legend", {}).get("showLegend", True)
    return Content("ready", _legend(seen) if legend else [], {"data": data, "layout": layout})


def _bands(view: View, one: Named, seen: dict[str, str]) -> dict[str, Any]:
    spans = _spans(view, one)
    shown = [one.field.shown(value) for _, _, value in spans]
    _remember(shown, seen)
    begins = plotly_times([start for start, _, _ in spans])
    ends = plotly_times([end for _, end, _ in spans])
    shows_value = view.panel.options.get("showValue", "auto") != "never"
    return {
        "type": "bar",
        "orientation": "h",
        "base": begins,
        "x": [end - begin for begin, end in zip(begins, ends, strict=True)],
        "y": [-one.place] * len(spans),
        "marker": {"color": [state.color for state in shown], "line": {"width": 0}, "opacity": 0.9},
        "text": [plain(state.text) if shows_value else "" for state in shown],
        "textposition": "inside",
        "insidetextanchor": "start",
        "customdata": [
            f"{plain(state.text)}<br>{moment(start):%H:%M:%S} to {moment(end):%H:%M:%S}"
            for state, (start, end, _) in zip(shown, spans, strict=True)
        ],
        "hovertemplate": f"{plain(one.name).replace('%', '&#37;')}: %{{customdata}}<extra></extra>",
    }


def _spans(view: View, one: Named) -> list[tuple[float, float, float]]:
    """Return from when to when each state lasted. Points that are missing leave a gap; equal neighbors are one."""
    points = list(zip(one.series.times, one.series.values, strict=True))
    last = min(points[-1][0] + view.step, view.choice.range.end)
    spans: list[tuple[float, float, float]] = []
    for (start, value), (end, _) in pairwise([*points, (max(last, points[-1][0]), None)]):
        if value is None:
            continue
        until = min(end, start + 1.5 * view.step)
        if spans and view.panel.options.get("mergeValues", True) and spans[-1][1:] == (start, value):
            spans[-1] = (spans[-1][0], until, value)
        else:
            spans.append((start, until, value))
    return spans


def _remember(shown: Sequence[Shown], seen: dict[str, str]) -> None:
    for state in shown:
        seen.setdefault(state.text, state.color)


def _shortened(name: str, letters: int) -> str:
    most = max(letters, LEAST_LETTERS)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _legend(seen: dict[str, str]) -> list[html.Div]:
    entries = [
        html.Div([html.Span(className="swatch", style={"background": color or colors.TEXT}), html.Span(text)])
        for text, color in seen.items()
    ]
    return [html.Div(entries, className="legend")]
