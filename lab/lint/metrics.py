"""The metrics there are: those of docs/metrics.md, and what the rules record; and who reads others."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from lab.lint.finding import Finding, line_of
from lab.lint.promql import metrics_of
from lab.lint.rules import rules

PAGE = Path("docs") / "metrics.md"
# The rows of the page's tables: metric, then its type or, of the programs' own, who says it.
ROW = re.compile(r"^\| `(\w+)` \| (`[\w-]+`|\w+) \|", re.MULTILINE)
OF_A_HISTOGRAM = ("_bucket", "_sum", "_count")
# Prometheus makes these out of the rules.
OF_ALERTS = {"ALERTS", "ALERTS_FOR_STATE"}


def documented(root: Path) -> set[str]:
    """Return the metrics of docs/metrics.md, of histograms the names that queries use."""
    rows = ROW.findall((root / PAGE).read_text(encoding="utf-8"))
    return {name + suffix for name, kind in rows for suffix in (OF_A_HISTOGRAM if kind == "histogram" else ("",))}


def said_by_programs(root: Path) -> set[tuple[str, str]]:
    """Return the metrics of docs/metrics.md that a program says of itself, each with the program."""
    rows = ROW.findall((root / PAGE).read_text(encoding="utf-8"))
    return {(name, program.strip("`")) for name, program in rows if program.startswith("`")}


def recorded(root: Path) -> set[str]:
    """Return the metrics that the rules record."""
    return {rule.name for rule in rules(root) if not rule.is_alert}


def known(root: Path) -> set[str]:
    """Return every metric that rules and dashboards may read."""
    return documented(root) | recorded(root) | OF_ALERTS


def unknown_in_rules(root: Path) -> list[Finding]:
    """Return what rules read and nobody sends."""
    there_are = known(root)
    return [
        Finding(
            str(rule.path.relative_to(root)),
            line_of(rule.path, metric, rule.expression.line) or rule.expression.line,
            unknown(metric, there_are),
        )
        for rule in rules(root)
        for metric in metrics_of(rule.expression) - there_are
    ]


def unknown(metric: str, there_are: Collection[str]) -> str:
    """Return what to say of a metric that nobody knows."""
    close = get_close_matches(metric, there_are, n=1)
    guess = f"; did you mean {close[0]}?" if close else "."
    return f"unknown metric {metric}: neither {PAGE} nor a rule has it{guess} Correct its name, or document it there"
