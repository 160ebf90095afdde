"""Progress: one line for each thing that is ready, and on a terminal a moving line for what is being waited for."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.status import Status

NAME_WIDTH = 15
FILE_WIDTH = 100


class Progress:
    """Tells a person what happens and how long it took."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = FILE_WIDTH
        self._status: Status | None = None
        self._began = time.monotonic()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show a moving line, on a terminal, while the block runs."""
        self._began = time.monotonic()
        with self.console.status("") as self._status:
            yield
        self._status = None

    def waiting_for(self, names: Iterable[str]) -> None:
        """Say on the moving line what is being waited for."""
        if self._status:
            self._status.update(f"{time.monotonic() - self._began:3.0f} s  waiting for {', '.join(names)}")

    def line(self, name: str, text: str) -> None:
        """Print one line about one thing."""
        self.console.print(f"  {name:<{NAME_WIDTH}} {text}", markup=False)

    def note(self, text: str) -> None:
        """Print a sentence."""
        self.console.print(text, markup=False)
