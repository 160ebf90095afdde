"""The Docker engine of the tests: the one that runs here, else Debian's, started for the tests and ended by them."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import bootstrap
from lab.docker_plugins import CONFIG
from lab.settings import REPOSITORY

PACKAGES = ("docker.io", "iptables")
OTHERWISE = (
    "No Docker engine runs here, and it takes root and Debian's packages to start one.\n"
    "Start Docker (on a laptop: Docker Desktop), then run `make test-compose` again."
)
# Images stay there from one run of the tests to the next.
DATA = REPOSITORY / ".tools" / "docker" / "engine"
LOG = REPOSITORY / ".tools" / "docker" / "engine.log"
START_SECONDS = 60
STOP_SECONDS = 60


def docker(*arguments: str | Path, seconds: float = 60, check: bool = True) -> str:
    """Run Docker's client, with the plug-ins of the set-up, and return what it says."""
    outcome = subprocess.run(
        ["docker", *map(str, arguments)],
        env=os.environ | {"DOCKER_CONFIG": str(CONFIG)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    command = " ".join(map(str, arguments))
    assert outcome.returncode == 0 or not check, f"docker {command}:\n{outcome.stdout}{outcome.stderr}"
    return outcome.stdout


@contextmanager
def engine() -> Iterator[None]:
    """Have an engine while the block runs."""
    if _answers():
        yield
        return
    if not shutil.which("dockerd"):
        bootstrap.install_packages(PACKAGES, OTHERWISE)
    if os.geteuid():
        raise bootstrap.SetupError(OTHERWISE)
    DATA.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        daemon = subprocess.Popen(
            ["dockerd", f"--data-root={DATA}"], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers():
            assert daemon.poll() is None, f"dockerd ended:\n{_end_of_log()}"
            assert time.monotonic() < deadline, f"dockerd does not answer after {START_SECONDS} s:\n{_end_of_log()}"
            time.sleep(0.5)
        yield
    finally:
        daemon.terminate()
        daemon.wait(STOP_SECONDS)


def _answers() -> bool:
    return bool(shutil.which("docker")) and bool(
        docker("version", "--format", "{{.Server.Version}}", check=False).strip()
    )


def _end_of_log() -> str:
    return LOG.read_text(encoding="utf-8")[-3000:]
