"""Probes: what they ask, and what they tell Prometheus."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest
from prometheus_client import REGISTRY

from lab import probes
from lab.errors import LabError
from lab.probes import AthenaQuestion, Probe, probe_table
from lab.settings import load_settings


def told(metric: str, target: str) -> float | None:
    return REGISTRY.get_sample_value(metric, {"target": target})


def test_the_alerts_know_the_targets() -> None:
    targets = ["airflow", "localstack", "s3", "athena", "ml-host", "mlflow", "inference-api"]
    assert [probe.target for probe in probe_table(load_settings())] == targets


def test_a_target_is_down_while_it_gives_no_answer_and_up_again_after(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[[str, Callable[[], object]], None]
) -> None:
    monkeypatch.setattr(probes, "SECONDS", 0.01)
    stop, answers = Event(), Event()

    def ask() -> None:
        if not answers.is_set():
            raise ConnectionError("nobody there")

    asking = Thread(target=probes.run, args=(Probe("shop", ask), stop))
    asking.start()
    try:
        wait_until("the target is down", lambda: told("lab_probe_success", "shop") == 0)
        answers.set()
        wait_until("the target is up", lambda: told("lab_probe_success", "shop") == 1)
        assert told("lab_probe_duration_seconds", "shop") is not None
    finally:
        stop.set()
        asking.join()


class Aws:
    """Stands in for the clients of Athena and S3; notes what it is asked, and fails a query while told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.state = "SUCCEEDED"

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**_: object) -> dict[str, Any]:
            self.asked.append(operation)
            return {"QueryExecutionId": "1", "QueryExecution": {"Status": {"State": self.state}}}

        return answer

    @property
    def queries(self) -> int:
        return self.asked.count("start_query_execution")


def test_athena_runs_a_query_first_and_seldom_but_again_and_again_after_one_that_failed() -> None:
    aws: Any = Aws()
    ask = AthenaQuestion(aws, aws, "bucket")
    for _ in range(3):
        ask()
    assert (aws.queries, aws.asked.count("get_work_group")) == (1, 3)
    assert aws.asked.count("delete_object") == 2, "the files of its result"

    aws.state, ask = "FAILED", AthenaQuestion(aws, aws, "bucket")
    for _ in range(3):
        with suppress(LabError):
            ask()
    assert aws.queries == 4
    aws.state = "SUCCEEDED"
    for _ in range(3):
        ask()
    assert aws.queries == 5
