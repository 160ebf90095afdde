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

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = REPOSITORY / "docker" / "ml_host"
LOCALSTACK_PYTHON = REPOSITORY / "docker" / "localstack" / ".venv" / "bin" / "python"
CREDIT_APPLICATIONS = REPOSITORY / "data" / "credit_applications.csv"
HOST = "127.0.0.1"
COMMAND_SECONDS = 120
START_SECONDS = 60
REQUEST_SECONDS = 20
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
        return self._ended(("-m", module, *names(run_id, project), *arguments), environment)

    def check(self, name: str, run_id: str, project: str = "churn", **environment: str) -> Ended:
        test = f"tests/responsible_ai/test_{name}.py"
        return self._ended(("-m", "pytest", test, *names(run_id, project)), environment)

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


def names(run_id: str, project: str = "churn") -> tuple[str, ...]:
    return ("--project", project, "--environment", "dev", "--run-id", run_id)


def inherited() -> dict[str, str]:
    """Return this process's environment, without what would lead elsewhere."""
    return {name: value for name, value in os.environ.items() if not re.match("AWS_|MLFLOW_|MLOPS_|STATSD_|S3_", name)}


def new_machine(state: Path, **environment: str) -> Machine:
    return Machine(state, {**inherited(), "MLOPS_STATE_DIR": str(state), "PYTHONWARNINGS": "ignore", **environment})


@contextmanager
def tracking_server(
    machine: Machine, folder: Path, port: int, artifacts: str = ""
) -> "Iterator[subprocess.Popen[str]]":
    """MLflow as the lab runs it, until the end of the block."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    arguments = ("--port", str(port), "--store", store, "--artifacts", artifacts or str(folder / "artifacts"))
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


@contextmanager
def localstack(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 with nothing in it until the end of the block; what a client finds in its environment."""
    port = free_port()
    endpoint = f"http://{HOST}:{port}"
    with (folder / "localstack.log").open("w") as log:
        process = subprocess.Popen(
            (LOCALSTACK_PYTHON, "-m", "localstack.runtime.main"),
            env={
                **inherited(),
                # In IPv6 notation: of an IPv4 address LocalStack makes every interface.
                "GATEWAY_LISTEN": f"[::ffff:{HOST}]:{port}",
                "DISABLE_EVENTS": "1",
                "SKIP_SSL_CERT_DOWNLOAD": "1",
                "DNS_ADDRESS": "0",
                "FILESYSTEM_ROOT": str(folder / "localstack"),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until("LocalStack answers", lambda: get(port, "/_localstack/health")[0] == 200, process)
            yield {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-2",
            }
        finally:
            end(process)


@contextmanager
def overridden(machine: Machine, settings: str) -> Iterator[None]:
    """Let settings hold on the machine until the end of the block."""
    path = machine.state / "overrides.yaml"
    before = path.read_text() if path.exists() else "{}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(settings)
    try:
        yield
    finally:
        path.write_text(before)


def documented_settings(words: str) -> str:
    """Return the settings that README.md shows below a paragraph with these words."""
    readme = (PROJECT / "README.md").read_text()
    shown: list[tuple[str, str]] = re.findall(r"\n\n([^`]+)\n\n```yaml\n(.+?)```", readme, re.DOTALL)
    return next(settings for what, settings in shown if words in what)


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; status 0 as long as nobody answers."""
    return request(port, "GET", path, b"")


def request(port: int, method: str, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=REQUEST_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
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
