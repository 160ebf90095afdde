"""Axes: what the graphs over time have in common."""

from collections.abc import Sequence
from typing import Any

from lab.viewer import colors
from lab.viewer.annotations import Event
from lab.viewer.panels.content import View, plain
from lab.viewer.times import moment, plotly_times

# Room between an axis and what is written beside it.
APART = {"ticks": "outside", "ticklen": 5, "tickcolor": "rgba(0,0,0,0)"}
FONT = {"family": "Inter, Helvetica, Arial, 'Liberation Sans', sans-serif", "size": 11.5, "color": colors.TEXT}


def base_layout(view: View) -> dict[str, Any]:
    """Return Plotly's layout of a graph over the whole range, without its y axis."""
    times = view.choice.range
    return {
        # As long as it stays the same, what a person zoomed into stays too.
        "uirevision": f"{times.since} {times.until}",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": FONT,
        "margin": {"l": 8, "r": 12, "t": 6, "b": 22},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#22252b", "bordercolor": "#44474f", "font": {"size": 12, "color": colors.TEXT}},
        "xaxis": {
            "type": "date",
            "range": plotly_times([times.start, times.end]),
            "gridcolor": colors.LINES,
            "zeroline": False,
            "spikecolor": colors.FAINT,
            "spikethickness": 1,
            "spikedash": "dot",
            "nticks": max(3, view.panel.grid["w"]),
            "tickformatstops": [
                {"dtickrange": [None, 59_999], "value": "%H:%M:%S"},
                {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
                {"dtickrange": [86_400_000, None], "value": "%m-%d"},
            ],
            "hoverformat": "%Y-%m-%d %H:%M:%S",
        },
    }


def events_drawn(events: Sequence[Event]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shapes of events, and the marks at the foot of the graph that tell what they are."""
    if not events:
        return [], []
    shapes = []
    for event in events:
        start, end = plotly_times([event.start, event.end])
        line = {"color": colors.faded(event.color, 0.7), "width": 1, "dash": "dash"}
        shape = {"xref": "x", "yref": "paper", "x0": start, "x1": end, "y0": 0, "y1": 1, "layer": "below"}
        if event.end > event.start:
            shapes.append({**shape, "type": "rect", "fillcolor": colors.faded(event.color, 0.05), "line": {"width": 0}})
        shapes.append({**shape, "type": "line", "x1": start, "line": line})
    marks = {
        "type": "scatter",
        "mode": "markers",
        "x": plotly_times([event.start for event in events]),
        "y": [0] * len(events),
        "yaxis": "y2",
        "cliponaxis": False,
        "marker": {"symbol": "triangle-up", "size": 8, "color": [event.color for event in events]},
        "text": [plain(f"{event.title}, {moment(event.start):%H:%M:%S}") for event in events],
        "hovertemplate": "%{text}<extra></extra>",
    }
    return shapes, [marks]
