"""`make bench`: a lab of its own on free ports, measured and taken down; prints one table."""

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import statsd
from bench.athena import Athena, Figure, measure
from lab.settings import REPOSITORY, free_ports, load_settings

_LAB = [str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "lab"]
_ORDERS = 2_000_000
_AT_REST_AFTER_SECONDS = 20  # Airflow's processes still load modules for a while after they are healthy


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as scratch:
        folder = Path(scratch)
        orders = folder / "orders.csv"
        os.environ |= _own_lab(folder / "state")
        _run([sys.executable, "data/generate_orders.py", "--rows", str(_ORDERS), "--output", str(orders)])
        figures = _lab_figures(orders, folder)
    widths = [max(len(row[column]) for row in [*figures, _HEADING]) for column in range(len(_HEADING))]
    for row in [_HEADING, *figures]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


_HEADING = Figure("figure", "measured", "against", "ratio", "at most")


def _lab_figures(orders: Path, folder: Path) -> list[Figure]:
    with ExitStack() as ending:
        ending.callback(_run, [*_LAB, "down"])
        up = _seconds([*_LAB, "up"])
        time.sleep(_AT_REST_AFTER_SECONDS)
        rest = _memory_megabytes()
        athena = Athena(load_settings(), "lab-bench")
        figures = measure(athena, orders, folder)
        athena.close()
        demo = _seconds([*_LAB, "demo"])
    return [
        *figures,
        *statsd.measure(),
        Figure("make up, from nothing to healthy", f"{up:.0f} s", "", "", "35 s"),
        Figure("make demo, with make up", f"{up + demo:.0f} s", "", "", "90 s"),
        Figure("memory at rest (PSS)", f"{rest} MB", "", "", "1600 MB"),
    ]


def _own_lab(state: Path) -> dict[str, str]:
    """Settings of a lab beside the user's own; what they do not name is as the user has it."""
    return {**free_ports(), "LAB_STATE_DIR": str(state)}


def _memory_megabytes() -> int:
    status = subprocess.run([*_LAB, "status"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    together = re.search(r"together\s+(\d+)", status)
    if not together:
        raise RuntimeError(f"`lab status` gave no total:\n{status}")
    return int(together[1])


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    _run(command)
    return time.perf_counter() - start


def _run(command: list[str]) -> None:
    """Run a command, its output on stderr: the table has stdout to itself."""
    subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    main()
