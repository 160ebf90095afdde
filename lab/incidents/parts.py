"""Parts: what an incident does something to, by the names of the service table, in whichever way the lab is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.errors import LabError
from lab.settings import Settings


@dataclass(frozen=True)
class PartFile:
    """A file of a part's own, by its path in the part's folder."""

    part: str
    path: str

    def __str__(self) -> str:
        return f"{self.part}: {self.path}"


class Parts(Protocol):
    """The parts of a lab that runs. What they are made of, processes or containers, is known here alone.

    Whatever takes a part to where it is already does nothing. All raise LabError when it cannot be done.
    """

    @property
    def exports(self) -> Path:
        """The folder for exports that tasks are to read; it need not exist."""

    def seen_by_tasks(self, export: Path) -> str:
        """Return the path by which tasks know a file of `exports`."""

    def stop(self, part: str) -> None:
        """Stop a part, and wait until it has ended."""

    def start(self, part: str) -> None:
        """Start a part, and wait until it is healthy."""

    def pause(self, part: str) -> None:
        """Make all processes of a part stand still."""

    def resume(self, part: str) -> None:
        """Let a part that stands still go on."""

    def read(self, file: PartFile) -> bytes | None:
        """Return what a file holds; None if it is not there."""

    def write(self, file: PartFile, content: bytes) -> None:
        """Write a file, in place: its owner and rights stay what they are."""

    def remove(self, file: PartFile) -> None:
        """Remove a file, if it is there."""


def find_parts(settings: Settings) -> Parts:
    """Return the parts of the lab that runs here.

    Raises:
        LabError: none runs.

    """
    # Here, because each of them knows this module.
    from lab.incidents.containers import Containers  # noqa: PLC0415
    from lab.incidents.supervised import Supervised  # noqa: PLC0415

    found = Supervised.find(settings) or Containers.find()
    if found is None:
        raise LabError("The lab is not running. `make up` starts it, or `docker compose up --detach` with Docker.")
    return found
