"""The dashboards: every query is PromQL and reads metrics that there are.

The modules of grafana/dashboards are run by themselves, so that what is found is in them, not in what they generated.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lab.lint.finding import Finding, line_of
from lab.lint.metrics import known, unknown
from lab.lint.promql import metrics_of

FOLDER = Path("grafana") / "dashboards"
# Prints each dashboard with the module that it is of.
PRINT = """
import json, sys
from grafana import dashboards
found = [module for module in vars(dashboards).values() if hasattr(module, "DASHBOARD")]
json.dump([(module.__file__, module.DASHBOARD) for module in found], sys.stdout)
"""
FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)
# What a variable offers: label_values(metric, label), query_result(expression).
LABEL_VALUES = re.compile(r"^label_values\((?:(.+),\s*)?\w+\)$", re.DOTALL)
QUERY_RESULT = re.compile(r"^query_result\((.+)\)$", re.DOTALL)


class Query(NamedTuple):
    """An expression, and the name of the panel, variable or annotation that it is of."""

    expression: str
    title: str


def faulty(root: Path) -> list[Finding]:
    """Return what is wrong with the queries of the dashboards in a tree."""
    outcome = subprocess.run([sys.executable, "-c", PRINT], cwd=root, capture_output=True, text=True, check=False)
    if outcome.returncode:
        return [_not_importable(root, outcome.stderr)]
    there_are = known(root)
    return [
        finding
        for module, dashboard in json.loads(outcome.stdout)
        for query in queries(dashboard)
        for finding in _faults(root, Path(module), query, there_are)
    ]


def queries(dashboard: dict[str, Any]) -> Iterator[Query]:
    """Yield the expressions of a dashboard as Grafana reads it: of panels, variables and annotations."""
    for panel in dashboard.get("panels", ()):
        yield from queries(panel)  # those of a row that is folded
        for target in panel.get("targets", ()):
            yield Query(target["expr"], panel["title"])
    for variable in dashboard.get("templating", {}).get("list", ()):
        if variable["type"] == "query" and (expression := _of_variable(variable["query"])):
            yield Query(expression, variable["name"])
    for annotation in dashboard.get("annotations", {}).get("list", ()):
        if "expr" in annotation:
            yield Query(annotation["expr"], annotation["name"])


def _of_variable(query: str | dict[str, str]) -> str:
    text = query if isinstance(query, str) else query["query"]
    found = LABEL_VALUES.match(text) or QUERY_RESULT.match(text)
    return (found[1] or "") if found else text


def _faults(root: Path, module: Path, query: Query, there_are: set[str]) -> Iterator[Finding]:
    try:
        strangers = metrics_of(query.expression) - there_are
    except ValueError as error:
        yield _at(root, module, (query.expression, query.title), f"{query.title}: {query.expression!r}: {error}")
        return
    for metric in strangers:
        yield _at(root, module, (metric, query.title), f"{query.title}: {unknown(metric, there_are)}")


def _at(root: Path, module: Path, words: tuple[str, str], text: str) -> Finding:
    """Place a finding where the word stands: in the module or what it shares with others, else at the panel's title."""
    word, title = words
    shared = [path for path in sorted((root / FOLDER).glob("*.py")) if path != module]
    places = [(path, word) for path in (module, *shared)] + [(path, title) for path in (module, *shared)]
    for path, sought in places:
        if line := line_of(path, sought):
            return Finding(str(path.relative_to(root)), line, text)
    return Finding(str(module.relative_to(root)), 1, text)


def _not_importable(root: Path, said: str) -> Finding:
    """Place what Python said at the last line of the dashboards' own that it names."""
    own = [(path, line) for path, line in FRAME.findall(said) if Path(path).is_relative_to(root / FOLDER)]
    path, line = own[-1] if own else (root / FOLDER / "__init__.py", 1)
    return Finding(str(Path(path).relative_to(root)), int(line), said.strip().splitlines()[-1])
