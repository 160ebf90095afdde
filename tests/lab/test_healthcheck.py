"""The containers' health check: healthy only when everything asked for is."""

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.settings import REPOSITORY

PROGRAM = REPOSITORY / "lab" / "healthcheck.py"
NEVER, LATER = "1970-01-02T00:00:00+00:00", "2999-01-01T00:00:00+00:00"


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", PROGRAM, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("answer", "names", "said"),
    [
        ({"services": {"s3": "running", "glue": "available"}}, ["s3", "glue"], ""),
        ({"services": {"s3": "running", "glue": "error"}}, ["s3", "glue"], "glue: is error"),
        ({"services": {"s3": "running"}}, ["s3", "athena"], "athena: is None"),
        ({"metadatabase": {"status": "healthy"}}, ["metadatabase"], ""),
        ({"metadatabase": {"status": "unhealthy"}}, ["metadatabase"], "metadatabase: is unhealthy"),
        ({"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": LATER}}, ["scheduler"], ""),
        (
            {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": NEVER}},
            ["scheduler"],
            "scheduler: has given no sign of life since this container started",
        ),
        ("not asked for", [], ""),
    ],
)
def test_it_is_healthy_when_everything_asked_for_is(
    serve: Callable[..., str], answer: Any, names: list[str], said: str
) -> None:
    outcome = check(serve(answer), *names)
    assert (outcome.returncode, outcome.stdout.strip()) == (int(bool(said)), said)


def test_an_error_is_no_health(serve: Callable[..., str]) -> None:
    outcome = check(serve({"s3": "running"}, 500), "s3")
    assert outcome.returncode == 1
    assert "500" in outcome.stdout


def test_silence_is_no_health() -> None:
    outcome = check("http://127.0.0.1:1/")
    assert outcome.returncode == 1
    assert "refused" in outcome.stdout


@pytest.mark.parametrize(
    ("greeting", "said"), [(b"SSH-2.0-OpenSSH_9.2\r\n", ""), (b"220 mail.example\r\n", "no SSH server")]
)
def test_of_ssh_the_greeting_is_enough(greeting: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        checked = pool.submit(check, f"ssh://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            connection.sendall(greeting)
            assert checked.result().returncode == int(bool(said))
    assert said in checked.result().stdout
