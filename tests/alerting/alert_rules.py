"""The alerting files as the tests read them: rules, their tests, runbooks, and the programs that judge them."""

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab import monitoring_programs
from lab.settings import REPOSITORY

ALERTING = REPOSITORY / "alerting"
RULE_FILES = sorted((ALERTING / "rules").glob("*.yml"))
TEST_FILES = sorted((ALERTING / "tests").glob("*.yml"))
RUNBOOKS = ALERTING / "runbooks"
PROMETHEUS = REPOSITORY / "prometheus" / "prometheus.yml"
ALERTMANAGER = ALERTING / "alertmanager.yml"
# Built by `make` out of alerting/tools.
VERSION_3 = REPOSITORY / ".tools" / "monitoring-3"

FUNCTIONS = "absent|and|bool|by|group_left|group_right|histogram_quantile|ignoring|label_replace|last_over_time|max|offset|on|or|sum|time|unless|vector|without"  # noqa: E501 - one expression


class Program(NamedTuple):
    """A judge of files, in one of its versions."""

    version: str
    path: str

    def __str__(self) -> str:
        """Return what pytest calls it."""
        return self.version


def both_versions(name: str) -> list[Program]:
    """Return a program as the lab runs it, and of Prometheus 3."""
    return [Program("as-run", monitoring_programs.find(name)), Program("version-3", str(VERSION_3 / name))]


def judge(program: Program, *arguments: str | Path) -> None:
    """Fail with what the program says if it does not accept what it is given. A program that is missing fails too."""
    outcome = subprocess.run(
        [program.path, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def load(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    """Return all rules, recordings and alerts."""
    return [rule for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alert rules by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def metrics_of(expression: str) -> set[str]:
    """Return the metrics that an expression reads. Enough of PromQL for these rules: a test counts on it."""
    text = re.sub(r"#.*", "", expression)
    text = re.sub(r'"[^"]*"', "", text)
    text = re.sub(r"\{[^}]*\}", "", text)
    text = re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", re.sub(r"\[[^]]*\]|\b\d+[smhd]\b", "", text))
    return {name for name in names if not re.fullmatch(FUNCTIONS, name)}
