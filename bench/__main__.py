"""`make bench`: a lab of its own on free ports, measured and taken down; prints one table."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench import containers, failures, fleet, ml_host, statsd
from bench.athena import Athena, measure
from bench.figure import Figure, seconds
from bench.lab_copy import LabCopy
from lab.settings import REPOSITORY, load_settings

_ORDERS = 2_000_000
_AT_REST_AFTER_SECONDS = 20  # Airflow's processes still load modules for a while after they are healthy
_HEADING = Figure("figure", "measured", "against", "ratio", "at most")


def main() -> None:
    """Measure, and print what was measured, also if not all of it could be."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as scratch:
        try:
            for figure in _figures(LabCopy(Path(scratch) / "lab"), Path(scratch)):
                figures.append(figure)  # noqa: PERF402 - each is kept, whatever comes of the next
        finally:
            _print(figures)


def _print(figures: list[Figure]) -> None:
    widths = [max(len(row[column]) for row in [*figures, _HEADING]) for column in range(len(_HEADING))]
    for row in [_HEADING, *figures]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _figures(lab: LabCopy, folder: Path) -> Iterator[Figure]:
    settings = load_settings()
    orders = folder / "orders.csv"
    _say(f"generating {_ORDERS:,} orders")
    generate = [sys.executable, "data/generate_orders.py", "--rows", str(_ORDERS), "--output", str(orders)]
    subprocess.run(generate, cwd=REPOSITORY, stdout=sys.stderr, check=True)
    with ExitStack() as ending:
        ending.callback(lab.run, "down")
        _say("starting a lab")
        up = seconds(lab.run, "up")
        time.sleep(_AT_REST_AFTER_SECONDS)
        yield Figure("make up, from nothing to healthy", f"{up:.0f} s", "", "", "35 s")
        # 1,600 MB for the platform and its monitoring, 600 MB for what the ML team runs.
        yield Figure("memory at rest (PSS)", f"{_memory_megabytes(lab)} MB", "", "", "2200 MB")
        _say("measuring Athena")
        athena = Athena(settings, "lab-bench")
        yield from measure(athena, orders, folder)
        athena.close()
        _say("running the demo")
        yield Figure("make demo, with make up", f"{up + seconds(lab.run, 'demo'):.0f} s", "", "", "90 s")
        _say("letting twenty tasks fail; their alerts wait a minute each")
        yield from failures.measure(lab, settings)
        _say("simulating two hundred DAGs, some five minutes")
        yield from fleet.measure(settings)
    _say("flooding the StatsD exporters")
    yield from statsd.measure()
    _say("training and scoring on a machine of the ML team's")
    yield from ml_host.measure(folder / "ml_host")
    _say("building the images, and starting the lab in containers")
    yield from containers.measure()


def _memory_megabytes(lab: LabCopy) -> int:
    status = lab.output("status")
    together = re.search(r"together\s+(\d+)", status)
    if not together:
        raise RuntimeError(f"`lab status` gave no total:\n{status}")
    return int(together[1])


def _say(what: str) -> None:
    """Tell on stderr what takes so long: the table has stdout to itself."""
    print(f"bench: {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
