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
# Debian 12 has the client in docker.io, later ones have it here.
CLIENT = ("docker-cli",)
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


def is_at_hand() -> bool:
    """Say whether an engine runs, or can be started without installing anything."""
    return _answers() or bool(shutil.which("dockerd") and not os.geteuid())


@contextmanager
def engine() -> Iterator[None]:
    """Have an engine while the block runs.

    Raises:
        bootstrap.SetupError: there is none and none can be started; its message says why, and what a person can do.
        subprocess.CalledProcessError: apt-get failed, and has said why.

    """
    if _answers():
        yield
        return
    for program, packages in (("dockerd", PACKAGES), ("docker", CLIENT)):
        if not shutil.which(program):
            bootstrap.install_packages(packages, OTHERWISE)
    if os.geteuid():
        raise bootstrap.SetupError(OTHERWISE)
    DATA.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        daemon = subprocess.Popen(
            ["dockerd", f"--data-root={DATA}"], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_for(daemon)
        yield
    finally:
        daemon.terminate()
        daemon.wait(STOP_SECONDS)


def _wait_for(daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise bootstrap.SetupError(
                f"The Docker engine that was started here does not run. The end of {LOG}:\n\n"
                f"{LOG.read_text(encoding='utf-8')[-3000:]}\n"
                "It needs a machine on which root may mount file systems and set up networks: a virtual one, or a "
                "container with --privileged. Or start an engine yourself; then run `make test-compose` again."
            )
        time.sleep(0.5)


def _answers() -> bool:
    return bool(shutil.which("docker")) and bool(
        docker("version", "--format", "{{.Server.Version}}", check=False).strip()
    )
