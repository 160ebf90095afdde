"""Logs: where the output of each service goes, its end, and following it."""

import os
import sys
from collections import deque
from pathlib import Path

from lab.errors import LabError


def log_file(state_dir: Path, name: str) -> Path:
    """Return the file that takes a service's or a preparation's output."""
    return state_dir / "logs" / f"{name}.log"


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, or a note that there are none."""
    if not log.exists():
        return "(no output)"
    with log.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, maxlen=lines)).rstrip() or "(no output)"


def show(state_dir: Path, name: str) -> None:
    """Print the end of a service's log and, on a terminal, go on as it grows; without a name, list the names."""
    names = sorted(log.stem for log in (state_dir / "logs").glob("*.log"))
    if not names:
        raise LabError(f"There are no logs in {state_dir / 'logs'} yet: start the lab with `make up`.")
    if not name:
        print("Logs to follow, as in `make logs NAME=" + names[0] + "`:\n  " + "\n  ".join(names))
        return
    if name not in names:
        raise LabError(f"There is no log of {name!r}. There are: {', '.join(names)}.")
    log = log_file(state_dir, name)
    if sys.stdout.isatty():
        # -F stays with the name when the file is rotated.
        os.execvp("tail", ["tail", "-n", "50", "-F", str(log)])  # noqa: S606 - following a file is its whole job
    print(tail(log, 200))
