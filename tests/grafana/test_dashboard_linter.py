"""What Grafana's own linter says of the dashboards: nothing, but for the exceptions with their reasons."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from grafana.dashboards.__main__ import GENERATED
from lab import judges
from tests.grafana.generated_dashboards import Json, dashboards, panels

EXCEPTIONS = GENERATED / ".lint"
PLAIN_COUNTER = re.compile(r"Dashboard '(.+)', panel '(.+)', target idx '\d+' counter metric")


def said(path: Path, *options: str | Path) -> tuple[int, str]:
    """Return the linter's exit code and words. Without --config it looks for exceptions beside the dashboard."""
    command = [judges.BIN / "dashboard-linter", "lint", "--strict", *options, path]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    return outcome.returncode, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_the_linter_accepts_the_dashboard(uid: str) -> None:
    code, words = said(GENERATED / f"{uid}.json", "--config", EXCEPTIONS)
    assert code == 0, words


def untitled(dashboard: Json) -> None:
    next(panels(dashboard))["title"] = ""


def unreadable(dashboard: Json) -> None:
    next(panels(dashboard))["targets"][0]["expr"] = "sum("


def editable(dashboard: Json) -> None:
    dashboard["editable"] = True


def of_one_data_source(dashboard: Json) -> None:
    over_time = next(panel for panel in panels(dashboard) if panel["type"] == "timeseries")
    over_time["datasource"]["uid"] = "prometheus"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (untitled, "has missing title"),
        (unreadable, "invalid PromQL query 'sum('"),
        (editable, "is editable"),
        (of_one_data_source, "does not use a templated datasource"),
    ],
)
def test_the_linter_finds_a_fault(tmp_path: Path, damage: Callable[[Json], None], says: str) -> None:
    dashboard = dashboards()["home"]
    damage(dashboard)
    path = tmp_path / "home.json"
    path.write_text(json.dumps(dashboard), encoding="utf-8")
    code, words = said(path, "--config", EXCEPTIONS)
    assert code != 0
    assert says in words


def test_exceptions_have_reasons_and_are_needed(tmp_path: Path) -> None:
    exclusions = yaml.safe_load(EXCEPTIONS.read_text(encoding="utf-8"))["exclusions"]
    counters = exclusions["target-counter-agg-rule"]["entries"]
    assert all(one["reason"] for one in [*exclusions.values(), *counters])
    words = ""
    for uid in dashboards():
        words += said(Path(shutil.copy(GENERATED / f"{uid}.json", tmp_path)))[1]
    assert set(PLAIN_COUNTER.findall(words)) == {(one["dashboard"], one["panel"]) for one in counters}
    needed = {
        "template-job-rule": "is missing the job template",
        "template-instance-rule": "is missing the instance template",
        "target-job-rule": "job selector not found",
        "target-instance-rule": "instance selector not found",
        "target-counter-agg-rule": "is not aggregated with rate",
    }
    assert exclusions.keys() == needed.keys()
    assert [rule for rule, complaint in needed.items() if complaint not in words] == []
