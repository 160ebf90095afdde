"""A real Prometheus and a real Alertmanager with the committed files, on ports of their own, each by itself."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from lab import monitoring_files
from lab.services import service_table
from lab.settings import Settings, free_ports, load_settings

SECONDS = 30


@pytest.fixture
def prometheus(rendered: Settings) -> Iterator[httpx.Client]:
    """Run Prometheus for one test: after a minute it would tell Alertmanager that everything is down."""
    with _running(rendered, "prometheus") as client:
        yield client


@pytest.fixture(scope="module")
def alertmanager(rendered: Settings) -> Iterator[httpx.Client]:
    """Run Alertmanager for the tests of a file."""
    with _running(rendered, "alertmanager") as client:
        yield client


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Write the configuration with ports that nobody uses."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(tmp_path_factory.mktemp("state"))}.items():
            patch.setenv(name, value)
        settings = load_settings()
    monitoring_files.render(settings)
    return settings


@contextmanager
def _running(settings: Settings, name: str) -> Iterator[httpx.Client]:
    (service,) = (service for service in service_table(settings) if service.name == name)
    output = settings.state_dir / f"{name}.log"
    with (
        output.open("wb") as log,
        httpx.Client(base_url=service.address, trust_env=False) as client,
        subprocess.Popen(service.command, cwd=settings.state_dir, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + SECONDS
            while problem := _problem(client):
                assert time.monotonic() < deadline, f"{name} is not ready: {problem}\n{output.read_text()}"
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()


def _problem(client: httpx.Client) -> str:
    try:
        client.get("/-/ready").raise_for_status()
    except httpx.HTTPError as error:
        return str(error)
    return ""
