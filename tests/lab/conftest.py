"""A small lab for each test: real supervisord, tiny real services, free ports, a temporary state directory.

And an inbox.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lab import lifecycle
from lab.health import HttpHealth
from lab.lifecycle import Lab
from lab.progress import Progress
from lab.services import Service
from lab.supervisor import Supervisor
from tests.lab.running_inbox import RunningInbox
from tests.lab.running_prometheus import RunningPrometheus
from tests.lab.shop import SHOP


@pytest.fixture
def wait_until() -> Callable[[str, Callable[[], object]], None]:
    """Poll until a condition holds; after 20 s fail, saying what was waited for."""

    def wait(what: str, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, f"waited 20 s in vain until {what}"
            time.sleep(0.05)

    return wait


@pytest.fixture
def web() -> Callable[..., Service]:
    """Make a service that serves HTTP within a moment, or any other command in its place."""

    def make(name: str, *command: str, start_seconds: float = 20, **environment: str) -> Service:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return Service(
            name=name,
            command=command or (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)),
            environment=environment,
            health=HttpHealth(f"http://127.0.0.1:{port}/"),
            start_seconds=start_seconds,
            port=port,
            port_setting="WEB_PORT",
        )

    return make


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """Name a state directory that does not exist yet; what a failed test leaves running there is ended."""
    path = tmp_path / "state"
    yield path
    Supervisor(path).shut_down(patience=20)


@pytest.fixture
def up(state_dir: Path) -> Callable[..., Supervisor]:
    """Bring up a lab of these services and return its supervisor."""

    def start(*services: Service) -> Supervisor:
        lifecycle.up(Lab(state_dir, services), Progress())
        return Supervisor(state_dir)

    return start


@pytest.fixture(scope="module")
def running_inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInbox]:
    inbox = RunningInbox(tmp_path_factory.mktemp("inbox") / "messages")
    yield inbox
    inbox.close()


@pytest.fixture
def inbox(running_inbox: RunningInbox) -> RunningInbox:
    """Empty the module's inbox."""
    assert running_inbox.http.delete("/api/messages").status_code == 204
    return running_inbox


@pytest.fixture(scope="session")
def shop_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPrometheus]:
    """Run a Prometheus that has the samples of a shop."""
    prometheus = RunningPrometheus(tmp_path_factory.mktemp("prometheus") / "data")
    prometheus.fill(SHOP, seconds=1200)
    prometheus.start()
    yield prometheus
    prometheus.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve one JSON answer on a free port; return the address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Any, status: int = 200) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
