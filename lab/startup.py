"""The start of a lab: preparations and services, each as soon as what it needs is ready."""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from lab.errors import LabError
from lab.logs import log_file, tail
from lab.preparations import Preparation
from lab.progress import Progress
from lab.services import Service
from lab.supervisor import Supervisor

POLL_SECONDS = 0.25


class _Attempt(Protocol):
    def outcome(self) -> str | None:
        """Return what to tell the person once it is ready, None until then; raise LabError when it will not be."""


class Startup:
    """One start. Remembers which services it started, so that it can undo that."""

    def __init__(self, supervisor: Supervisor, progress: Progress) -> None:
        self._supervisor = supervisor
        self._progress = progress
        self._started: list[str] = []

    def run(self, preparations: Iterable[Preparation], services: Iterable[Service]) -> None:
        """Bring everything up, in parallel where `after` allows it, and wait until all is ready.

        Raises:
            LabError: a preparation failed, or a service ended or was not ready in time.

        """
        rows: list[Preparation | Service] = [*preparations, *services]
        waiting = {row.name: row for row in rows}
        under_way: dict[str, _Attempt] = {}
        ready: set[str] = set()
        with self._progress.live(), ThreadPoolExecutor() as pool:
            while waiting or under_way:
                for row in [row for row in waiting.values() if ready.issuperset(row.after)]:
                    under_way[row.name] = self._begin(row, pool)
                    del waiting[row.name]
                for name, attempt in list(under_way.items()):
                    if outcome := attempt.outcome():
                        self._progress.line(name, outcome)
                        ready.add(name)
                        del under_way[name]
                self._progress.waiting_for(under_way)
                time.sleep(POLL_SECONDS)

    def undo(self) -> None:
        """Stop the services that this start started."""
        for name in reversed(self._started):
            self._supervisor.stop_service(name)

    def _begin(self, row: Preparation | Service, pool: ThreadPoolExecutor) -> _Attempt:
        if isinstance(row, Preparation):
            return _Running(pool.submit(row.run))
        if self._supervisor.processes()[row.name].alive:
            return _Starting(row, self._supervisor, is_new=False)
        self._supervisor.stop_service(row.name)  # it may be between two crashes, which supervisord counts as running
        self._supervisor.start_service(row.name)
        self._started.append(row.name)
        return _Starting(row, self._supervisor, is_new=True)


class _Running:
    """A preparation under way in a thread."""

    def __init__(self, future: Future[str]) -> None:
        self._began = time.monotonic()
        self._future = future

    def outcome(self) -> str | None:
        if not self._future.done():
            return None
        return f"{self._future.result()} in {time.monotonic() - self._began:4.1f} s"


class _Starting:
    """A service that has a process and is not ready yet."""

    def __init__(self, service: Service, supervisor: Supervisor, *, is_new: bool) -> None:
        self._began = time.monotonic()
        self._service = service
        self._supervisor = supervisor
        self._is_new = is_new
        self._pid = supervisor.processes()[service.name].pid

    def outcome(self) -> str | None:
        service = self._service
        process = self._supervisor.processes()[service.name]
        if not process.alive or process.pid != self._pid:
            raise self._failure("ended while it was starting")
        problem = service.health.problem(process.since)
        seconds = time.monotonic() - self._began
        if problem is None:
            state = f"ready in {seconds:4.1f} s" if self._is_new else "already running"
            return f"{state}  {service.address}".rstrip()
        if seconds > service.start_seconds:
            raise self._failure(f"was not ready within {service.start_seconds:.0f} s: {problem}")
        return None

    def _failure(self, what: str) -> LabError:
        log = log_file(self._supervisor.state_dir, self._service.name)
        return LabError(
            f"{self._service.name} {what}.\nIts log, {log}, ends with:\n\n{tail(log)}\n\n"
            "What this command had started is stopped again. Once the cause is gone, `make up` starts anew."
        )
