"""The report of a run: its tasks, the rows in and out, the files on S3 and the addresses, for a person to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich import box
from rich.table import Table

from lab import alerts, monitoring_files
from lab.airflow_api import Run, TaskInstance
from lab.datamart import Partition
from lab.progress import Progress
from lab.settings import Settings
from lab.viewer.dashboards import Library

SHOWN_ROWS = 8
DECIMALS = 2
TASK_WIDTH = 30
DASHBOARD_WIDTH = 18
STYLES = {"success": "green", "failed": "red", "running": "cyan", "up_for_retry": "yellow"}
# They tell a person nothing while a run goes on.
UNTOLD_STATES = {None, "scheduled", "queued", "upstream_failed"}


def task_table(tasks: Sequence[TaskInstance]) -> Table:
    """Return a table of each task's state and duration."""
    table = _table("task", "state", "tries", "seconds")
    for task in tasks:
        state = task.state or "waiting"
        style = STYLES.get(state, "")
        table.add_row(task.task_id, f"[{style}]{state}[/]" if style else state, str(task.tries), _seconds(task))
    return table


def print_changes(before: Mapping[str, TaskInstance], tasks: Sequence[TaskInstance], progress: Progress) -> None:
    """Print a line for each task whose state is another one than before."""
    for task in tasks:
        is_told = task.task_id in before and before[task.task_id].state == task.state
        if task.state not in UNTOLD_STATES and not is_told:
            progress.note(f"  {task.task_id:<{TASK_WIDTH}} {task.state:<12} {_seconds(task)}".rstrip())


def print_tasks(tasks: Sequence[TaskInstance], progress: Progress) -> None:
    """Print the tasks of a run that has ended."""
    progress.console.print(task_table(tasks))


def print_rows(counts: Mapping[str, Any], tables: Mapping[str, int], progress: Progress) -> None:
    """Print what became of the rows. `counts` is what check_raw_orders returned, `tables` the rows of each table."""
    rejected: Mapping[str, int] = counts["rejected"]
    table = _table("rows", "")
    table.add_row("read", f"{counts['rows']:,}")
    table.add_row("accepted", f"{counts['accepted']:,}")
    table.add_row("rejected", f"{sum(rejected.values()):,}")
    for reason, count in sorted(rejected.items()):
        table.add_row(f"  {reason}", f"{count:,}")
    for name, rows in tables.items():
        table.add_row(name, f"{rows:,}")
    progress.console.print(table)


def print_partitions(partitions: Sequence[Partition], where: str, progress: Progress) -> None:
    """Print the files of each partition, and where they lie."""
    table = _table("partition", "objects", "bytes")
    for partition in partitions:
        table.add_row(partition.name, f"{partition.objects:,}", f"{partition.size:,}")
    table.add_section()
    objects, size = sum(one.objects for one in partitions), sum(one.size for one in partitions)
    table.add_row(where, f"{objects:,}", f"{size:,}")
    progress.console.print(table)


def print_summary(rows: Sequence[Mapping[str, str | None]], progress: Progress) -> None:
    """Print the first rows of orders_summary."""
    # Narrow: six columns with long names have to fit a terminal of 80 characters.
    table = Table(*rows[0] if rows else (), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*map(_shortened, row.values()))
    progress.note(f"  orders_summary, read through Athena: {len(table.rows)} of {len(rows)} rows")
    progress.console.print(table)


def print_verdict(tables: Mapping[str, int], orders_csv: Path, progress: Progress) -> None:
    """Say that the pipeline's tables are right, and how that is known."""
    counted = " and ".join(f"{rows:,} of {name}" for name, rows in tables.items())
    progress.note(f"  All rows, {counted}, equal an independent computation over {orders_csv}.\n")


def print_addresses(settings: Settings, run: Run, progress: Progress) -> None:
    """Print what a person can open now."""
    login = f"user {settings.airflow_user}, password {settings.airflow_password}"
    progress.note(f"  Airflow      {settings.airflow_url}   {login}")
    progress.note(f"  this run     {run_address(settings.airflow_url, run)}")
    progress.note(f"  AWS          {settings.aws_endpoint_url}   the endpoint of S3, Glue and Athena")
    progress.note(f"  MLflow       {settings.mlflow_url}   trainings, and the registry of models")
    progress.note(f"  scores       {settings.ml_api_url}/docs   the inference API")
    progress.note(f"  Prometheus   {settings.prometheus_url}   metrics, rules and alerts")
    progress.note(f"  Alertmanager {settings.alertmanager_url}")
    progress.note(f"  inbox        {settings.inbox_url}   e-mail and Slack messages of the lab")
    progress.note("\n  dashboards:")
    for dashboard in Library(monitoring_files.dashboards_folder(settings)).all():
        progress.note(f"    {dashboard.title:<{DASHBOARD_WIDTH}} {settings.grafana_url}{dashboard.path}")


def print_alerts(settings: Settings, progress: Progress) -> None:
    """Print the alerts that are firing."""
    try:
        firing = alerts.firing(settings)
    except httpx.HTTPError as error:
        progress.note(f"\n  Alertmanager cannot be asked which alerts are firing: {error}. `make status` tells more.")
        return
    progress.note("\n  firing alerts:" if firing else "\n  No alert is firing.")
    for alert in firing:
        progress.note(f"    {alert.name} ({alert.severity}): {alert.summary}")


def run_address(airflow_url: str, run: Run) -> str:
    """Return where Airflow's user interface shows the run."""
    return f"{airflow_url}/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}"


def _table(name: str, *numbers_or_words: str) -> Table:
    table = Table(name, *numbers_or_words, box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        if column.header != "state":
            column.justify = "right"
    return table


def _shortened(value: str | None) -> str:
    """Cut a double's many decimals; text and exact decimals stay as Athena gave them."""
    whole, point, decimals = (value or "").partition(".")
    return f"{float(f'{whole}.{decimals}'):.2f}" if point and len(decimals) > DECIMALS else whole + point + decimals


def _seconds(task: TaskInstance) -> str:
    return f"{task.seconds:.1f}" if task.seconds else ""
