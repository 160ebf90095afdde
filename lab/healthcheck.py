"""A container's health check: one question to a URL; exits with 1 and says why when the answer is not good.

    python healthcheck.py URL [NAME ...]

Each NAME has to be healthy in the JSON that the URL answers with: LocalStack's services, Airflow's components. Of
ssh://HOST:PORT it is enough that the server says that it speaks SSH.
Standard library only, on its own: it runs every few seconds in every container.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

REQUEST_SECONDS = 4
SSH_GREETING = b"SSH-2.0-"
GOOD = frozenset({"healthy", "available", "running"})


def main() -> int:
    """Ask; return the exit code."""
    url, *names = sys.argv[1:]
    try:
        if url.startswith("ssh:"):
            _greet(url)
            return 0
        with build_opener(ProxyHandler({})).open(url, timeout=REQUEST_SECONDS) as response:
            answer = json.load(response) if names else {}
    except (OSError, ValueError) as error:
        print(f"{url}: {error}")
        return 1
    problems = [f"{name}: {problem}" for name in names if (problem := _problem(answer, name))]
    print(*problems, sep="\n")
    return int(bool(problems))


def _greet(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=REQUEST_SECONDS) as connection:
        if not connection.recv(len(SSH_GREETING)).startswith(SSH_GREETING):
            raise ValueError("no SSH server answers")


def _problem(answer: Mapping[str, Any], name: str) -> str | None:
    state = answer.get("services", answer).get(name)
    # Airflow tells more than a word, among it the last sign of life of a component.
    status = state.get("status") if isinstance(state, dict) else state
    if status not in GOOD:
        return f"is {status}"
    heartbeat = state.get(f"latest_{name}_heartbeat") if isinstance(state, dict) else None
    if heartbeat and datetime.fromisoformat(heartbeat).timestamp() < _container_start():
        return "has given no sign of life since this container started"
    return None


def _container_start() -> float:
    """Return when process 1 started, in seconds since 1970."""
    ticks = int(Path("/proc/1/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    boot = next(
        line for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines() if line.startswith("btime")
    )
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
