"""A finding: one fault of a file, as a person reads it and an editor follows it."""

import re
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """Where it is, relative to the tree that was looked at, and what is wrong and to be done."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """Return it as compilers do."""
        return f"{self.path}:{self.line}: {self.text}"


def line_of(path: Path, name: str, start: int = 1) -> int | None:
    """Return the first line of a file, from `start` on, that holds a name as a whole; None if none does."""
    whole = re.compile(rf"(?<![\w:]){re.escape(name)}(?![\w:])")
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines[start - 1 :], start) if whole.search(line)), None)
