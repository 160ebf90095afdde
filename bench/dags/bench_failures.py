"""A DAG whose tasks fail, one after the other, each once; put into the DAG folder of the lab that is measured.

Each task leaves a file, named like it, that holds when it failed, in seconds since 1970.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, task

FAILURES = 20


@task(retries=0)
def fail(number: int) -> None:
    """Note the time, then fail."""
    folder = Path(os.environ["LAB_STATE_DIR"]) / "failures"
    folder.mkdir(exist_ok=True)
    partial = folder / f".fail_{number:02}"
    partial.write_text(str(time.time()))
    partial.rename(folder / f"fail_{number:02}")
    raise RuntimeError("As it should.")


with DAG(
    "bench_failures",
    schedule="@once",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_tasks=1,
    is_paused_upon_creation=False,
):
    for number in range(FAILURES):
        fail.override(task_id=f"fail_{number:02}")(number)
