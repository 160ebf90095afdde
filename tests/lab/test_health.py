"""Health checks, against a real HTTP server that answers what a service might."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread

import pytest

from lab.health import AirflowHealth, HttpHealth, LocalStackHealth, SshHealth

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        ({"s3": "running", "athena": "available"}, None),
        ({"s3": "available"}, "does not list athena"),
        ({"s3": "disabled", "athena": "error"}, "does not list s3, athena"),
    ],
)
def test_localstack_is_ready_when_it_lists_the_services(
    serve: Callable[..., str], services: dict[str, str], problem: str | None
) -> None:
    found = LocalStackHealth(serve({"services": services}), ("s3", "athena")).problem(0)
    assert (problem in found) if problem and found else found == problem


@pytest.mark.parametrize(
    ("status", "heartbeat", "problem"),
    [
        ("healthy", "2026-01-01T12:00:05+00:00", None),
        ("healthy", "2026-01-01T11:59:55+00:00", "no heartbeat of scheduler since it was started"),
        ("unhealthy", "2026-01-01T12:00:05+00:00", "Airflow reports scheduler as unhealthy"),
        (None, None, "Airflow reports scheduler as not started yet"),
    ],
    ids=["fresh heartbeat", "heartbeat of a killed predecessor", "unhealthy", "never started"],
)
def test_an_airflow_component_is_ready_by_a_heartbeat_of_its_own(
    serve: Callable[..., str], status: str | None, heartbeat: str | None, problem: str | None
) -> None:
    url = serve({"scheduler": {"status": status, "latest_scheduler_heartbeat": heartbeat}})
    assert AirflowHealth(url, "scheduler").problem(NOON.timestamp()) == problem


def test_an_error_status_is_no_health(serve: Callable[..., str]) -> None:
    url = serve({}, 503)
    assert HttpHealth(url).problem(0) == f"{url} answers 503"


def test_a_proxy_of_the_shell_is_not_asked(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert HttpHealth(serve({})).problem(0) is None


@pytest.mark.parametrize(
    ("greeting", "problem"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", None), (b"220 mail.example.org\r\n", "does not speak SSH 2.0"), (b"", "speak SSH")],
    ids=["SSH", "another protocol", "hangs up"],
)
def test_a_server_of_ssh_is_ready_when_it_says_so(greeting: bytes, problem: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)

        greeting_thread = Thread(target=greet)
        greeting_thread.start()
        found = SshHealth("127.0.0.1", server.getsockname()[1]).problem(0)
        greeting_thread.join()
    assert (problem in found) if problem and found else found == problem


def test_a_server_of_ssh_that_is_gone_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert (
        SshHealth("127.0.0.1", port).problem(0) == f"127.0.0.1:{port} does not answer: [Errno 111] Connection refused"
    )
