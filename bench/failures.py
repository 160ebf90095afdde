"""From a task's failure to the message: twenty tasks fail in a real Airflow, one after the other."""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.figure import Figure, p95
from bench.http import ask, samples
from bench.lab_copy import LabCopy
from lab.settings import Settings

_DAG = "bench_failures"
_FAILURES = 20
_FOR_SECONDS = 60  # of the alert TaskFailed
_PARSED_SECONDS = 120
_SECONDS = 600
_POLL_SECONDS = 0.25


def measure(lab: LabCopy, settings: Settings) -> list[Figure]:
    """Let the tasks fail, and see each failure arrive in Prometheus, as an alert and as a message."""
    folder = settings.state_dir / "failures"
    shutil.copy(Path(__file__).parent / "dags" / f"{_DAG}.py", lab.folder / "dags")
    _until(folder.exists, _PARSED_SECONDS, f"no task of {_DAG} has failed")
    seen: dict[str, dict[str, float]] = {"sample": {}, "alert": {}, "message": {}}

    def watch() -> bool:
        for stage, found in (
            ("sample", _sampled(settings)),
            ("alert", _firing(settings)),
            ("message", _told(settings, set(seen["alert"]) - set(seen["message"]))),
        ):
            now = time.time()
            for task in found:
                seen[stage].setdefault(task, now)
        return len(seen["message"]) == _FAILURES

    _until(watch, _SECONDS, "not every failure became a message")
    failed = {path.name: float(path.read_text()) for path in folder.glob("fail_*")}
    return [
        _figure("task failure to sample in Prometheus", failed, seen["sample"], 10),
        _figure("task failure to alert that fires", failed, seen["alert"], _FOR_SECONDS + 15),
        _figure("alert that fires to message in the inbox", seen["alert"], seen["message"], 10),
    ]


def _figure(name: str, since: dict[str, float], until: dict[str, float], aim: int) -> Figure:
    took = [until[task] - since[task] for task in until]
    return Figure(f"{name}, p95 of {len(took)}", f"{p95(took):.1f} s", f"slowest {max(took):.1f} s", "", f"{aim} s")


def _sampled(settings: Settings) -> Iterable[str]:
    query = f'airflow_ti_finish{{dag_id="{_DAG}",state="failed"}}'
    return [labels["task_id"] for labels, _ in samples(settings.prometheus_url, query)]


def _firing(settings: Settings) -> Iterable[str]:
    alerts = ask(f"{settings.prometheus_url}/api/v1/alerts")["data"]["alerts"]
    return [
        alert["labels"]["task_id"]
        for alert in alerts
        if alert["state"] == "firing" and alert["labels"]["alertname"] == "TaskFailed"
    ]


def _told(settings: Settings, tasks: Iterable[str]) -> Iterable[str]:
    address = f"{settings.inbox_url}/api/messages"
    return [task for task in tasks if ask(address, text=f"Task {task} of {_DAG} failed", limit=0)["count"]]


def _until(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {seconds} s")
        time.sleep(_POLL_SECONDS)
