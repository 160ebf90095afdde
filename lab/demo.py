"""The demo: the lab comes up, orders_pipeline runs, and its result is held against an independent computation.

Then the integration runs that trains on the new datamart; not on a person's own orders, of which nobody knows whether
they hold enough customers to learn from.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.live import Live

from lab import datamart, integration, lifecycle, report
from lab.airflow_api import AirflowApi, Run, TaskInstance
from lab.errors import LabError
from lab.orders import OrdersSummary, Row, customer_differences, differences, summarize
from lab.progress import Progress
from lab.settings import Settings

DAG_ID = "orders_pipeline"
RAW_CHECK = "check_raw_orders"
POLL_SECONDS = 0.5
SHOWN_DIFFERENCES = 20


def demo(settings: Settings, orders: str, progress: Progress) -> None:
    """Run orders_pipeline over a CSV file, the lab's own unless `orders` names another, and show everything.

    Raises:
        LabError: the file is unusable, the lab does not come up, a run failed, or its result is wrong.

    """
    orders_csv = check_orders(orders) if orders else settings.orders_csv
    lifecycle.up(lifecycle.lab_of(settings), progress)
    with AirflowApi(settings) as api, ThreadPoolExecutor(1) as aside:
        expected = aside.submit(summarize, orders_csv)
        if not orders:
            # A DAG that is paused when an asset is updated never hears of it.
            api.wait_for_dag(integration.DAG_ID)
            api.unpause(integration.DAG_ID)
        run = _run(settings, api, orders_csv, progress)
        counts = api.result(run, RAW_CHECK)
        rows, customers = datamart.read_summary(settings), datamart.read_customers(settings)
        tables = {"orders_summary": len(rows), "customer_orders": sum(int(one["orders"]) for one in customers)}
        report.print_rows(counts, tables, progress)
        report.print_partitions(datamart.partitions(settings), settings.bucket, progress)
        report.print_summary(rows, progress)
        _compare(expected.result(), counts, rows, customers)
        report.print_verdict(tables, orders_csv, progress)
        if not orders:
            _integrate(settings, api, run, progress)
    report.print_addresses(settings, run, progress)
    report.print_alerts(settings, progress)


def check_orders(path: str) -> Path:
    """Return the absolute path of a person's orders file.

    Raises:
        LabError: it cannot be read, or holds nothing.

    """
    orders_csv = Path(path).expanduser().resolve()
    try:
        with orders_csv.open("rb") as file:
            if not file.read(1):
                raise LabError(f"{orders_csv} is empty. It has to hold orders, with a header line.")
    except OSError as error:
        raise LabError(
            f"{orders_csv} cannot be read: {error.strerror}. Give the path of a CSV file: ORDERS=path.csv"
        ) from error
    return orders_csv


def _run(settings: Settings, api: AirflowApi, orders_csv: Path, progress: Progress) -> Run:
    api.wait_for_dag(DAG_ID)
    run = api.trigger(DAG_ID, {"orders_csv": str(orders_csv)})
    # After the trigger, so that a scheduled run that is due does not come behind this one and replace its result.
    api.unpause(DAG_ID)
    progress.note(f"\n{DAG_ID} on {orders_csv}\n{report.run_address(api.url, run)}\n")
    return _followed(settings, api, run, progress)


def _integrate(settings: Settings, api: AirflowApi, orders_run: Run, progress: Progress) -> None:
    run = api.wait_for_consequence(orders_run, integration.DAG_ID)
    progress.note(f"{integration.DAG_ID}, started by the new orders_summary\n{report.run_address(api.url, run)}\n")
    integration.show(settings, api, _followed(settings, api, run, progress), progress)


def _followed(settings: Settings, api: AirflowApi, run: Run, progress: Progress) -> Run:
    """Follow a run to its end and show its tasks; raise LabError if it failed."""
    run = follow(api, run, progress)
    report.print_tasks(api.tasks(run), progress)
    if run.state != "success":
        raise _failure(settings, api, run)
    return run


def follow(api: AirflowApi, run: Run, progress: Progress) -> Run:
    """Show each task's state as it changes until the run has ended; return how. Airflow bounds each task's time."""
    console = progress.console
    told: dict[str, TaskInstance] = {}
    with Live(console=console, transient=True) as live:
        while True:
            tasks = api.tasks(run)
            if console.is_terminal:
                live.update(report.task_table(tasks))
            else:
                report.print_changes(told, tasks, progress)
                told = {task.task_id: task for task in tasks}
            if run.is_finished:
                return run
            time.sleep(POLL_SECONDS)
            run = api.refreshed(run)


def _failure(settings: Settings, api: AirflowApi, run: Run) -> LabError:
    failed = next((task for task in api.tasks(run) if task.state == "failed"), None)
    if failed is None:
        return LabError(f"The run failed without a failed task: {report.run_address(api.url, run)}")
    folder = settings.state_dir / "airflow" / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
    log = folder / f"task_id={failed.task_id}" / f"attempt={failed.tries}.log"
    return LabError(
        f"{failed.task_id} failed, at try {failed.tries}:\n\n{api.error_message(run, failed)}\n\n"
        f"Its whole log: {log}\nor, in Airflow: {report.run_address(api.url, run)}\n"
        f"The message to those on call is in the inbox, and the alerts follow in a minute: {settings.inbox_url}\n"
        "Correct the cause, then run `make demo` again: running the pipeline twice does no harm."
    )


def _compare(known: OrdersSummary, counts: Mapping[str, Any], rows: Iterable[Row], customers: Iterable[Row]) -> None:
    """Raise LabError if the pipeline's counts or rows are not those that were computed without it."""
    found = differences(known, rows) + customer_differences(known, customers)
    known_counts = {"rows": known.rows_read, "accepted": known.rows_accepted, "rejected": dict(known.rejected)}
    if counts != known_counts:
        found.insert(0, f"the pipeline counted {counts}, the independent computation {known_counts}")
    if found:
        shown = "\n  ".join(found[:SHOWN_DIFFERENCES])
        raise LabError(f"The tables are not what lab/orders.py computes from the same file:\n  {shown}")
