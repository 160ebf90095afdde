"""Time series: lines or bars over time, with thresholds, events and a legend."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from dash import html

from lab.viewer import colors, units
from lab.viewer.annotations import Event
from lab.viewer.fields import Field
from lab.viewer.panels.axes import APART, base_layout, events_drawn
from lab.viewer.panels.content import Content, Named, View, linked, plain, reduced
from lab.viewer.times import plotly_times

# Rows of 30 px and gaps of 8; a tick wants this much room.
TICK_ROWS = 1.1
LINE_SHAPES = {"stepAfter": "hv", "stepBefore": "vh", "smooth": "spline"}


def content(view: View) -> Content:
    """Return a graph of all series."""
    named = view.named()
    if not named:
        return Content.nothing(view.panel)
    layout = base_layout(view)
    layout["yaxis"] = _y_axis(view, named)
    layout["barmode"] = "stack" if _is_stacked(named[0].field) else "overlay"
    layout["shapes"] = _thresholds(named[0].field)
    data = [trace for one in named for trace in _traces(view, one)]
    shapes, markers = events_drawn(_shown(view.events, view))
    layout["shapes"] += shapes
    # Marks stand at the foot of the graph, whatever its values are.
    layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    return Content("ready", _legend(view, named), {"data": [*data, *markers], "layout": layout})


def _shown(events: Sequence[Event], view: View) -> list[Event]:
    times = view.choice.range
    return [event for event in events if event.end >= times.start and event.start <= times.end]


def _traces(view: View, one: Named) -> list[dict[str, Any]]:
    """Return what fills the area below a line, and the line."""
    line = _trace(view, one)
    if one.field.custom("drawStyle") == "bars" or _is_stacked(one.field) or not one.field.custom("fillOpacity"):
        return [line]
    # Plotly fills across gaps: hence an area for each part of the line that has none.
    shared = {
        "type": "scatter",
        "mode": "lines",
        "fill": "tozeroy",
        "hoverinfo": "skip",
        "fillcolor": line["fillcolor"],
    }
    invisible = {"width": 0, "shape": line["line"]["shape"]}
    points = zip(line["x"], line["y"], strict=True)
    parts = [list(part) for has_value, part in groupby(points, lambda point: point[1] is not None) if has_value]
    areas = [{**shared, "line": invisible, "x": [x for x, _ in part], "y": [y for _, y in part]} for part in parts]
    return [*areas, line]


def _trace(view: View, one: Named) -> dict[str, Any]:
    field = one.field
    color = field.color(reduced(one.series, "lastNotNull"), one.place)
    instants, values = _with_gaps(one, view.step)
    fill = colors.faded(color, field.custom("fillOpacity", 0) / 100)
    trace: dict[str, Any] = {
        "name": plain(one.name),
        "x": plotly_times(instants),
        "y": values,
        "text": [plain(field.shown(value).text) if value is not None else "" for value in values],
        "hovertemplate": "%{text}",
    }
    if field.custom("drawStyle") == "bars":
        return trace | {
            "type": "bar",
            "marker": {"color": fill, "line": {"color": color, "width": 1}},
            "textposition": "none",
        }
    alone = _isolated(values)
    shows_points = field.custom("drawStyle") == "points" or field.custom("showPoints") == "always"
    size = field.custom("pointSize", 5)
    trace |= {
        "type": "scatter",
        "mode": "markers" if field.custom("drawStyle") == "points" else "lines+markers",
        "line": {
            "color": color,
            "width": field.custom("lineWidth", 1),
            "shape": LINE_SHAPES.get(field.custom("lineInterpolation"), "linear"),
        },
        # A point without neighbors makes no line.
        "marker": {"color": color, "size": size if shows_points else [size if is_alone else 0 for is_alone in alone]},
        "connectgaps": bool(field.custom("spanNulls")),
        "fillcolor": fill,
    }
    if _is_stacked(field):
        return trace | {"stackgroup": field.custom("stacking")["group"]}
    return trace


def _with_gaps(one: Named, step: float) -> tuple[list[float], list[float | None]]:
    """Return the points with an empty one wherever some are missing, so that no line bridges the gap."""
    instants: list[float] = []
    values: list[float | None] = []
    for instant, value in zip(one.series.times, one.series.values, strict=True):
        if instants and instant - instants[-1] > 1.5 * step:
            instants.append(instants[-1] + step)
            values.append(None)
        instants.append(instant)
        values.append(value)
    return instants, values


def _isolated(values: Sequence[float | None]) -> list[bool]:
    around = [None, *values, None]
    return [around[place] is None and around[place + 2] is None for place in range(len(values))]


def _is_stacked(field: Field) -> bool:
    return bool(field.custom("stacking", {}).get("mode", "none") != "none")


def _y_axis(view: View, named: Sequence[Named]) -> dict[str, Any]:
    field = named[0].field
    low, high = _extremes(named)
    for one in named:
        if one.field.custom("axisSoftMin") is not None:
            low = min(low, one.field.custom("axisSoftMin"))
        if one.field.custom("axisSoftMax") is not None:
            high = max(high, one.field.custom("axisSoftMax"))
    if field.custom("thresholdsStyle", {}).get("mode", "off") != "off":
        high = max([high, *(least * 1.05 for least, _ in field.steps if least is not None)])
    if high <= low:
        high = low + (abs(low) or 1)
    # Room above the highest point; below only where the axis does not end at a round value anyway.
    top = high + 0.08 * (high - low)
    bottom = low if low == 0 else low - 0.08 * (high - low)
    low, high = (one if one is not None else other for one, other in ((field.low, bottom), (field.high, top)))
    if field.high is not None and top > field.high:
        high = field.high + 0.02 * (field.high - low)
    places = units.ticks(low, high, field.unit, max(2, int(view.panel.grid["h"] / TICK_ROWS)))
    return {
        "range": [low, high],
        "tickvals": places,
        "ticktext": [plain(units.written(place, field.unit)) for place in places],
        **APART,
        "gridcolor": colors.LINES,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }


def _extremes(named: Sequence[Named]) -> tuple[float, float]:
    """Return the least and the greatest value; of what is stacked, the greatest sum."""
    values = [value for one in named for value in one.series.values if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    stacked = [one for one in named if _is_stacked(one.field)]
    sums: dict[float, float] = {}
    for one in stacked:
        for instant, value in zip(one.series.times, one.series.values, strict=True):
            sums[instant] = sums.get(instant, 0) + max(value or 0, 0)
    return (min(low, 0), max([high, *sums.values()])) if stacked else (low, high)


def _thresholds(field: Field) -> list[dict[str, Any]]:
    mode = field.custom("thresholdsStyle", {}).get("mode", "off")
    if mode == "off":
        return []
    line = {"width": 1.5, "dash": "dash" if "dashed" in mode else "solid"}
    return [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": least, "y1": least, "line": {**line, "color": color}}
        for least, color in field.steps
        if least is not None
    ]


def _legend(view: View, named: Sequence[Named]) -> list[html.Div]:
    legend = view.panel.options.get("legend", {})
    if not legend.get("showLegend", True) or legend.get("displayMode") == "hidden":
        return []
    entries = []
    for one in named:
        last = reduced(one.series, "lastNotNull")
        calculated = [
            html.Span(
                f"{name.removesuffix('NotNull')}: {one.field.shown(reduced(one.series, name)).text}", className="calc"
            )
            for name in legend.get("calcs", ())
        ]
        swatch = html.Span(className="swatch", style={"background": one.field.color(last, one.place)})
        name = linked(one.name, one.field, one.about(view.choice, last))
        entries.append(html.Div([swatch, html.Span(name, className="name", title=one.name), *calculated]))
    return [html.Div(entries, className="legend")]
