"""Health: how a service proves that it is ready for use, not merely running."""

import socket
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

import httpx

REQUEST_SECONDS = 5.0
SSH_VERSION = b"SSH-2.0-"


class HealthCheck(Protocol):
    """One question to a running service."""

    def problem(self, since: float) -> str | None:
        """Say why the service that was started at `since` (seconds since 1970) is not ready; None when it is."""


@dataclass(frozen=True)
class HttpHealth:
    """Ready when the URL answers with success."""

    url: str

    def problem(self, since: float) -> str | None:  # noqa: ARG002 - an answer is proof enough here
        """See HealthCheck."""
        answer = _get(self.url)
        return answer if isinstance(answer, str) else None


@dataclass(frozen=True)
class SshHealth:
    """Ready when the server says which version of SSH it speaks, which it does before anything is asked of it."""

    host: str
    port: int

    def problem(self, since: float) -> str | None:  # noqa: ARG002 - an answer is proof enough here
        """See HealthCheck."""
        where = f"{self.host}:{self.port}"
        try:
            with socket.create_connection((self.host, self.port), timeout=REQUEST_SECONDS) as connection:
                said = connection.recv(len(SSH_VERSION))
        except TimeoutError:
            return f"{where} does not answer within {REQUEST_SECONDS:.0f} s"
        except OSError as error:
            return f"{where} does not answer: {error}"
        return None if said == SSH_VERSION else f"{where} does not speak SSH 2.0"


@dataclass(frozen=True)
class LocalStackHealth:
    """Ready when LocalStack lists all of the AWS services that the lab uses."""

    url: str
    aws_services: tuple[str, ...]

    def problem(self, since: float) -> str | None:  # noqa: ARG002 - LocalStack answers for itself alone
        """See HealthCheck."""
        answer = _get(f"{self.url}/_localstack/health")
        if isinstance(answer, str):
            return answer
        offered = answer.json().get("services", {})
        missing = [name for name in self.aws_services if offered.get(name) not in {"available", "running"}]
        return f"{self.url}/_localstack/health does not list {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class AirflowHealth:
    """Ready when Airflow's API reports the component healthy, by a heartbeat of its present process.

    A process that was killed leaves a heartbeat that Airflow counts as healthy for 30 s: hence `since`.
    """

    url: str
    component: str

    def problem(self, since: float) -> str | None:
        """See HealthCheck."""
        answer = _get(f"{self.url}/api/v2/monitor/health")
        if isinstance(answer, str):
            return answer
        report: dict[str, Any] = answer.json()[self.component]
        if report["status"] != "healthy":
            return f"Airflow reports {self.component} as {report['status'] or 'not started yet'}"
        heartbeat = report.get(f"latest_{self.component}_heartbeat")
        if heartbeat and datetime.fromisoformat(heartbeat).timestamp() < since:
            return f"no heartbeat of {self.component} since it was started"
        return None


def _get(url: str) -> httpx.Response | str:
    """Ask, past any proxy. The answer, or one line that says why there is none."""
    try:
        return _client().get(url).raise_for_status()
    except httpx.HTTPStatusError as error:
        return f"{url} answers {error.response.status_code}"
    except httpx.TimeoutException:
        return f"{url} does not answer within {REQUEST_SECONDS:.0f} s"
    except httpx.HTTPError as error:
        return f"{url} does not answer: {error}"


@cache
def _client() -> httpx.Client:
    # One for all questions: each new client would read the certificate store again, which costs more than the answer.
    return httpx.Client(timeout=REQUEST_SECONDS, trust_env=False)
