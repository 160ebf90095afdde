"""Panels: each kind's picture of the answers to its queries."""

from collections.abc import Callable, Mapping

from lab.viewer.panels import bar_gauge, gauge, stat, state_timeline, table, text, time_series
from lab.viewer.panels.content import Content, View

ROW = "row"
# These are Plotly's; the others are HTML.
GRAPHS = {"timeseries", "state-timeline", "gauge"}
KINDS: Mapping[str, Callable[[View], Content]] = {
    "bargauge": bar_gauge.content,
    "gauge": gauge.content,
    "stat": stat.content,
    "state-timeline": state_timeline.content,
    "table": table.content,
    "text": text.content,
    "timeseries": time_series.content,
}


def content_of(view: View) -> Content:
    """Return what a panel shows."""
    kind = KINDS.get(view.panel.kind)
    if kind is None:
        return Content.problem(f"The viewer does not know panels of the type {view.panel.kind}. Grafana shows it.")
    return kind(view)
