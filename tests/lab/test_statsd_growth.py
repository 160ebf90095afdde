"""Growth: a thousand more runs of a DAG make no more series."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.lab.official_statsd_exporter import CAPTURE
from tests.lab.statsd_process import StatsdProcess, samples

DAG = "orders_pipeline"
RUNS = 1000


def test_a_thousand_runs_leave_the_series_as_they_are(tmp_path: Path) -> None:
    recorded = [line for line in CAPTURE.read_text().splitlines() if f"dag_id={DAG}," in line]
    # One line of each kind, and what names the run: the mapping drops it.
    kinds = [*{line.partition(":")[0]: line for line in recorded}.values()]
    kinds.append(f"airflow.deadline_alerts.deadline_missed,dag_id={DAG},dagrun_id=manual__0:1|c")

    def runs(first: int, last: int) -> Iterator[str]:
        for run in range(first, last):
            for line in kinds:
                yield _slower(line, 1 + run % 100).replace("manual__0", f"manual__{run}")

    with StatsdProcess(tmp_path / "exporter.log") as exporter:
        before = samples(exporter.page_of(runs(0, 1)))
        exporter.send(runs(1, RUNS))
        after = samples(exporter.page())
    started = ("airflow_ti_start", (("dag_id", DAG), ("task_id", "ctas_orders_summary")))
    assert (before[started], after[started]) == (1, RUNS)
    assert after.keys() == before.keys()


def _slower(line: str, times: int) -> str:
    """Return a line whose duration, if it has one, is so many times as long: runs differ in that too."""
    return re.sub(r":([\d.]+)\|ms", lambda took: f":{float(took[1]) * times:.3f}|ms", line)
