"""Stages over HTTP: as over SSH, for whoever shows the token, and for no longer than the API lives."""

import fcntl
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from machine import (
    HOST,
    REQUEST_SECONDS,
    Machine,
    documented_settings,
    free_port,
    new_machine,
    overridden,
    request,
    serving,
    tracking_server,
    wait_until,
)

if TYPE_CHECKING:
    import subprocess

API = "src.inference.api"
TOKEN = "correct-horse"
STAGES = ("features", "training", "fairness", "robustness", "promotion")
RUN = "manual__2026-01-01T00:00:00+00:00"


class Jobs:
    """The API's jobs as a scheduler sees them."""

    def __init__(self, machine: Machine, port: int) -> None:
        self.machine = machine
        self.port = port

    def ask(self, method: str, stage: str, run_id: str = RUN, start: int = 0) -> tuple[int, dict[str, Any]]:
        path = f"/jobs/churn/dev/{quote(run_id)}/{stage}" + (f"?from={start}" if start else "")
        status, body = request(self.port, method, path, b"", Authorization=f"Bearer {TOKEN}")
        return status, json.loads(body)

    def ended(self, stage: str, run_id: str = RUN) -> dict[str, Any]:
        """Start a stage and return its last state."""
        status, state = self.ask("PUT", stage, run_id)
        assert status == 201, state
        wait_until(f"{stage} has ended", lambda: self.ask("GET", stage, run_id)[1]["state"] != "running")
        return self.ask("GET", stage, run_id)[1]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, datamart: Path) -> Iterator[Jobs]:
    folder, registry, port = tmp_path_factory.mktemp("jobs"), free_port(), free_port()
    (folder / "token").write_text(f"{TOKEN}\n")
    machine = new_machine(
        folder / "state",
        MLFLOW_TRACKING_URI=f"http://{HOST}:{registry}",
        MLOPS_JOBS_TOKEN_FILE=str(folder / "token"),
    )
    source = f"projects: {{churn: {{source: {{location: {datamart}}}}}}}"
    with overridden(machine, source), tracking_server(machine, folder, registry), api(machine, port):
        yield Jobs(machine, port)


@contextmanager
def api(machine: Machine, port: int) -> "Iterator[subprocess.Popen[str]]":
    with serving(machine, port, "/health", API, "--environment", "dev", "--port", str(port)) as process:
        yield process


def lock_is_free(machine: Machine) -> bool:
    with (machine.state / "locks" / "dev.churn").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_an_integration_over_http_makes_a_champion_and_takes_it_back(jobs: Jobs) -> None:
    states = {stage: jobs.ended(stage) for stage in STAGES}
    assert {stage: (state["state"], state["exit_code"]) for stage, state in states.items()} == dict.fromkeys(
        STAGES, ("succeeded", 0)
    ), states
    assert states["training"]["result"]["run_id"] == RUN
    assert states["training"]["result"]["trained"] is True
    assert json.loads(states["training"]["log"][-1]) == states["training"]["result"]
    assert any(re.match(r"training: Fitted in [\d.]+ s", line) for line in states["training"]["log"])
    assert states["fairness"]["result"] is None
    version = states["training"]["result"]["version"]
    assert states["promotion"]["result"]["champion"] == version
    # As over SSH: what has ended may be run again, and what is trained is not trained again.
    assert jobs.ended("training")["result"]["trained"] is False
    rolled_back = jobs.ended("rollback")["result"]
    assert (rolled_back["champion"], rolled_back["rolled_back"]) == (None, version)


def test_a_job_fails_with_the_commands_exit_code_and_its_reason_last(jobs: Jobs) -> None:
    failed = jobs.ended("training", "nobody")
    assert (failed["state"], failed["exit_code"], failed["result"]) == ("failed", os.EX_NOINPUT, None)
    assert failed["log"][-1].startswith("error: There are no features of run nobody")


def test_a_job_is_started_once_waits_for_its_turn_and_ends_when_told_to(jobs: Jobs) -> None:
    with (jobs.machine.state / "locks" / "dev.churn").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert jobs.ask("PUT", "features", "two")[0] == 201
        wait_until("it says that it waits", lambda: jobs.ask("GET", "features", "two")[1]["next"] == 1)
        status, state = jobs.ask("PUT", "features", "two")
        assert (status, state["state"], state["exit_code"]) == (200, "running", None)
        assert "Another run of churn in dev is at work" in state["log"][0]
        assert jobs.ask("GET", "features", "two", start=1)[1]["log"] == []
        ended = jobs.ask("DELETE", "features", "two")
        assert (ended[0], ended[1]["state"], ended[1]["exit_code"]) == (200, "failed", 128 + signal.SIGTERM)
        assert jobs.ask("GET", "features", "two", start=1)[1]["log"] == ["error: ended by SIGTERM"]
        assert jobs.ask("DELETE", "features", "two") == ended, "again"
    assert jobs.ended("features", "two")["state"] == "succeeded"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_job_outlives_the_api_however_that_ends(jobs: Jobs, number: signal.Signals) -> None:
    run_id, port = number.name, free_port()
    assert jobs.ended("features", run_id)["state"] == "succeeded"
    with overridden(jobs.machine, documented_settings("some ten minutes")), api(jobs.machine, port) as process:
        doomed = Jobs(jobs.machine, port)
        assert doomed.ask("PUT", "training", run_id)[0] == 201
        wait_until(
            "the training is at work", lambda: "Fitting" in "".join(doomed.ask("GET", "training", run_id)[1]["log"])
        )
        assert not lock_is_free(jobs.machine)
        process.send_signal(number)
        wait_until("the training has ended with it", lambda: lock_is_free(jobs.machine), seconds=REQUEST_SECONDS)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PUT", "/jobs/fraud/dev/x/training", 404),
        ("PUT", "/jobs/churn/moon/x/training", 404),
        ("PUT", "/jobs/churn/dev/x/rm", 404),
        ("PUT", "/jobs/churn/dev/x", 404),
        ("PUT", "/jobs/churn/dev/..%2F..%2Fx/training", 404),
        ("PUT", "/jobs/churn/dev/-x/training", 422),
        ("PUT", f"/jobs/churn/dev/{'x' * 201}/training", 422),
        ("PUT", "/jobs/churn/dev/a%00b/training", 422),
        ("PUT", "/jobs/churn/dev/%ED%A0%80/training", 422),
        ("PUT", "/jobs/churn/dev/x%0A/training", 422),
        ("GET", "/jobs/churn/dev/x/training", 404),
        ("DELETE", "/jobs/churn/dev/x/training", 404),
        ("GET", "/jobs/churn/dev/x/training?from=-1", 422),
        ("GET", "/jobs/churn/dev/x/training?from=one", 422),
        ("GET", f"/jobs/churn/dev/x/training?from={'9' * 5000}", 422),
        ("POST", "/jobs/churn/dev/x/training", 405),
    ],
)
def test_what_there_is_not_gets_404_and_what_is_none_422(jobs: Jobs, method: str, path: str, expected: int) -> None:
    status, body = request(jobs.port, method, path, b'{"\xff', Authorization=f"Bearer {TOKEN}")
    assert (status, list(json.loads(body))) == (expected, ["detail"])


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer \xe9", f"Bearer {TOKEN} {TOKEN}"]
)
def test_nothing_is_told_or_started_without_the_token(jobs: Jobs, shown: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        for path in ("/jobs/churn/dev/x/training", "/jobs/fraud/dev/x/training", "/jobs/churn/dev/-x/training"):
            assert request(jobs.port, method, path, b"", Authorization=shown)[0] == 401
    assert jobs.ask("GET", "training", "x")[0] == 404


def test_a_token_that_is_not_there_is_named_and_without_one_there_are_no_jobs(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, complaint in ((tmp_path / "none", "The jobs' token cannot be read"), (tmp_path / "empty", "no token")):
        machine = new_machine(tmp_path, **{**jobs.machine.environment, "MLOPS_JOBS_TOKEN_FILE": str(path)})
        process = machine.start("-m", API, "--environment", "dev", "--port", "1")
        said, _ = process.communicate(timeout=REQUEST_SECONDS)
        assert (process.returncode, complaint in said) == (os.EX_CONFIG, True), said
    port = free_port()
    open_to_nobody = new_machine(jobs.machine.state, **{**jobs.machine.environment, "MLOPS_JOBS_TOKEN_FILE": ""})
    with api(open_to_nobody, port):
        assert Jobs(open_to_nobody, port).ask("PUT", "training")[0] == 404
