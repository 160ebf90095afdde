"""The lab in containers as the tests use it: a clone, `docker compose` in it, and questions to its services."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from lab import datamart
from lab.airflow_api import AirflowApi, Run
from lab.docker_plugins import CONFIG
from lab.errors import LabError
from lab.orders import differences, summarize
from lab.settings import REPOSITORY, Settings, free_ports, load_settings
from tests.compose import images
from tests.compose.engine import docker, engine

Answer = TypeVar("Answer")

# What a container's processes have in memory, as the kernel calls it: since cgroups' second version, and before.
CGROUP_STATISTICS = ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat")
RESIDENT = ("anon", "file_mapped", "rss", "mapped_file")
UP_SECONDS = 300
BUILD_SECONDS = 1200
RUN_SECONDS = 300
COMMAND_SECONDS = 900  # incidents run DAGs, and wait for alerts to resolve
POLL_SECONDS = 0.5


def wait_for(
    what: str, ask: Callable[[], Answer], condition: Callable[[Answer], object] = bool, seconds: float = 60
) -> Answer:
    """Ask again and again until the answer is as wanted, and return it; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    last: object = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if condition(answer):
                return answer
            last = answer
        except (LabError, httpx.HTTPError) as error:  # what was killed may not answer yet
            last = error
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; at last: {str(last)[-3000:]}")


def clone(folder: Path) -> Path:
    """Copy what a clone of the repository would hold, with what is not committed yet; return the copy."""

    def is_no_part(parent: str, name: str) -> bool:
        hidden_folder = name.startswith(".") and Path(parent, name).is_dir()  # environments, caches, the lab's state
        return hidden_folder or name in {".env", "__pycache__"}

    shutil.copytree(
        REPOSITORY,
        folder,
        ignore=lambda parent, names: {name for name in names if is_no_part(parent, name)},
        dirs_exist_ok=True,
    )
    return folder


@dataclass
class ComposeLab:
    """One lab in containers.

    Attributes:
        folder: the clone.
        project: Compose's name for it.
        ports: its settings of ports, as the shell hands them over.
        left_out: services that have no image here.

    """

    folder: Path
    project: str
    ports: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        """Read the settings as the containers get them."""
        with pytest.MonkeyPatch.context() as shell:
            for name, port in self.ports.items():
                shell.setenv(name, port)
            self.settings = load_settings(self.folder)

    def compose(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` in the clone, in a shell that sets the ports."""
        return self._run(["docker", "compose", "--project-name", self.project, *arguments], seconds)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m lab` in the clone, as make does there."""
        return self._run([sys.executable, "-m", "lab", *arguments], COMMAND_SECONDS)

    def done(self, *arguments: str, seconds: float = 120) -> str:
        """Run `docker compose`, which has to succeed; return what it printed to its standard output."""
        outcome = self.compose(*arguments, seconds=seconds)
        assert outcome.returncode == 0, f"docker compose {' '.join(arguments)}:\n{outcome.stdout}{outcome.stderr}"
        return outcome.stdout

    @property
    def services(self) -> list[str]:
        """All services of the file that have an image here."""
        return [name for name in self.done("config", "--services").split() if name not in self.left_out]

    def build(self) -> float:
        """Build the lab's own images; return how many seconds that took."""
        began = time.monotonic()
        self.done("build", seconds=BUILD_SECONDS)
        return time.monotonic() - began

    def up(self, *options: str) -> float:
        """Start everything, wait until all is healthy, and return how many seconds that took."""
        began = time.monotonic()
        outcome = self.compose("up", "--detach", "--wait", *options, *self.services, seconds=UP_SECONDS)
        # `--wait` takes a service that has done its work for one that failed; so what counts is how things stand.
        wait_for("all services to be healthy", self.states, lambda states: set(states.values()) <= {"healthy", "done"})
        assert "unhealthy" not in outcome.stderr, outcome.stderr
        return time.monotonic() - began

    def down(self) -> None:
        """Take it down and forget it all, without giving anybody time to end well."""
        self.done("down", "--volumes", "--remove-orphans", "--timeout", "0")

    def states(self) -> dict[str, str]:
        """Return how each service is: healthy, done, or what Docker calls it; several containers are as ill as one."""
        found: dict[str, str] = {}
        for container in self._containers():
            ended_well = container["State"] == "exited" and container["ExitCode"] == 0
            state = "done" if ended_well else container["Health"] or container["State"]
            if found.get(container["Service"], "healthy") == "healthy":
                found[container["Service"]] = state
        return found

    def kill(self, service: str) -> None:
        """Kill all processes of a service with SIGKILL, and wait until Docker has started it again."""
        before = self.restarts(service)
        # All but process 1, which ends when its child does; it cannot be killed from inside.
        self.compose("exec", "-T", service, "sh", "-c", "kill -9 -1")
        wait_for(f"{service} to be started again", lambda: self.restarts(service), lambda count: count > before)

    def restarts(self, service: str) -> int:
        """Return how often Docker has started a service again by itself."""
        return int(self.inspect(service)["RestartCount"])

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container, of the first if there are several."""
        found: dict[str, Any] = json.loads(docker("inspect", *self.done("ps", "--all", "--quiet", service).split()))[0]
        return found

    def memory(self) -> dict[str, int]:
        """Return how many bytes the processes of each running service take, without what is only cached of files.

        `docker stats` counts the cache as well, as far as it was read more than once; it goes when memory is wanted.
        """
        found = {}
        for container in self._containers():
            if container["State"] == "running":
                said = docker("exec", container["ID"], "cat", *CGROUP_STATISTICS, check=False)
                numbers = dict(line.split() for line in said.splitlines())
                resident = [int(numbers[name]) for name in RESIDENT if name in numbers]
                assert resident, f"{container['Service']} does not say what memory it takes: {said}"
                found[container["Service"]] = sum(resident)
        return found

    def logs(self, service: str) -> str:
        """Return what a service has printed."""
        return self.done("logs", "--no-log-prefix", service)

    def api(self) -> AirflowApi:
        """Log in to Airflow."""
        return AirflowApi(self.settings)

    def finished(self, api: AirflowApi, run: Run) -> Run:
        """Wait until a run has ended, good or bad; Airflow may be away for a while."""
        return wait_for(f"{run} to end", lambda: api.refreshed(run), lambda found: found.is_finished, RUN_SECONDS)

    def assert_right(self) -> None:
        """The datamart is what is computed from the orders without Airflow and Athena: nothing is lost or doubled."""
        assert not differences(summarize(self.settings.orders_csv), datamart.read_summary(self.settings))

    def samples(self, query: str, condition: Callable[[list[dict[str, Any]]], object] = bool) -> list[dict[str, Any]]:
        """Ask Prometheus until the result of a query is as wanted."""
        return wait_for(
            query,
            lambda: self._get(f"{self.settings.prometheus_url}/api/v1/query", query=query)["data"]["result"],
            condition,
        )

    def alerts(self) -> set[str]:
        """Return the names of the alerts that fire, hidden or not."""
        alerts = self._get(f"{self.settings.prometheus_url}/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def messages(self) -> list[dict[str, Any]]:
        """Return what the inbox holds."""
        messages: list[dict[str, Any]] = self._get(f"{self.settings.inbox_url}/api/messages")["messages"]
        return messages

    def _run(self, command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        shell = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**shell, **self.ports, "DOCKER_CONFIG": str(CONFIG)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def _containers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.done("ps", "--all", "--format", "json").splitlines()]

    def _get(self, url: str, **parameters: str) -> dict[str, Any]:
        answer: dict[str, Any] = (
            httpx.get(url, params=parameters, timeout=30, trust_env=False).raise_for_status().json()
        )
        return answer


def new_lab(folder: Path, project: str, *, public: bool) -> ComposeLab:
    """Make a lab of its own in a clone; nothing is built or runs yet. Without the public images it has no Grafana."""
    # Others may do the same on this engine.
    return ComposeLab(clone(folder), f"{project}-{os.getpid()}", free_ports(), left_out=() if public else ("grafana",))


@contextmanager
def built_lab(folder: Path, project: str) -> Iterator[ComposeLab]:
    """Have an engine, and a lab of its own in a clone: its images are built, nothing runs yet. It is taken down.

    Raises:
        bootstrap.SetupError: there is no engine, or no images can be had.
        subprocess.CalledProcessError: a package of Debian's cannot be installed.

    """
    with engine():
        lab = new_lab(folder, project, public=images.provide(load_settings().environment))
        lab.build()
        try:
            yield lab
        finally:
            lab.down()
