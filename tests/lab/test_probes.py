"""Probes: what they ask, and what they tell Prometheus."""

from collections.abc import Callable
from threading import Event, Thread

import pytest
from prometheus_client import REGISTRY

from lab import probes
from lab.probes import Probe, probe_table
from lab.settings import load_settings


def told(metric: str, target: str) -> float | None:
    return REGISTRY.get_sample_value(metric, {"target": target})


def test_the_alerts_know_the_targets() -> None:
    assert [probe.target for probe in probe_table(load_settings())] == ["airflow", "localstack", "s3", "athena"]


def test_a_target_is_down_while_it_gives_no_answer_and_up_again_after(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[[str, Callable[[], object]], None]
) -> None:
    monkeypatch.setattr(probes, "SECONDS", 0.01)
    stop, answers = Event(), Event()

    def ask() -> None:
        if not answers.is_set():
            raise ConnectionError("nobody there")

    asking = Thread(target=probes.run, args=(Probe("shop", ask, seconds=0.01), stop))
    asking.start()
    try:
        wait_until("the target is down", lambda: told("lab_probe_success", "shop") == 0)
        answers.set()
        wait_until("the target is up", lambda: told("lab_probe_success", "shop") == 1)
        assert told("lab_probe_duration_seconds", "shop") is not None
    finally:
        stop.set()
        asking.join()
