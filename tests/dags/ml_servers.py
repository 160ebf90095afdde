"""The ML team's servers as tests of their clients use them, on free ports, and the commands that run behind them."""

import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from airflow.sdk.execution_time.timeout import TimeoutPosix
from common.ml_stage import StageOperator

from lab import ml_host, openssh
from lab.settings import free_ports

HOST = "127.0.0.1"
# As Airflow names runs; no other test on this machine has the same.
RUN_ID = f"manual__2026-11-21T08:52:31.123456+00:00_{secrets.token_hex(4)}"
SECONDS = 60
# The training of the stand-in project does what a test has written.
TRAINING = "import os, pathlib; exec(pathlib.Path(os.environ['MLOPS_STATE_DIR'], 'training').read_text())"


def wait_until(what: str, condition: Callable[[], Any], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def commands_at_work() -> list[psutil.Process]:
    """The commands of the run, beside the shells that started them."""
    running = ((process, process.info["cmdline"] or [""]) for process in psutil.process_iter(["cmdline"]))
    return [process for process, command in running if RUN_ID in command and "python" in command[0]]


@contextmanager
def started(command: tuple[object, ...], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "PATH": f"{openssh.BIN}:{os.environ['PATH']}", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(f"port {port} answers", lambda: listens(port))
        yield
    finally:
        process.kill()
        process.wait()


def make_keys(folder: Path) -> Path:
    environment = {**os.environ, "PATH": f"{openssh.BIN}:{os.environ['PATH']}"}
    subprocess.run((sys.executable, ml_host.SSH_SCRIPT, "keys", folder), check=True, env=environment)
    return folder


class Machine:
    """A machine with the ML team's own server, and a stand-in project whose training does what a test wants."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        shutil.copytree(ml_host.SSH_SCRIPT.parent, self.project / "sshd")
        training = self.project / "src" / "pipelines" / "DS" / "training_pipeline" / "train.py"
        training.parent.mkdir(parents=True)
        training.write_text(TRAINING)
        self.environment = self.project / ".venv"
        (self.environment / "bin").mkdir(parents=True)
        (self.environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
        self.state = folder / "state"
        self.state.mkdir()
        self.keys = make_keys(folder / "ssh")
        self.port = int(free_ports()["ML_SSH_PORT"])

    @property
    def connection(self) -> dict[str, Any]:
        """As lab/connections.py writes it."""
        return {
            "conn_type": "ssh",
            "host": HOST,
            "port": self.port,
            "login": pwd.getpwuid(os.getuid()).pw_name,
            "extra": {
                "key_file": str(self.keys / "client_key"),
                "look_for_keys": False,
                "host_key": " ".join((self.keys / "host_key.pub").read_text().split()[:2]),
                "no_host_key_check": False,
            },
        }

    def trains(self, program: str) -> None:
        (self.state / "training").write_text(program)


class Api:
    """The ML team's API with its jobs, on a machine without a registry, and with data of its own."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        self.token = make_keys(folder / "ssh") / "jobs_token"
        self.port = int(free_ports()["ML_API_PORT"])
        self.settings = self.state / "overrides.yaml"

    @property
    def connection(self) -> dict[str, Any]:
        return {"conn_type": "http", "host": HOST, "port": self.port, "password": self.token.read_text().strip()}

    def reads(self, data: Path) -> None:
        self.settings.write_text(f"projects: {{credit_risk: {{source: {{location: {data}}}}}}}")

    @contextmanager
    def serving(self) -> Iterator[None]:
        command = (ml_host.PYTHON, "-m", "src.inference.api", "--environment", "dev", "--port", self.port)
        environment = {
            "MLOPS_STATE_DIR": str(self.state),
            "MLOPS_JOBS_TOKEN_FILE": str(self.token),
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "PYTHONPATH": str(ml_host.PROJECT),
        }
        with started(command, self.port, environment):
            yield

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold the project, as another run does."""
        path = self.state / "locks" / "dev.credit_risk"
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextmanager
def running(operator: StageOperator) -> Iterator["Future[Any]"]:
    with ThreadPoolExecutor() as pool:
        future = pool.submit(operator.execute, {})
        wait_until("the command is at work", lambda: commands_at_work() and operator.last_lines)
        yield future


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """What Airflow puts around an operator with an execution timeout."""
    limit: Any = TimeoutPosix
    with limit(seconds):
        yield
