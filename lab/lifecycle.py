"""The lab's life: up, down and clean, one command at a time for each state directory."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import checks, processes
from lab.errors import LabError
from lab.preparations import Preparation, preparation_table
from lab.progress import Progress
from lab.services import Service, service_table
from lab.settings import Settings
from lab.startup import Startup
from lab.supervisor import Supervisor

SHUTDOWN_SECONDS = 40


@dataclass(frozen=True)
class Lab:
    """One lab: where it keeps its state, what runs in it and what has to be prepared."""

    state_dir: Path
    services: Sequence[Service]
    preparations: Sequence[Preparation] = ()


def lab_of(settings: Settings) -> Lab:
    """Return the lab that the settings describe."""
    return Lab(settings.state_dir, service_table(settings), preparation_table(settings))


def up(lab: Lab, progress: Progress) -> None:
    """Start what does not run yet and wait until everything is ready.

    Raises:
        LabError: something did not come up. Whatever this call had started is stopped again.

    """
    began = time.monotonic()
    supervisor = Supervisor(lab.state_dir)
    checks.check_commands(lab.services)
    checks.check_disk(lab.state_dir)
    with alone(lab.state_dir, progress):
        is_fresh = not supervisor.is_running()
        if is_fresh:
            _end_orphans(lab.state_dir, progress)
            checks.check_ports(lab.services)
            supervisor.start(lab.services)
        startup = Startup(supervisor, progress)
        try:
            if not is_fresh:
                supervisor.reload(lab.services)
                alive = {name for name, process in supervisor.processes().items() if process.alive}
                checks.check_ports(service for service in lab.services if service.name not in alive)
            startup.run(lab.preparations, lab.services)
        except BaseException:
            progress.note("Stopping what was started.")
            if is_fresh:
                supervisor.shut_down(SHUTDOWN_SECONDS)
            else:
                startup.undo()
            raise
    progress.note(f"The lab is up, after {time.monotonic() - began:.0f} s.")


def down(lab: Lab, progress: Progress) -> None:
    """End the supervisor and all that it started, and wait until that is done. Nothing else is touched."""
    with alone(lab.state_dir, progress):
        _down(lab.state_dir, progress)


def clean(lab: Lab, progress: Progress) -> None:
    """End the lab and remove everything that it keeps."""
    with alone(lab.state_dir, progress):
        _down(lab.state_dir, progress)
        shutil.rmtree(lab.state_dir)
    progress.note(f"Removed {lab.state_dir}.")


def _down(state_dir: Path, progress: Progress) -> None:
    began = time.monotonic()
    if not processes.marked(state_dir):
        progress.note("Nothing of the lab is running.")
        return
    with progress.live():
        progress.waiting_for(["the services to end"])
        Supervisor(state_dir).shut_down(SHUTDOWN_SECONDS)
    progress.note(f"The lab is down, after {time.monotonic() - began:.0f} s.")


def _end_orphans(state_dir: Path, progress: Progress) -> None:
    orphans = processes.marked(state_dir)
    if orphans:
        progress.note(f"Ending {len(orphans)} processes that a supervisor left behind when it was killed.")
        processes.end(orphans, patience=10)


@contextmanager
def alone(state_dir: Path, progress: Progress) -> Iterator[None]:
    """Hold the state directory's lock, so that two commands do not work against each other.

    The lock file also says that the directory is a lab's: `clean` must never remove anything else.
    """
    path = state_dir / "lab.lock"
    if state_dir.exists() and any(state_dir.iterdir()) and not path.exists():
        raise LabError(
            f"{state_dir} holds files that are not the lab's. Set LAB_STATE_DIR in .env to a new or an empty folder."
        )
    while True:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress.note("Another command is working on this lab; waiting until it is done.")
                fcntl.flock(lock, fcntl.LOCK_EX)
            # `clean` removes the file: whoever waited for it then holds a lock on nothing, and tries again.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(lock.fileno())):
                yield
                return
