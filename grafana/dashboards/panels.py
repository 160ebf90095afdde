"""Panels: figures, dials, bars, lines, bands, tables and words, with their queries, as today's Grafana writes them."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafanalib import core

from grafana.dashboards.fields import ALWAYS_PLAIN, Column, Field, Json

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Query:
    """A query in Prometheus's language, and the name of its series: words, with {{label}} for a label's value."""

    expr: str
    legend: str = ""


Queries = Sequence[Query]


def stat(title: str, description: str, queries: Queries, shown: Field, *, named: bool = False) -> core.Panel:
    """Return figures on colored ground; `named`, each with the name of its series."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value" if shown.steps == ALWAYS_PLAIN and not shown.mappings else "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name" if named else "value",
        "wideLayout": True,
    }
    return _panel("stat", title, description, _targets(queries, instant=True), shown, options)


def gauge(title: str, description: str, queries: Queries, shown: Field) -> core.Panel:
    """Return dials."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }
    return _panel("gauge", title, description, _targets(queries, instant=True), shown, options)


def bar_gauge(title: str, description: str, queries: Queries, shown: Field) -> core.Panel:
    """Return horizontal bars, one for each series."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 300,
    }
    return _panel("bargauge", title, description, _targets(queries, instant=True), shown, options)


def time_series(
    title: str, description: str, queries: Queries, shown: Field, *, bars: bool = False, limit: bool = False
) -> core.Panel:
    """Return lines, or stacked bars of a minute for what is counted; `limit` draws the thresholds as lines."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if shown.unit == "short" and not bars else "linear",
        "lineWidth": 1 if bars else 2,
        "fillOpacity": 80 if bars else 10,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limit else "off"},
        "axisPlacement": "auto",
        "axisSoftMin": 0,
        "scaleDistribution": {"type": "linear"},
    }
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    targets = _targets(queries, interval="1m" if bars else "")
    panel = _panel("timeseries", title, description, targets, shown, options)
    panel.extraJson["fieldConfig"]["defaults"] |= {"custom": custom, "color": {"mode": "palette-classic"}}
    return panel


def state_timeline(title: str, description: str, queries: Queries, shown: Field) -> core.Panel:
    """Return a band for each series, colored by the mappings of its values."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "alignValue": "left",
        "rowHeight": 0.8,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    # States are recorded every 15 seconds: finer steps would only cost.
    panel = _panel("state-timeline", title, description, _targets(queries, interval="15s"), shown, options)
    panel.extraJson["fieldConfig"]["defaults"]["custom"] = {"lineWidth": 0, "fillOpacity": 80}
    return panel


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a table holds.

    Attributes:
        labels: its first columns, by the label that each shows. There is one row for each combination of them.
        values: its further columns, by the query that each shows.
        sort: the heading of the column by which rows are sorted, highest first with "-" before it.

    """

    labels: Mapping[str, Column]
    values: Mapping[str, Column]
    sort: str


def table(title: str, description: str, content: Content, shown: Field | None = None) -> core.Panel:
    """Return a table with one row for each combination of labels."""
    # No other label, nor a metric's name: rows with different ones would not be merged.
    by = ", ".join(content.labels)
    targets = _targets([Query(f"max by ({by}) ({expr})") for expr in content.values], instant=True, table=True)
    columns = dict(content.labels)
    for target, column in zip(targets, content.values.values(), strict=True):
        columns[f"Value #{target.refId}" if len(targets) > 1 else "Value"] = column
    organize = {
        "excludeByName": {"Time": True},
        "renameByName": {source: column.name for source, column in columns.items()},
        "indexByName": {source: index for index, source in enumerate(columns)},
    }
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": content.sort.removeprefix("-"), "desc": content.sort.startswith("-")}],
    }
    panel = _panel("table", title, description, targets, shown or Field(), options)
    panel.extraJson["fieldConfig"]["defaults"]["custom"] = {"align": "auto", "filterable": False}
    overrides = [column.override() for column in columns.values()]
    panel.extraJson["fieldConfig"]["overrides"] = [override for override in overrides if override["properties"]]
    panel.transformations = [
        *([{"id": "merge", "options": {}}] if len(targets) > 1 else []),
        {"id": "organize", "options": organize},
    ]
    return panel


def text(title: str, description: str, content: str) -> core.Panel:
    """Return words, in Markdown."""
    return core.Text(title=title, description=description, content=content)


def linked(panel: core.Panel, *links: Json) -> core.Panel:
    """Return the panel with links at its heading."""
    panel.links = list(links)
    return panel


def _targets(queries: Queries, *, instant: bool = False, table: bool = False, interval: str = "") -> list["_Target"]:
    return [
        _Target(
            expr=" ".join(query.expr.split()),
            legendFormat=query.legend or "__auto",
            refId=string.ascii_uppercase[number],
            instant=instant,
            format="table" if table else "time_series",
            interval=interval,
            datasource=DATA_SOURCE,
        )
        for number, query in enumerate(queries)
    ]


class _Target(core.Target):  # type: ignore[misc] # grafanalib is untyped
    """A query as today's Grafana writes it."""

    def to_json_data(self) -> Json:
        names = ("datasource", "expr", "format", "instant", "interval", "legendFormat", "refId")
        written = {name: getattr(self, name) for name in names if getattr(self, name) != ""}
        return written | {"editorMode": "code", "range": not self.instant}


class _Panel(core.Panel):  # type: ignore[misc] # grafanalib is untyped
    """A panel as today's Grafana writes it; `extraJson` holds its type, fields and options."""

    def to_json_data(self) -> Json:
        panel = {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "datasource": DATA_SOURCE,
            "gridPos": self.gridPos,
            "targets": self.targets,
            "links": self.links,
            **self.extraJson,
        }
        return panel | ({"transformations": self.transformations} if self.transformations else {})


def _panel(kind: str, title: str, description: str, targets: Sequence[_Target], shown: Field, options: Json) -> _Panel:
    fields = {"defaults": {"color": {"mode": "thresholds"}, **shown.properties()}, "overrides": shown.overrides()}
    described = {"type": kind, "fieldConfig": fields, "options": options}
    return _Panel(title=title, description=description, targets=targets, extraJson=described)
