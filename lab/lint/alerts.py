"""Alerts in full: each has a test, a runbook and a row in docs/alerts.md, and none of these is without an alert."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.lint.finding import Finding
from lab.lint.lined_yaml import Text, load
from lab.lint.rules import Rule, alerts

TESTS = Path("alerting") / "tests"
RUNBOOKS = Path("alerting") / "runbooks"
PAGE = Path("docs") / "alerts.md"
ROW = re.compile(r"^\| (\w+) \| (\w+) \| (\w+) \| .+ \| \[what to do\]\((\S+)\) \|$")


class Question(NamedTuple):
    """What a rule test asks of an alert at some time, and whether the alert must fire then."""

    path: Path
    test: str
    alert: Text
    fires: bool


def incomplete(root: Path) -> list[Finding]:
    """Return what an alert lacks, and what has no alert."""
    known = alerts(root)
    asked = questions(root)
    return [
        *_lacking(root, known, {question.alert for question in asked if question.fires}),
        *_misdocumented(root, known),
        *(
            Finding(_shown(root, path), 1, f"no alert is called {path.stem}: rename the page, or remove it")
            for path in sorted((root / RUNBOOKS).iterdir())
            if path.stem not in known
        ),
        *(
            Finding(_shown(root, path), name.line, f"no alert is called {name}: correct the name, or remove the test")
            for path, _, name, _ in asked
            if name not in known
        ),
    ]


def questions(root: Path) -> list[Question]:
    """Return all that the rule tests ask of alerts."""
    return [
        Question(path, test["name"], question["alertname"], bool(question["exp_alerts"]))
        for path in sorted((root / TESTS).glob("*.yml"))
        for test in load(path)["tests"]
        for question in test.get("alert_rule_test", [])
    ]


def _lacking(root: Path, known: dict[str, Rule], tested: set[Text]) -> Iterator[Finding]:
    documented = {row[0] for row, _ in _rows(root)}
    for name, rule in known.items():
        at = (_shown(root, rule.path), rule.name.line)
        if name not in tested:
            yield Finding(*at, f"alert {name} has no test in which it fires: write one in {TESTS}/")
        if not (root / RUNBOOKS / f"{name}.md").exists():
            yield Finding(*at, f"alert {name} has no runbook: write {RUNBOOKS / name}.md")
        if name not in documented:
            yield Finding(*at, f"alert {name} has no row in {PAGE}: add {_row_of(rule)}")


def _misdocumented(root: Path, known: dict[str, Rule]) -> Iterator[Finding]:
    for row, line in _rows(root):
        name = row[0]
        if name not in known:
            yield Finding(str(PAGE), line, f"no alert is called {name}: correct the name, or remove the row")
        elif row != _facts(known[name]):
            yield Finding(str(PAGE), line, f"the rule of {name} says otherwise: make it {_row_of(known[name])}")


def _rows(root: Path) -> list[tuple[tuple[str, ...], int]]:
    """Return name, severity, `for` and runbook of each row of the page, with its line."""
    lines = (root / PAGE).read_text(encoding="utf-8").splitlines()
    return [(found.groups(), number) for number, line in enumerate(lines, 1) if (found := ROW.match(line))]


def _facts(rule: Rule) -> tuple[str, ...]:
    runbook = f"../{RUNBOOKS / rule.name}.md"
    return (rule.name, rule.content.get("labels", {}).get("severity", ""), rule.content.get("for", "0s"), runbook)


def _row_of(rule: Rule) -> str:
    name, severity, seconds, runbook = _facts(rule)
    return f"`| {name} | {severity} | {seconds} | … | [what to do]({runbook}) |`"


def _shown(root: Path, path: Path) -> str:
    return str(path.relative_to(root))
