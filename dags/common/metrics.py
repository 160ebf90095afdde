"""Metrics of the pipelines' own: what a run found and wrote, sent by Airflow's stats interface.

They arrive in Prometheus as docs/metrics.md lists them. Gauges hold what the last run said; the labels name pipelines,
stages, reasons and partitions, never runs, so that a thousand runs make no more series than one.
"""

import time
from collections.abc import Mapping

from airflow.sdk.observability import stats


def send_rows(dag_id: str, stage: str, **counts: int) -> None:
    """Send `pipeline_rows`: how many rows of a stage had which outcome, such as `accepted=48521`."""
    for outcome, count in counts.items():
        stats.gauge("lab.pipeline.rows", count, tags={"dag_id": dag_id, "stage": stage, "outcome": outcome})


def send_rejected_rows(dag_id: str, counts: Mapping[str, int]) -> None:
    """Send `pipeline_rejected_rows` by reason; a reason that is left out keeps the count of an earlier run."""
    for reason, count in counts.items():
        stats.gauge("lab.pipeline.rejected_rows", count, tags={"dag_id": dag_id, "reason": reason})


def send_quality_check(dag_id: str, check: str, *, passed: bool) -> None:
    """Send `pipeline_quality_checks_total`: one check more."""
    result = "passed" if passed else "failed"
    stats.incr("lab.pipeline.quality_check", tags={"dag_id": dag_id, "check": check, "result": result})


def send_partition(dag_id: str, table: str, partition: str, *, rows: int, size: int) -> None:
    """Send `pipeline_partition_rows` and `pipeline_partition_bytes`; `size` in bytes."""
    tags = {"dag_id": dag_id, "table": table, "partition": partition}
    stats.gauge("lab.pipeline.partition_rows", rows, tags=tags)
    stats.gauge("lab.pipeline.partition_bytes", size, tags=tags)


def send_datamart_success(datamart: str) -> None:
    """Send `datamart_last_success_timestamp_seconds`: the datamart is written and checked as of now."""
    stats.gauge("lab.datamart.last_success_timestamp_seconds", time.time(), tags={"datamart": datamart})
