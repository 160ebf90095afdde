"""The generated dashboards as the tests read them: their panels, and every query that one of them asks."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grafana.dashboards.__main__ import GENERATED

Json = dict[str, Any]

# What Grafana puts in for its own variables with a step of 5 s, the shortest of the data source.
STEP = {"__interval": "5s", "__rate_interval": "20s"}


@dataclass(frozen=True)
class Question:
    """One query of a panel, an annotation or a variable.

    Attributes:
        asker: the dashboard, and what in it asks.
        expr: the query, its variables not filled in.
        instant: whether it asks for one moment, or else for a range of time.
        empty: why it rightly has no answer while all is well.

    """

    asker: str
    expr: str
    instant: bool = False
    empty: str = ""

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the query with values in place of its variables, all of which must have one."""
        return re.sub(r"\$([a-z_]\w*)", lambda name: {**STEP, **values}[name[1]], self.expr)


def dashboards() -> dict[str, Json]:
    """Return every generated dashboard by the name of its file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GENERATED.glob("*.json"))}


def panels(dashboard: Json, *, asking: bool = True) -> Iterator[Json]:
    """Yield the panels of a dashboard; of those that ask nothing, text and rows, only where wanted."""
    for panel in dashboard["panels"]:
        if not asking or panel["type"] not in {"row", "text"}:
            yield panel


def variables(dashboard: Json) -> dict[str, Json]:
    """Return the variables of a dashboard that are asked of Prometheus, by their names."""
    return {one["name"]: one for one in dashboard["templating"]["list"] if one["type"] == "query"}


def questions() -> Iterator[Question]:
    """Yield every query of every panel and annotation."""
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard):
            empty = panel["fieldConfig"]["defaults"].get("noValue", "")
            for target in panel["targets"]:
                asker = f"{uid}: {panel['title']}: {target['refId']}"
                yield Question(asker, target["expr"], target["instant"], empty)
        for annotation in dashboard["annotations"]["list"]:
            # An event that has not happened.
            yield Question(f"{uid}: {annotation['name']}", annotation["expr"], empty="Nothing has failed.")
