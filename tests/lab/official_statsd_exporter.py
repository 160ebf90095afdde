"""The official statsd_exporter, and what it made of each recorded capture: the golden pages.

`python -m tests.lab.official_statsd_exporter` writes the golden pages anew, which a change of the mapping file calls
for.
"""

import tempfile
from pathlib import Path

from lab import judges
from tests.lab.statsd_process import StatsdProcess, comparable

COMMAND = (str(judges.BIN / "statsd_exporter"),)
FOLDER = Path(__file__).parent / "captures"
CAPTURES = sorted(FOLDER.glob("*.statsd"))
CAPTURE = FOLDER / "airflow-3.3.2-day.statsd"
GOLDEN_PAGE = CAPTURE.with_suffix(".prom")


def main() -> None:
    """Write the golden pages anew."""
    for capture in CAPTURES:
        with tempfile.TemporaryDirectory() as scratch, StatsdProcess(Path(scratch) / "log", COMMAND) as official:
            page = official.page_of(capture.read_text().splitlines())
        capture.with_suffix(".prom").write_text(comparable(page))


if __name__ == "__main__":
    main()
