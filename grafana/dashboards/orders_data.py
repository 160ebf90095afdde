"""Orders data: how many rows came, were rejected and why, what was written, and how fresh it is."""

from grafana.dashboards.building import Line, Section, dashboard, variable
from grafana.dashboards.fields import ANY_IS_BAD, BAD, BUSY, GOOD, PLAIN, WARNING, ZERO_IS_GOOD, Column, Field, steps
from grafana.dashboards.panels import Content, Query, bar_gauge, gauge, stat, table, time_series

OF_DAG = '{dag_id=~"$dag_id"}'
REJECTED_SHARE = steps(GOOD, (0.05, WARNING), (0.1, BAD))
STALE = steps(GOOD, (20 * 3600, WARNING), (26 * 3600, BAD))


def rows(stage: str, outcome: str) -> str:
    """Return the rows of the last run of each DAG, at a stage and with an outcome."""
    return f'sum by (dag_id) (pipeline_rows{{dag_id=~"$dag_id",stage="{stage}",outcome="{outcome}"}})'


def checks(result: str) -> str:
    """Return how often each check had a result, 0 included."""
    every = f"sum by (dag_id, check) (pipeline_quality_checks_total{OF_DAG})"
    these = f'sum by (dag_id, check) (pipeline_quality_checks_total{{dag_id=~"$dag_id",result="{result}"}})'
    return f"{these} or 0 * {every}"


# Not of the rows read: that figure is sent by an earlier task.
SHARE = f"{rows('raw', 'rejected')} / ({rows('raw', 'accepted')} + {rows('raw', 'rejected')} > 0)"

LAST_ROWS = stat(
    "Rows of the last run",
    "Rows that the last run read from the export, took, and left out because they make no sense; and the rows of the"
    " datamart that it made of them, one for each month and status.",
    [
        Query(f"sum({rows('raw', 'read')})", "read"),
        Query(f"sum({rows('raw', 'accepted')})", "accepted"),
        Query(f"sum({rows('raw', 'rejected')})", "rejected"),
        Query(f"sum({rows('summary', 'written')})", "in the datamart"),
    ],
    Field(unit="none"),
    named=True,
)
SHARE_NOW = gauge(
    "Share rejected",
    "Share of the last run's rows that were rejected. Above 10 % the run fails and the last good datamart stays.",
    [Query(SHARE, "{{dag_id}}")],
    Field(unit="percentunit", decimals=1, low=0, high=0.2, steps=REJECTED_SHARE),
)
FAILED_CHECKS = stat(
    "Failed checks",
    "Data-quality checks that failed, since the exporter started.",
    [Query('sum(pipeline_quality_checks_total{dag_id=~"$dag_id",result="failed"}) or vector(0)')],
    Field(steps=ZERO_IS_GOOD),
)
AGE = stat(
    "Datamart written",
    "How long ago the datamart was last written and found right. After 26 hours it counts as stale.",
    [Query("time() - max by (datamart) (datamart_last_success_timestamp_seconds)", "{{datamart}}")],
    Field(unit="s", decimals=0, steps=STALE),
)
REASONS = bar_gauge(
    "Rejected, by reason",
    "Rows that the last run rejected, each for the first reason that holds.",
    [Query(f"sort_desc(sum by (reason) (pipeline_rejected_rows{OF_DAG}))", "{{reason}}")],
    Field(unit="none", low=0, steps=steps(WARNING)),
)
ROWS = time_series(
    "Rows over time",
    "Rows read, accepted and rejected by the last run, at each moment. A fall by more than half is an alert.",
    [
        Query(f"sum({rows('raw', 'read')})", "read"),
        Query(f"sum({rows('raw', 'accepted')})", "accepted"),
        Query(f"sum({rows('raw', 'rejected')})", "rejected"),
    ],
    Field(colors={"read": BUSY, "accepted": GOOD, "rejected": BAD}),
)
CHECKS = table(
    "Data-quality checks",
    "How often each check was made since the exporter started, and with what result.",
    Content(
        labels={"dag_id": Column("DAG"), "check": Column("Check")},
        values={
            checks("passed"): Column("Passed", Field(steps=steps(PLAIN, (1, GOOD)))),
            checks("failed"): Column("Failed", ANY_IS_BAD),
        },
        sort="Check",
    ),
)
SHARE_OVER_TIME = time_series(
    "Share rejected, over time",
    "Share of the rows that the last run rejected, at each moment, and the limits of 5 % and 10 %.",
    [Query(SHARE, "{{dag_id}}")],
    Field(unit="percentunit", low=0, steps=REJECTED_SHARE),
    limit=True,
)
FRESHNESS = time_series(
    "Age of the datamart",
    "Seconds since the datamart was last written and found right: it grows until the next good run.",
    [Query("time() - max by (datamart) (datamart_last_success_timestamp_seconds)", "{{datamart}}")],
    Field(unit="s"),
)
PARTITION_ROWS = bar_gauge(
    "Rows of each partition",
    "Rows of each partition as last written.",
    [Query(f"sum by (partition) (pipeline_partition_rows{OF_DAG})", "{{partition}}")],
    Field(low=0, steps=steps(BUSY)),
)
PARTITION_BYTES = bar_gauge(
    "Size of each partition",
    "Bytes of each partition's Parquet files as last written.",
    [Query(f"sum by (partition) (pipeline_partition_bytes{OF_DAG})", "{{partition}}")],
    Field(unit="bytes", low=0, steps=steps(BUSY)),
)

DASHBOARD = dashboard(
    "orders-data",
    "Orders data",
    "The orders on their way into the datamart: rows in, rejected and out, quality checks, freshness, partitions.",
    [
        Section(
            "",
            [Line(5, [(AGE, 5), (FAILED_CHECKS, 4), (SHARE_NOW, 5), (LAST_ROWS, 10)])],
        ),
        Section(
            "Rows and checks",
            [Line(8, [(ROWS, 10), (REASONS, 7), (CHECKS, 7)]), Line(7, [(SHARE_OVER_TIME, 12), (FRESHNESS, 12)])],
        ),
        Section("Partitions", [Line(10, [(PARTITION_ROWS, 12), (PARTITION_BYTES, 12)])]),
    ],
    [variable("dag_id", "DAG", "label_values(pipeline_rows, dag_id)")],
)
