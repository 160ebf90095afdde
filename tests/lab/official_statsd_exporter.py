"""The official statsd_exporter, and what it made of the recorded capture: the golden page.

`python -m tests.lab.official_statsd_exporter` writes the golden page anew, which a change of the mapping file calls
for.
"""

import tempfile
from pathlib import Path

from lab import judges
from tests.lab.statsd_process import StatsdProcess, comparable

COMMAND = (str(judges.BIN / "statsd_exporter"),)
CAPTURES = Path(__file__).parent / "captures"
CAPTURE = CAPTURES / "airflow-3.3.2-day.statsd"
GOLDEN_PAGE = CAPTURES / "airflow-3.3.2-day.prom"


def main() -> None:
    """Write the golden page anew."""
    with tempfile.TemporaryDirectory() as scratch, StatsdProcess(Path(scratch) / "log", COMMAND) as official:
        page = official.page_of(CAPTURE.read_text().splitlines())
    GOLDEN_PAGE.write_text(comparable(page))


if __name__ == "__main__":
    main()
