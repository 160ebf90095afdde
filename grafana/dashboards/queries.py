"""Queries that several dashboards ask."""

from grafana.dashboards.panels import Query


def heart_beats(part: str) -> str:
    """Return 1 if a part of Airflow has beaten within the last minute, else 0."""
    return f"(sum(changes(airflow_{part}_heartbeat[1m])) > bool 0) or vector(0)"


def ended(counter: str, by: str = "", matching: str = "") -> str:
    """Return by how much a counter of the exporter rose in each step of time.

    Such a counter is born with its first event, which increase() would miss: what was not there counts as 0. It falls
    when the exporter restarts.
    """
    now = f"sum by ({by}) ({counter}{matching})"
    before = f"sum by ({by}) ({counter}{matching} offset $__interval)"
    return f"clamp_min({now} - ({before} or 0 * {now}), 0)"


def runs_of_a_day(outcome: str, matching: str = "") -> str:
    """Return the runs of each DAG that ended so, success or failed, within the last day.

    The recording rule is evaluated once a minute: until it knows a DAG, the DAG's counter stands in, which is the same.
    """
    counter = f"airflow_dagrun_duration_{outcome}_count"
    return f"dag_id:{counter}:last1d{matching} or sum by (dag_id) ({counter}{matching})"


def seconds_of_runs(quantile: str, matching: str = "") -> str:
    """Return what so many of the last day's successful runs of each DAG did not exceed: p50, p95 or p99.

    The recording rule is evaluated every three minutes: until it knows a DAG, the mean stands in: of the one run that
    there is, it is the same.
    """
    recorded = f"dag_id:airflow_dagrun_duration_success_seconds:{quantile}_1d{matching}"
    return f"{recorded} or {_mean('airflow_dagrun_duration_success', 'dag_id', matching)}"


def seconds_of_tries(quantile: str, matching: str = "") -> str:
    """Return what so many of each task's tries did not exceed: p50, p95 or p99.

    The recording rule is evaluated every three minutes, and reading the buckets here would take as long: until it knows
    a task, the mean stands in.
    """
    recorded = f"dag_id_task_id:airflow_task_duration_seconds:{quantile}{matching}"
    return f"{recorded} or {_mean('airflow_task_duration', 'dag_id, task_id', matching)}"


def states_of_tasks(matching: str) -> str:
    """Return the state of each task, as TASK_STATES has them: 5, it runs, or what became of its last try.

    Nothing is said of a try while it runs: it started and has not ended. One that was killed never ends: hence the
    pools' word that something runs at all; LocalExecutor always says 0. Both are without a metric's name, which would
    make two series of a task.
    """
    started = f"sum by (dag_id, task_id) (airflow_ti_start{matching})"
    running = f"""
        5 + 0 * (
            {started} - (sum by (dag_id, task_id) (airflow_ti_finish{matching}) or 0 * {started}) > 0
            and on () sum(airflow_pool_running_slots) > 0
        )
    """
    return f"{running} or 0 + dag_id_task_id:airflow_ti_state:last{matching}"


def quantiles(histogram: str, matching: str = "") -> list[Query]:
    """Return the p50, p95 and p99 of a histogram of what goes on all the time. Without any of it they are empty."""
    rates = f"sum by (le) (rate({histogram}_bucket{matching}[$__rate_interval]))"
    return [Query(f"histogram_quantile({q}, {rates}) >= 0", f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)]


def _mean(histogram: str, by: str, matching: str) -> str:
    return f"sum by ({by}) ({histogram}_sum{matching}) / sum by ({by}) ({histogram}_count{matching})"
