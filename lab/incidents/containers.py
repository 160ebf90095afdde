"""Parts that are containers of Docker Compose, started from this repository."""

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.errors import LabError
from lab.incidents.parts import PartFile
from lab.settings import REPOSITORY

COMMAND_SECONDS = 120
HEALTHY_SECONDS = 120
POLL_SECONDS = 0.5
# Compose calls Airflow's parts by other names than the service table does.
SERVICES = {
    "api-server": "airflow-apiserver",
    "scheduler": "airflow-scheduler",
    "dag-processor": "airflow-dag-processor",
    "triggerer": "airflow-triggerer",
}
# The folder of a part's own files, in its container.
FOLDERS = {"ml-host": "/var/lib/mlops"}
# The clone's folder of data, and where tasks see it: it is mounted.
DATA = REPOSITORY / "data"
MOUNTED_DATA = "/opt/lab/data"
LABELS = "com.docker.compose"
# In the label of what a service depends on: service, condition, and whether it is restarted with it.
RESTARTED_WITH = re.compile(r"([\w-]+):service_\w+:true")


@dataclass(frozen=True)
class Container:
    """One container, as `docker ps` tells of it.

    `restarted_with` are the services with which Compose restarts it, as `restart: true` of its `depends_on` says.
    """

    id: str
    service: str
    folder: str
    state: str
    restarted_with: frozenset[str]


class Containers:
    """The parts of a lab in containers."""

    def __init__(self, containers: Sequence[Container]) -> None:
        self._containers = containers

    @classmethod
    def find(cls, repository: Path = REPOSITORY) -> Self | None:
        """Return the parts of the lab that was started in a repository, whatever Compose calls it, if it runs."""
        found = [one for one in _containers() if Path(one.folder).resolve() == repository]
        return cls(found) if any(one.state in {"running", "paused"} for one in found) else None

    @property
    def exports(self) -> Path:
        """See Parts."""
        return DATA / "incidents"

    def seen_by_tasks(self, export: Path) -> str:
        """See Parts."""
        return f"{MOUNTED_DATA}/{export.relative_to(DATA).as_posix()}"

    def stop(self, part: str) -> None:
        """See Parts."""
        _docker("stop", *self._of(part))

    def start(self, part: str) -> None:
        """See Parts."""
        _docker("start", *self._of(part))
        self._await_health(part)
        # Its address is another one now, which these have looked up once.
        service = SERVICES.get(part, part)
        followers = [one for one in self._containers if service in one.restarted_with]
        if followers:
            _docker("restart", *(one.id for one in followers))
        for follower in followers:
            self._await_health(follower.service)

    def _await_health(self, part: str) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (state := self._health(part)) != {"healthy"}:
            if time.monotonic() > deadline:
                raise LabError(
                    f"{part} is {', '.join(state)} {HEALTHY_SECONDS} s after its start. "
                    f"Its log: docker compose logs {SERVICES.get(part, part)}"
                )
            time.sleep(POLL_SECONDS)

    def pause(self, part: str) -> None:
        """See Parts."""
        if running := self._of(part, "running"):
            _docker("pause", *running)

    def resume(self, part: str) -> None:
        """See Parts."""
        if paused := self._of(part, "paused"):
            _docker("unpause", *paused)

    def read(self, file: PartFile) -> bytes | None:
        """See Parts."""
        there = self._in(file, '[ ! -e "$1" ] || echo there')
        return self._in(file, 'cat "$1"') if there else None

    def write(self, file: PartFile, content: bytes) -> None:
        """See Parts."""
        self._in(file, 'cat > "$1"', content)

    def remove(self, file: PartFile) -> None:
        """See Parts."""
        self._in(file, 'rm -f "$1"')

    def _in(self, file: PartFile, script: str, content: bytes = b"") -> bytes:
        (container,) = self._of(file.part)
        return _docker(
            "exec", "--interactive", container, "sh", "-c", script, "sh", f"{FOLDERS[file.part]}/{file.path}",
            content=content,
        )  # fmt: skip

    def _of(self, part: str, state: str = "") -> list[str]:
        service = SERVICES.get(part, part)
        # Asked anew for a state: it changes.
        known = {one.id: one.state for one in _containers()} if state else {}
        found = [one.id for one in self._containers if one.service == service]
        if not found:
            raise LabError(f"There is no container of {service}: `docker compose up --detach` makes it.")
        return [name for name in found if known.get(name, "") == state]

    def _health(self, part: str) -> set[str]:
        said = _docker("inspect", "--format", "{{.State.Health.Status}}", *self._of(part))
        return set(said.decode().split())


def _containers() -> list[Container]:
    try:
        listed = _docker(
            "ps", "--all", "--no-trunc", "--filter", f"label={LABELS}.project.working_dir", "--format", "{{json .}}"
        )
    except LabError:  # there is no Docker here, or no engine
        return []
    return [_container(json.loads(line)) for line in listed.decode().splitlines()]


def _container(row: Mapping[str, str]) -> Container:
    labels = dict(pair.split("=", 1) for pair in row["Labels"].split(",") if "=" in pair)
    return Container(
        id=row["ID"],
        service=labels.get(f"{LABELS}.service", ""),
        folder=labels.get(f"{LABELS}.project.working_dir", ""),
        state=row["State"],
        restarted_with=frozenset(RESTARTED_WITH.findall(row["Labels"])),
    )


def _docker(*arguments: str, content: bytes = b"") -> bytes:
    try:
        outcome = subprocess.run(
            ["docker", *arguments], input=content, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"docker {arguments[0]} cannot be run: {error}") from error
    if outcome.returncode:
        raise LabError(f"docker {' '.join(arguments)}: {outcome.stderr.decode(errors='replace').strip()}")
    return outcome.stdout
