"""The alerting files as the tests read them, and the programs that judge them."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lab import judges, monitoring_programs
from lab.lint import rules
from lab.settings import REPOSITORY

ALERTING = REPOSITORY / "alerting"
RULE_FILES = rules.files(REPOSITORY)
TEST_FILES = sorted((ALERTING / "tests").glob("*.yml"))
RUNBOOKS = ALERTING / "runbooks"
PROMETHEUS = REPOSITORY / "prometheus" / "prometheus.yml"
ALERTMANAGER = ALERTING / "alertmanager.yml"


class Program(NamedTuple):
    """A judge of files, in one of its versions."""

    version: str
    path: str

    def __str__(self) -> str:
        """Return what pytest calls it."""
        return self.version


def both_versions(name: str) -> list[Program]:
    """Return a program as the lab runs it, and of Prometheus 3."""
    return [Program("as-run", monitoring_programs.find(name)), Program("version-3", str(judges.BIN / name))]


def judge(program: Program | Path, *arguments: str | Path) -> None:
    """Fail with what the program says if it does not accept what it is given. A program that is missing fails too."""
    path = program.path if isinstance(program, Program) else program
    outcome = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def load(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alert rules by name, as the files have them."""
    return {name: rule.content for name, rule in rules.alerts(REPOSITORY).items()}
