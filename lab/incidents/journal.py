"""The journal: which incidents are open, in a folder each that is made before anything is done.

So what was interrupted in the middle can be healed too. A fault keeps there what its way back needs.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from lab.errors import LabError
from lab.progress import Progress

SINCE = "since"


class Journal:
    """The open incidents of one lab."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "incidents" / "open"

    def opened(self) -> dict[str, datetime]:
        """Return the names of the open incidents and when they began, the oldest first."""
        # A folder without its note is being made or removed at this moment, or that was interrupted.
        notes = self._folder.glob(f"*/{SINCE}")
        began = {note.parent.name: datetime.fromisoformat(note.read_text(encoding="utf-8")) for note in notes}
        return dict(sorted(began.items(), key=lambda item: item[1]))

    def open(self, name: str) -> Path:
        """Note an incident down; return its folder.

        Raises:
            LabError: it is open already.

        """
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, encoding="utf-8") as note:
            note.write(datetime.now(UTC).isoformat(timespec="seconds"))
            note.flush()
            try:
                os.link(note.name, folder / SINCE)  # whole, and by one alone
            except FileExistsError:
                raise LabError(f"{name} is open already. `make heal` ends it.") from None
        return folder

    def folder(self, name: str) -> Path:
        """Return an open incident's folder."""
        return self._folder / name

    def close(self, name: str) -> None:
        """Forget an incident that is healed."""
        (self.folder(name) / SINCE).unlink(missing_ok=True)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    @contextmanager
    def together(self, progress: Progress) -> Iterator[None]:
        """Hold the journal with others who cause incidents, but not while one heals."""
        with self._locked(fcntl.LOCK_SH, progress):
            yield

    @contextmanager
    def alone(self, progress: Progress) -> Iterator[None]:
        """Hold the journal while nobody else causes or heals."""
        with self._locked(fcntl.LOCK_EX, progress):
            yield

    @contextmanager
    def _locked(self, how: int, progress: Progress) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder.parent / "lock").open("a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                progress.note("Another command causes or heals incidents; waiting until it is done.")
                fcntl.flock(lock, how)
            yield
