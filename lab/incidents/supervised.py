"""Parts that are processes under the lab's supervisor."""

import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from lab.errors import LabError
from lab.incidents.parts import PartFile
from lab.logs import log_file
from lab.services import Service, service_table
from lab.settings import Settings
from lab.supervisor import Supervisor

POLL_SECONDS = 0.25
# The folder of a part's own files, below the state directory.
FOLDERS = {"ml-host": "ml_host"}


class Supervised:
    """The parts of a lab without containers."""

    def __init__(self, state_dir: Path, services: Iterable[Service]) -> None:
        self._state_dir = state_dir
        self._services = {service.name: service for service in services}
        self._supervisor = Supervisor(state_dir)

    @classmethod
    def find(cls, settings: Settings) -> Self | None:
        """Return the parts of the lab of these settings, if it runs."""
        found = cls(settings.state_dir, service_table(settings))
        return found if found._supervisor.is_running() else None

    @property
    def exports(self) -> Path:
        """See Parts."""
        return self._state_dir / "incidents" / "exports"

    def seen_by_tasks(self, export: Path) -> str:
        """See Parts."""
        return str(export)

    def stop(self, part: str) -> None:
        """See Parts."""
        self._supervisor.stop_service(part)

    def start(self, part: str) -> None:
        """See Parts."""
        service = self._services[part]
        if not self._supervisor.processes()[part].alive:
            self._supervisor.start_service(part)
        deadline = time.monotonic() + service.start_seconds
        while problem := service.health.problem(self._supervisor.processes()[part].since):
            if time.monotonic() > deadline:
                raise LabError(
                    f"{part} is not healthy {service.start_seconds:.0f} s after its start: {problem}.\n"
                    f"Its log: {log_file(self._state_dir, part)}"
                )
            time.sleep(POLL_SECONDS)

    def pause(self, part: str) -> None:
        """See Parts."""
        stopped: set[psutil.Process] = set()
        # The parents first, and again until there is no new child: what stands still has none.
        while new := [process for process in self._family(part) if process not in stopped]:
            _send(signal.SIGSTOP, new)
            stopped.update(new)

    def resume(self, part: str) -> None:
        """See Parts."""
        _send(signal.SIGCONT, reversed(self._family(part)))

    def read(self, file: PartFile) -> bytes | None:
        """See Parts."""
        try:
            return self._path(file).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, file: PartFile, content: bytes) -> None:
        """See Parts."""
        # Before its first training the ML team's machine has no such folder.
        self._path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path(file).write_bytes(content)

    def remove(self, file: PartFile) -> None:
        """See Parts."""
        self._path(file).unlink(missing_ok=True)

    def _path(self, file: PartFile) -> Path:
        return self._state_dir / FOLDERS[file.part] / file.path

    def _family(self, part: str) -> list[psutil.Process]:
        pid = self._supervisor.processes()[part].pid
        try:
            return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []
        except psutil.NoSuchProcess:
            return []


def _send(number: signal.Signals, processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
