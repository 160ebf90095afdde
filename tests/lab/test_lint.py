"""Lint: each fault of a metric, rule, alert or dashboard is named with its file and line."""

import shutil
from pathlib import Path

import pytest

from lab.lint.__main__ import findings
from lab.settings import REPOSITORY

PIPELINES = "alerting/rules/pipelines.yml"
RUN_SLOW = "      - alert: RunSlow\n"
RUN_FAILED_ROW = "| RunFailed | critical | 1m |"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy what is linted."""
    for folder in ("alerting", "docs", "grafana"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / ".env.example", tmp_path)
    return tmp_path


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text, f"{path.name} no longer holds {before!r}: adapt this test"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def line_of(path: Path, words: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def test_the_repository_has_no_fault() -> None:
    assert [str(finding) for finding in findings(REPOSITORY)] == []


@pytest.mark.parametrize(
    ("file", "before", "after", "at", "says"),
    [
        pytest.param(
            *(PIPELINES, "expr: dag_id:airflow_deadline_alerts_deadline_missed:last5m > 0", "expr: (1"),
            *("expr: (1", '"DeadlineMissed": could not parse expression'),
            id="an expression is no PromQL",
        ),
        pytest.param(
            *(PIPELINES, RUN_SLOW, "      - alert: RunSlow\n     x: 1\n"),
            *("     x: 1", "no YAML"),
            id="a rule file is no YAML",
        ),
        pytest.param(
            *(PIPELINES, RUN_SLOW, "      - alert: RunSlow\n        fore: 1m\n"),
            *("fore: 1m", "promtool: field fore not found"),
            id="a rule has a field that there is not",
        ),
        pytest.param(
            *(PIPELINES, "{{ $labels.dag_id }} was slow", "{{ $label.dag_id }} was slow"),
            *("alert: RunSlow", 'undefined variable "$label"'),
            id="a template names a variable that there is not",
        ),
        pytest.param(
            *(
                PIPELINES,
                "sum by (dag_id) (airflow_dagrun_duration_success_sum -",
                "sum by (dag_id) (airflow_run_sum -",
            ),
            *("airflow_run_sum", "unknown metric airflow_run_sum"),
            id="a rule reads a metric that nobody sends",
        ),
        pytest.param(
            *(PIPELINES, RUN_SLOW, "      - alert: RunLate\n"),
            *("alert: RunLate", "alert RunLate has no test in which it fires"),
            id="an alert has no test",
        ),
        pytest.param(
            *(PIPELINES, RUN_SLOW, "      - alert: RunLate\n"),
            *("alert: RunLate", "alert RunLate has no runbook: write alerting/runbooks/RunLate.md"),
            id="an alert has no runbook",
        ),
        pytest.param(
            *("docs/alerts.md", RUN_FAILED_ROW, "| RunFailing | critical | 1m |"),
            *("| RunFailing |", "no alert is called RunFailing"),
            id="a row has no alert",
        ),
        pytest.param(
            *("docs/alerts.md", RUN_FAILED_ROW, "| RunFailed | warning | 5m |"),
            *("| RunFailed |", "the rule of RunFailed says otherwise: make it `| RunFailed | critical | 1m |"),
            id="a row differs from the rule",
        ),
        pytest.param(
            *("alerting/tests/mlops.yml", "alertname: SSHConnectionFailed", "alertname: SSHFailed"),
            *("alertname: SSHFailed", "no alert is called SSHFailed"),
            id="a test has no alert",
        ),
        pytest.param(
            *("grafana/dashboards/home.py", "lab_probe_success{target!", "lab_probe_successes{target!"),
            *("lab_probe_successes", "did you mean lab_probe_success?"),
            id="a dashboard asks for a metric that nobody sends",
        ),
        pytest.param(
            *("grafana/dashboards/queries.py", "(airflow_{part}_heartbeat[1m])", "(airflow_{part}_beat[1m])"),
            *("", "unknown metric airflow_scheduler_beat"),
            id="what dashboards share makes up a metric: it is named at the panel",
        ),
        pytest.param(
            *("grafana/dashboards/home.py", "lab_probe_success{target!", "lab_probe_success =={target!"),
            *("lab_probe_success ==", "Services"),
            id="a query is no PromQL",
        ),
        pytest.param(
            *("grafana/dashboards/home.py", "PARTS = stat(", "PARTS = stats("),
            *("PARTS = stats(", "NameError"),
            id="a dashboard's module does not run",
        ),
    ],
)
def test_a_fault_is_named_with_its_file_and_line(
    tree: Path, file: str, before: str, after: str, at: str, says: str
) -> None:
    replace(tree / file, before, after)
    found = [str(finding) for finding in findings(tree)]
    if at:
        place = f"{file}:{line_of(tree / file, at)}: "
    else:
        place = f"grafana/dashboards/home.py:{line_of(tree / 'grafana/dashboards/home.py', 'Airflow')}: "
    assert [finding for finding in found if finding.startswith(place) and says in finding], (place, found)


def test_an_alert_without_a_row_and_a_runbook_without_an_alert_are_named(tree: Path) -> None:
    runbooks = tree / "alerting" / "runbooks"
    (runbooks / "RunSlow.md").rename(runbooks / "RunLate.md")
    page = tree / "docs" / "alerts.md"
    rows = page.read_text(encoding="utf-8").splitlines(keepends=True)
    page.write_text("".join(row for row in rows if not row.startswith("| RunSlow ")))
    at = f"{PIPELINES}:{line_of(tree / PIPELINES, 'alert: RunSlow')}"
    link = "[what to do](../alerting/runbooks/RunSlow.md)"
    assert [str(finding) for finding in findings(tree)] == [
        f"{at}: alert RunSlow has no row in docs/alerts.md: add `| RunSlow | info | 1m | … | {link} |`",
        f"{at}: alert RunSlow has no runbook: write alerting/runbooks/RunSlow.md",
        "alerting/runbooks/RunLate.md:1: no alert is called RunLate: rename the page, or remove it",
    ]
