"""The report's alerts: those that Alertmanager has, for a person to read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab import report
from lab.progress import Progress
from lab.settings import load_settings


def alert(name: str, severity: str, summary: str, state: str = "active") -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": severity},
        "annotations": {"summary": summary},
        "status": {"state": state},
    }


WATCHDOG = alert("Watchdog", "none", "Alerting works")


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ([WATCHDOG], ["No alert is firing."]),
        (
            [
                alert("TaskFailed", "warning", "b failed"),
                WATCHDOG,
                alert("TaskFailed", "warning", "a failed"),
                alert("TaskFailed", "warning", "hidden", "suppressed"),
            ],
            ["firing alerts:", "TaskFailed (warning): a failed", "TaskFailed (warning): b failed"],
        ),
    ],
)
def test_firing_alerts_are_listed_without_the_watchdog(
    serve: Callable[..., str], capsys: pytest.CaptureFixture[str], alerts: list[dict[str, Any]], said: list[str]
) -> None:
    port = int(serve(alerts).rpartition(":")[2])
    report.print_alerts(replace(load_settings(), alertmanager_port=port), Progress())
    assert [line.strip() for line in capsys.readouterr().out.strip().splitlines()] == said


def test_an_alertmanager_that_does_not_answer_is_no_error_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    report.print_alerts(replace(load_settings(), alertmanager_port=1), Progress())
    assert "Alertmanager cannot be asked which alerts are firing" in capsys.readouterr().out
