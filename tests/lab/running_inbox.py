"""The inbox as tests use it: the real process on free ports, mail by SMTP, everything else by HTTP."""

import os
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

from lab.monitoring_files import RUNBOOKS
from lab.settings import REPOSITORY

START_SECONDS = 20


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class RunningInbox:
    """One inbox over one directory, which may be started again."""

    directory: Path
    smtp_port: int = field(default_factory=_free_port)
    http_port: int = field(default_factory=_free_port)
    # Nobody answers there, unless a test has somebody.
    alertmanager_url: str = "http://127.0.0.1:9"
    prometheus_url: str = "http://127.0.0.1:9"
    more: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)
        self.start()

    def start(self) -> None:
        options = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port), "--runbooks", str(RUNBOOKS)]
        options += ["--alertmanager", self.alertmanager_url, "--prometheus", self.prometheus_url, *self.more]
        self.log = self.directory.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab.inbox", str(self.directory), *options],
                cwd=REPOSITORY,
                env=os.environ | self.environment,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"waited {START_SECONDS} s in vain for {self.url}/-/healthy"
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def close(self) -> None:
        self.stop()
        self.http.close()

    def send(self, message: EmailMessage | bytes, to: str = "team@example.com") -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as client:
            if isinstance(message, bytes):
                client.sendmail("sender@example.com", [to], message)
            else:
                client.send_message(message, "sender@example.com", [to])

    def post(self, payload: Any) -> None:
        answer = self.http.post("/slack", json=payload)
        assert (answer.status_code, answer.text) == (200, "ok")

    def found(self, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get("/api/messages", params=query)
        assert answer.status_code == 200, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def newest(self) -> dict[str, Any]:
        message: dict[str, Any] = self.http.get(f"/api/messages/{self.found()[0]['id']}").json()
        return message

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def _is_healthy(self) -> bool:
        try:
            return self.http.get("/-/healthy").status_code == 200
        except httpx.HTTPError:
            return False
