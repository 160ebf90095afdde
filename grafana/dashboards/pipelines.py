"""Pipelines: how the runs and tasks of each DAG go: how often, how well, how long, and what they wait for."""

from dataclasses import replace

from grafana.dashboards.addresses import AIRFLOW
from grafana.dashboards.building import Line, Section, dashboard, variable
from grafana.dashboards.fields import (
    ANY_IS_BAD,
    BAD,
    BUSY,
    ENDED,
    GOOD,
    IDLE,
    PLAIN,
    SECONDS,
    SUCCESS_RATE,
    TASK_STATES,
    WARNING,
    ZERO_IS_GOOD,
    Column,
    Field,
    data_link,
    steps,
)
from grafana.dashboards.panels import Content, Query, bar_gauge, gauge, stat, state_timeline, table, time_series
from grafana.dashboards.queries import ended, runs_of_a_day, seconds_of_runs, seconds_of_tries, states_of_tasks

OF_DAG = '{dag_id=~"$dag_id"}'
OF_TASK = '{dag_id=~"$dag_id",task_id=~"$task_id"}'
TASK_NAME = "{{task_id}} ({{dag_id}})"

LABEL_DAG, LABEL_TASK = "${__field.labels.dag_id}", "${__field.labels.task_id}"
TO_RUNS = data_link("Runs in Airflow", f"{AIRFLOW}/dags/{LABEL_DAG}/runs")
TO_TASK = data_link("Task in Airflow", f"{AIRFLOW}/dags/{LABEL_DAG}/tasks/{LABEL_TASK}")
AIRFLOW_RUNS = f"{AIRFLOW}/dags/${{__data.fields.DAG}}/runs"
AIRFLOW_TASK = f"{AIRFLOW}/dags/${{__data.fields.DAG}}/tasks/${{__data.fields.Task}}"

SUCCEEDED = runs_of_a_day("success", OF_DAG)
FAILED = runs_of_a_day("failed", OF_DAG)
STARTED = f"sum by (dag_id, task_id) (airflow_ti_start{OF_TASK})"


def finished(state: str) -> str:
    """Return the tries of each task that ended so, 0 included."""
    finish = f'airflow_ti_finish{{dag_id=~"$dag_id",task_id=~"$task_id",state="{state}"}}'
    return f"sum by (dag_id, task_id) ({finish}) or 0 * {STARTED}"


def task_quantile(name: str) -> str:
    """Return a quantile of the seconds that tries of each task took."""
    return f"{seconds_of_tries(name, OF_TASK)} or 0 * {STARTED}"


WAITED = f"""
    sum by (dag_id, task_id) (airflow_task_scheduled_duration_sum{OF_TASK})
    / sum by (dag_id, task_id) (airflow_task_scheduled_duration_count{OF_TASK})
    or 0 * {STARTED}
"""
# Airflow does not say it of runs that a person or an asset starts.
FIRST_TASK_WAITED = f"""
    label_replace(
        sum by (dag_id) (airflow_dagrun_first_task_start_delay_sum{OF_DAG})
        / sum by (dag_id) (airflow_dagrun_first_task_start_delay_count{OF_DAG}),
        "task_id", "first task", "", ""
    )
"""

RUNS = stat(
    "Runs in a day",
    "Runs that ended within the last day, by how they ended.",
    [Query(f"sum({SUCCEEDED}) or vector(0)", "success"), Query(f"sum({FAILED}) or vector(0)", "failed")],
    Field(colors={"success": GOOD}, steps=ZERO_IS_GOOD),
    named=True,
)
RATE = gauge(
    "Success rate",
    "Share of the runs of the last day that succeeded, over all chosen DAGs.",
    [
        Query(
            f"(sum({SUCCEEDED}) or vector(0)) / ((sum({SUCCEEDED}) or vector(0)) + (sum({FAILED}) or vector(0)) > 0)",
            "success rate",
        )
    ],
    Field(unit="percentunit", low=0, high=1, steps=SUCCESS_RATE),
)
LAST = stat(
    "Last run",
    "How the last run of each DAG ended.",
    [Query(f"dag_id:airflow_dagrun_success:last{OF_DAG}", "{{dag_id}}")],
    replace(ENDED, links=[TO_RUNS]),
    named=True,
)
DURATION = stat(
    "Duration of a run",
    "How long the last run took, and what half, 95 % and 99 % of the last day's successful runs did not exceed, in the"
    " slowest chosen DAG. The latter are read from a histogram and as exact as its buckets; for a DAG's first three"
    " minutes they are the mean.",
    [
        Query(f"max(dag_id:airflow_dagrun_duration_seconds:last{OF_DAG})", "last"),
        *(Query(f"max({seconds_of_runs(name, OF_DAG)})", name) for name in ("p50", "p95", "p99")),
    ],
    SECONDS,
    named=True,
)
RETRIES = stat(
    "Retries",
    "Tries of tasks that failed and were made again, since the exporter started.",
    [Query('sum(airflow_ti_finish{dag_id=~"$dag_id",task_id=~"$task_id",state="up_for_retry"}) or vector(0)')],
    Field(steps=steps(GOOD, (1, WARNING))),
)
FAILED_TASKS = stat(
    "Failed tasks",
    "Tasks that failed in their last try, since the exporter started.",
    [Query('sum(airflow_ti_finish{dag_id=~"$dag_id",task_id=~"$task_id",state="failed"}) or vector(0)')],
    Field(steps=ZERO_IS_GOOD),
)
STATES = state_timeline(
    "States of tasks",
    "Each task's state: running, waiting for a trigger, or how its last try ended.",
    [Query(states_of_tasks(OF_TASK), TASK_NAME)],
    Field(mappings=TASK_STATES, steps=steps(IDLE), links=[TO_TASK]),
)
RUN_STATES = state_timeline(
    "States of runs",
    "How the last run of each DAG ended, at each moment.",
    [Query(f"dag_id:airflow_dagrun_success:last{OF_DAG}", "{{dag_id}}")],
    replace(ENDED, links=[TO_RUNS]),
)
TRIES = time_series(
    "Tries that ended",
    "Tries of tasks that ended in each minute, or longer step of time, by their state.",
    [Query(ended("airflow_ti_finish", by="state", matching=OF_TASK), "{{state}}")],
    Field(
        decimals=0,
        colors={"success": GOOD, "failed": BAD, "up_for_retry": WARNING, "deferred": BUSY, "skipped": IDLE},
    ),
    bars=True,
)
LAST_DURATION = time_series(
    "Duration of runs",
    "How long the last run of each DAG took, and what half and 95 % of the last day's successful runs did not exceed.",
    [
        Query(f"dag_id:airflow_dagrun_duration_seconds:last{OF_DAG}", "{{dag_id}} last"),
        Query(seconds_of_runs("p50", OF_DAG), "{{dag_id}} p50"),
        Query(seconds_of_runs("p95", OF_DAG), "{{dag_id}} p95"),
    ],
    Field(unit="s"),
)
TASKS = table(
    "Tries of tasks",
    "The tries of each task since the exporter started: how they ended, how long they took, and how long the task"
    " waited on average between being scheduled and being queued. For a task's first three minutes, p50, p95 and p99"
    " are the mean.",
    Content(
        labels={
            "dag_id": Column("DAG", Field(links=[data_link("Runs in Airflow", AIRFLOW_RUNS)])),
            "task_id": Column("Task", Field(links=[data_link("Task in Airflow", AIRFLOW_TASK)])),
        },
        values={
            STARTED: Column("Tries"),
            finished("success"): Column("Succeeded"),
            finished("failed"): Column("Failed", ANY_IS_BAD),
            finished("up_for_retry"): Column("Retried", Field(steps=steps(PLAIN, (1, WARNING)))),
            task_quantile("p50"): Column("p50", SECONDS),
            task_quantile("p95"): Column("p95", SECONDS),
            task_quantile("p99"): Column("p99", SECONDS),
            WAITED: Column("Waited", SECONDS),
        },
        sort="-p95",
    ),
)
SLOWEST = bar_gauge(
    "Slowest tasks",
    "The ten tasks whose tries take longest: 95 % of them take no longer. For the first three minutes, their mean.",
    [Query(f"topk(10, {seconds_of_tries('p95', OF_TASK)})", TASK_NAME)],
    replace(SECONDS, low=0, steps=steps(BUSY), links=[TO_TASK]),
)
WAITING = bar_gauge(
    "Waiting tasks",
    "The ten tasks that wait longest, on average, between being scheduled and being queued: for a free slot of the pool"
    " or of the DAG. For runs that started by their schedule also how long their first task took to start.",
    [Query(f"topk(10, {WAITED} or {FIRST_TASK_WAITED})", TASK_NAME)],
    Field(unit="s", low=0, steps=steps(BUSY, (10, WARNING)), links=[TO_TASK]),
)

DASHBOARD = dashboard(
    "pipelines",
    "Pipelines",
    "The runs and tasks of each DAG: how often, how well, how long, and what they wait for.",
    [
        Section(
            "",
            [
                Line(5, [(LAST, 4), (RUNS, 4), (RATE, 4), (DURATION, 7), (FAILED_TASKS, 3), (RETRIES, 2)]),
                Line(15, [(STATES, 24)]),
            ],
        ),
        Section("Runs", [Line(7, [(RUN_STATES, 8), (LAST_DURATION, 8), (TRIES, 8)])]),
        Section("Tasks", [Line(10, [(TASKS, 24)]), Line(9, [(SLOWEST, 12), (WAITING, 12)])]),
    ],
    [
        variable("dag_id", "DAG", "label_values(airflow_ti_start, dag_id)"),
        variable("task_id", "Task", 'label_values(airflow_ti_start{dag_id=~"$dag_id"}, task_id)'),
    ],
)
