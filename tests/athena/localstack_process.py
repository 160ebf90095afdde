"""A LocalStack process for tests: started on a free port, waited for, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

HOST = "127.0.0.1"
REGION = "us-east-2"
POLL_SECONDS = 0.05
START_SECONDS = 60
STOP_SECONDS = 30
LOG_LINES_IN_ERRORS = 30


class LocalStackProcess:
    """One LocalStack with a port and a directory of its own; the interpreter is the one that runs the tests.

    The port and the directory stay the same over every `start`, so a client outlives a restart. As a context manager
    it is started at entry and, however the test ends, no process is left behind.
    """

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.port = _free_port()
        self.endpoint_url = f"http://{HOST}:{self.port}"
        self.log_path = directory / "localstack.log"
        self.environment = {
            **os.environ,
            # In IPv6 notation: LocalStack 4.13 listens on every interface when it is given an IPv4 address.
            "GATEWAY_LISTEN": f"[::ffff:{HOST}]:{self.port}",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            # LocalStack empties its temporary directory at start: parallel processes must not share one.
            "FILESYSTEM_ROOT": str(directory / "filesystem"),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id; raises when no process runs."""
        return self._running().pid

    @property
    def log(self) -> str:
        """Everything that was printed so far, by every process since construction."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Launch and return once the health endpoint answers."""
        self.launch()
        self.wait_until_healthy()

    def launch(self) -> None:
        """Launch and return at once; output is appended to `log_path`."""
        if self._process is not None:
            raise RuntimeError(f"LocalStack already runs as process {self._process.pid}")
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "localstack.runtime.main"],
                env=self.environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_healthy(self, seconds: float = START_SECONDS) -> None:
        """Raise RuntimeError when the process ends, TimeoutError when it does not answer in `seconds`."""
        process = self._running()
        deadline = time.monotonic() + seconds
        last_error: object = "not asked yet"
        while time.monotonic() < deadline:
            if (code := process.poll()) is not None:
                self._process = None
                raise RuntimeError(self._explain(f"ended with exit code {code} before it was healthy"))
            try:
                status = _get_status(self.port, "/_localstack/health")
            except (OSError, HTTPException) as error:
                last_error = repr(error)
            else:
                if status == 200:
                    return
                last_error = f"status {status}"
            time.sleep(POLL_SECONDS)
        raise TimeoutError(self._explain(f"was not healthy after {seconds} s, last answer: {last_error}"))

    def wait_for_exit(self, seconds: float = STOP_SECONDS) -> int:
        """Exit code of a process that ends by itself; negative when a signal ended it."""
        process = self._running()
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(self._explain(f"still ran after {seconds} s")) from None
        self._process = None
        return code

    def stop(self) -> int:
        """End gracefully (SIGTERM); the exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self.wait_for_exit()

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut would; fine when nothing runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client that never retries: a test wants to see the first answer."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **options),
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("LocalStack is not running: call start() first")
        return self._process

    def _explain(self, what: str) -> str:
        tail = "\n".join(self.log.splitlines()[-LOG_LINES_IN_ERRORS:])
        return f"LocalStack on port {self.port} {what}. Log {self.log_path} ends with:\n{tail}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _get_status(port: int, path: str) -> int:
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.002)
