"""Building a dashboard: panels in their places, variables, annotations and links.

grafanalib 0.7.1 describes dashboards as Grafana 8 knew them. Its panels, queries and variables are given today's shape
here and in panels.py, and `modern` takes off what else Grafana 12 and 13 no longer write. Little of what Grafana has is
used, so that the lab's own viewer can show the same:

    panels           stat, gauge, bar gauge, time series, state timeline, table, text, row
    transformations  of tables alone: merge, then organize
    variables        data source; query with label_values(...), several values, All
    links            of dashboards, panels and values; the data link macros in use are those of `Column` and `data_link`
    units            short, none, percentunit, s, bytes, dateTimeFromNow
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from grafana.dashboards.addresses import AIRFLOW, ALERTMANAGER, INBOX, MLFLOW, PROMETHEUS
from grafana.dashboards.fields import BAD, WARNING, Json
from grafana.dashboards.panels import DATA_SOURCE

SCHEMA_VERSION = 41  # Grafana 12's; 13 reads it as it stands
TAG = "lab"
COLUMNS = 24


@dataclass(frozen=True)
class Line:
    """Panels side by side, each with its width in Grafana's 24 columns, and their height in its rows of 38 pixels."""

    height: int
    panels: Sequence[tuple[core.Panel, int]]


@dataclass(frozen=True)
class Section:
    """Lines under a heading; the first section of a dashboard has none."""

    title: str
    lines: Sequence[Line]


def variable(name: str, label: str, query: str) -> core.Template:
    """Return a variable that takes one or several values of a label, all of them at first."""
    return _Variable(name=name, label=label, query=query)


class _Variable(core.Template):  # type: ignore[misc] # grafanalib is untyped
    """A variable as today's Grafana writes it."""

    def to_json_data(self) -> Json:
        own = {"name": self.name, "label": self.label, "type": self.type, "query": self.query, "hide": 0, "options": []}
        if self.type == "datasource":
            return own | {"current": {"text": "Prometheus", "value": "prometheus"}, "refresh": 1, "regex": ""}
        every = {"current": {"text": ["All"], "value": ["$__all"]}, "allValue": ".*", "includeAll": True, "multi": True}
        # Read anew when the time range changes; in alphabetical order.
        return own | every | {"datasource": DATA_SOURCE, "refresh": 2, "regex": "", "sort": 1}


DATA_SOURCE_VARIABLE = _Variable(name="datasource", label="Data source", type="datasource", query="prometheus")


def annotations() -> core.Annotations:
    """Return the events that every time series shows: when runs failed and when alerts began to fire."""
    count = "sum by (dag_id) (airflow_dagrun_duration_failed_count)"
    before = "sum by (dag_id) (airflow_dagrun_duration_failed_count offset 15s)"
    # A counter is born with its first failure: what is not there counts as 0.
    failed = f"{count} - ({before} or 0 * {count}) > 0"
    firing = 'ALERTS{alertstate="firing",severity=~"critical|warning"}'
    fired = f"{firing} unless {firing} offset 15s"
    return core.Annotations(
        [
            _annotation("Failed runs", BAD, failed, "A run of {{dag_id}} failed", "dag_id"),
            _annotation("Fired alerts", WARNING, fired, "{{alertname}} {{dag_id}} {{task_id}}", "severity,component"),
        ]
    )


def _annotation(name: str, color: str, expr: str, title: str, tags: str) -> Json:
    return {
        "name": name,
        "datasource": DATA_SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "step": "5s",
        "titleFormat": title,
        "textFormat": "",
        "tagKeys": tags,
        "useValueForTime": False,
    }


def links() -> list[core.DashboardLink]:
    """Return what stands at the top of every dashboard: the others, with time and variables kept, and the programs."""
    others = core.DashboardLink(
        type="dashboards", title="Dashboards", tags=[TAG], keepTime=True, includeVars=True, icon="dashboard"
    )
    programs = {
        "Airflow": AIRFLOW,
        "MLflow": MLFLOW,
        "Prometheus": PROMETHEUS,
        "Alertmanager": ALERTMANAGER,
        "Inbox": INBOX,
    }
    return [
        others,
        *(
            core.DashboardLink(type="link", title=name, uri=url, targetBlank=True, keepTime=False)
            for name, url in programs.items()
        ),
    ]


def dashboard(
    uid: str, title: str, description: str, sections: Sequence[Section], variables: Sequence[core.Template] = ()
) -> Json:
    """Return a whole dashboard, as JSON knows it."""
    described = core.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=[TAG],
        schemaVersion=SCHEMA_VERSION,
        editable=False,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        refresh="10s",
        time=core.Time("now-15m", "now"),
        timezone="browser",
        templating=core.Templating([DATA_SOURCE_VARIABLE, *variables]),
        annotations=annotations(),
        links=links(),
        panels=placed(sections),
    ).auto_panel_ids()
    return modern(json.loads(json.dumps(described.to_json_data(), cls=DashboardEncoder)))


def placed(sections: Sequence[Section]) -> list[core.Panel]:
    """Return all panels with their places: line under line, each from left to right."""
    panels, top = [], 0
    for section in sections:
        if section.title:
            panels.append(core.RowPanel(title=section.title, gridPos=core.GridPos(h=1, w=COLUMNS, x=0, y=top)))
            top += 1
        for line in section.lines:
            left = 0
            for panel, width in line.panels:
                panel.gridPos = core.GridPos(h=line.height, w=width, x=left, y=top)
                panels.append(panel)
                left += width
            if left != COLUMNS:
                raise ValueError(f"the line of {line.panels[0][0].title!r} is {left} columns wide, not {COLUMNS}")
            top += line.height
    return panels


# --- What Grafana has given up ---

OLD_KEYS = frozenset("__inputs gnetId hideControls id rows sharedCrosshair style version".split())
WORDS_KEYS = frozenset("collapsed description gridPos id options panels title type".split())  # of texts and rows


def modern(old: Json) -> Json:
    """Return grafanalib's output without what Grafana has given up, and without fields that say nothing."""
    return {
        **{key: value for key, value in old.items() if key not in OLD_KEYS},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "panels": [_modern_panel(panel) for panel in old["panels"]],
    }


def _modern_panel(old: Json) -> Json:
    if old["type"] not in {"row", "text"}:
        return old
    return {key: value for key, value in old.items() if key in WORDS_KEYS and value is not None}
