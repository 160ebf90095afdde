"""The ML team's machine for tests: its commands, its services on free ports, a state and a registry of its own."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2] / "docker" / "ml_host"
HOST = "127.0.0.1"
COMMAND_SECONDS = 120
START_SECONDS = 60
POLL_SECONDS = 0.05

FEATURES = "src.pipelines.DS.feature_pipeline.transform"
TRAINING = "src.pipelines.DS.training_pipeline.train"
PROMOTION = "src.deployment.promote_model"
BATCH = "src.inference.batch"
DRIFT = "src.monitoring.drift"


@dataclass(frozen=True)
class Ended:
    """A command that has ended: exit code, last line as JSON (empty if it failed), and what it complained of."""

    code: int
    result: dict[str, Any]
    complaint: str


@dataclass(frozen=True)
class Machine:
    """The project with a state directory and a registry; `environment` is what its commands find."""

    state: Path
    environment: Mapping[str, str]

    def run(self, module: str, run_id: str, *arguments: str, project: str = "churn", **environment: str) -> Ended:
        names = ("--project", project, "--environment", "dev", "--run-id", run_id)
        return self._ended(("-m", module, *names, *arguments), environment)

    def check(self, name: str, run_id: str, project: str = "churn") -> Ended:
        names = ("--project", project, "--environment", "dev", "--run-id", run_id)
        return self._ended(("-m", "pytest", f"tests/responsible_ai/test_{name}.py", *names), {})

    def train(self, run_id: str, source: Path, project: str = "churn") -> Ended:
        """Compute features and train; the training's end."""
        features = self.run(FEATURES, run_id, "--source", str(source), project=project)
        assert features.code == 0, features.complaint
        return self.run(TRAINING, run_id, project=project)

    def promote(self, run_id: str, source: Path, project: str = "churn") -> Ended:
        """Do all that the scheduler does to make a champion; the promotion's end."""
        for ended in (
            self.train(run_id, source, project),
            self.check("fairness", run_id, project),
            self.check("robustness", run_id, project),
        ):
            assert ended.code == 0, ended.complaint
        return self.run(PROMOTION, run_id, project=project)

    def start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            (sys.executable, *command),
            cwd=PROJECT,
            env={**self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _ended(self, command: tuple[str, ...], environment: Mapping[str, str]) -> Ended:
        done = subprocess.run(
            (sys.executable, *command),
            cwd=PROJECT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        last = done.stdout.strip().rpartition("\n")[2]
        return Ended(done.returncode, json.loads(last) if last.startswith("{") else {}, done.stderr + done.stdout)


def new_machine(state: Path, **environment: str) -> Machine:
    inherited = {name: value for name, value in os.environ.items() if not re.match("AWS_|MLFLOW_|STATSD_|S3_", name)}
    return Machine(state, {**inherited, "MLOPS_STATE_DIR": str(state), "PYTHONWARNINGS": "ignore", **environment})


@contextmanager
def tracking_server(machine: Machine, folder: Path, port: int) -> "Iterator[subprocess.Popen[str]]":
    """MLflow as the lab runs it, until the end of the block."""
    store, artifacts = f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts")
    arguments = ("--port", str(port), "--store", store, "--artifacts", artifacts)
    with serving(machine, port, "/health", "src.tracking_server", *arguments) as process:
        yield process


@contextmanager
def serving(machine: Machine, port: int, path: str, module: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    process = machine.start("-m", module, *arguments)
    try:
        wait_until(f"{module} answers 200 at {path}", lambda: get(port, path)[0] == 200, process)
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; status 0 as long as nobody answers."""
    return request(port, "GET", path, b"")


def request(port: int, method: str, path: str, body: bytes) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def wait_until(
    what: str,
    condition: Callable[[], bool],
    process: "subprocess.Popen[str] | None" = None,
    seconds: float = START_SECONDS,
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if process and process.poll() is not None:
            said = process.stdout.read() if process.stdout else ""
            raise AssertionError(f"ended with exit code {process.returncode} before {what}: {said}")
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
