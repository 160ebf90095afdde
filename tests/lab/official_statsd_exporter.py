"""The official statsd_exporter, and what it made of the recorded capture: the golden page.

`python -m tests.lab.official_statsd_exporter` writes the golden page anew, which a change of the mapping file calls
for. It needs Go on PATH.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.settings import REPOSITORY
from tests.lab.statsd_process import StatsdProcess, comparable

VERSION = "v0.30.0"
PACKAGE = f"github.com/prometheus/statsd_exporter@{VERSION}"
PROGRAM = REPOSITORY / ".tools" / f"statsd_exporter-{VERSION}" / "statsd_exporter"
CAPTURES = Path(__file__).parent / "captures"
CAPTURE = CAPTURES / "airflow-3.3.2-day.statsd"
GOLDEN_PAGE = CAPTURES / "airflow-3.3.2-day.prom"


class NotAtHandError(Exception):
    """The official exporter is not here and cannot be installed; the argument says why."""


def official_command() -> tuple[str, ...]:
    """Return the command of the official exporter; Go installs it into .tools the first time."""
    if PROGRAM.exists():
        return (str(PROGRAM),)
    go = shutil.which("go")
    if go is None:
        raise NotAtHandError("Go is not on PATH")
    made = subprocess.run(
        [go, "install", PACKAGE],
        env={**os.environ, "GOBIN": str(PROGRAM.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotAtHandError(f"go install {PACKAGE}: {made.stderr.strip()}")
    return (str(PROGRAM),)


def main() -> None:
    """Write the golden page anew."""
    with tempfile.TemporaryDirectory() as scratch, StatsdProcess(Path(scratch) / "log", official_command()) as official:
        page = official.page_of(CAPTURE.read_text().splitlines())
    GOLDEN_PAGE.write_text(comparable(page))


if __name__ == "__main__":
    main()
