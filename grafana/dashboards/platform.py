"""Platform: Airflow's own parts: scheduler, executor, pools, DAG processing, triggerer; and what they stand on."""

from dataclasses import replace

from grafana.dashboards.addresses import AIRFLOW
from grafana.dashboards.building import Line, Section, dashboard
from grafana.dashboards.fields import (
    ANY_IS_BAD,
    BAD,
    BUSY,
    GOOD,
    IDLE,
    PLAIN,
    UP,
    WARNING,
    ZERO_IS_GOOD,
    Column,
    Field,
    data_link,
    steps,
)
from grafana.dashboards.panels import Content, Query, bar_gauge, linked, stat, state_timeline, table, time_series
from grafana.dashboards.queries import heart_beats, quantiles

# Airflow 3.3's LocalExecutor does not note what it runs, its open slots are all there are: the pools do.
RUNNING = "sum(airflow_pool_running_slots)"
FREE = f"sum(airflow_executor_open_slots) + sum(airflow_executor_running_tasks) - {RUNNING}"

HEARTS = stat(
    "Heartbeats",
    "Whether each of Airflow's parts has sent a heartbeat within the last minute.",
    [
        Query(heart_beats("scheduler"), "scheduler"),
        Query(heart_beats("dag_processor"), "dag-processor"),
        Query(heart_beats("triggerer"), "triggerer"),
    ],
    UP,
    named=True,
)
IMPORT_ERRORS = linked(
    stat(
        "Import errors",
        "DAG files that cannot be imported: their DAGs do not run, or run as they were.",
        [Query("max(airflow_dag_processing_import_errors) or vector(0)")],
        Field(steps=ZERO_IS_GOOD),
    ),
    data_link("In Airflow", f"{AIRFLOW}/dags"),
)
STARVING = stat(
    "Starving tasks",
    "Tasks that could run but have no slot in their pool.",
    [Query("sum(airflow_scheduler_tasks_starving)")],
    Field(steps=steps(GOOD, (1, WARNING))),
)
SLOTS = stat(
    "Free slots",
    "How many more tasks the executor could run now. At 0, tasks wait.",
    [Query(FREE)],
    Field(steps=steps(BAD, (1, GOOD))),
)
DAGS = stat("DAGs", "DAGs found in all DAG files.", [Query("max(airflow_dagbag_size)")], Field())

LOOP = time_series(
    "Scheduler's loop",
    "How long one loop of the scheduler takes. While it runs, no task is started.",
    quantiles("airflow_scheduler_scheduler_loop_duration"),
    Field(unit="s"),
)
CRITICAL = time_series(
    "Critical section",
    "How long the scheduler takes for the part of the loop that one scheduler at a time may enter, and its query.",
    [
        Query(
            "rate(airflow_scheduler_critical_section_duration_sum[$__rate_interval])"
            " / rate(airflow_scheduler_critical_section_duration_count[$__rate_interval])",
            "section",
        ),
        Query(
            "rate(airflow_scheduler_critical_section_query_duration_sum[$__rate_interval])"
            " / rate(airflow_scheduler_critical_section_query_duration_count[$__rate_interval])",
            "query",
        ),
    ],
    Field(unit="s"),
)
SCHEDULED = time_series(
    "Runs and tasks",
    "Runs in progress, tasks that could run now, and tasks that could but for a slot.",
    [
        Query("sum(airflow_scheduler_dagruns_running)", "runs in progress"),
        Query("sum(airflow_scheduler_tasks_executable)", "tasks executable"),
        Query("sum(airflow_scheduler_tasks_starving)", "tasks starving"),
    ],
    Field(colors={"runs in progress": BUSY, "tasks executable": GOOD, "tasks starving": BAD}),
)
EXECUTOR = time_series(
    "Executor",
    "The executor's slots: tasks that run, tasks that wait in its queue, and slots that are free.",
    [
        Query(RUNNING, "running"),
        Query("sum(airflow_executor_queued_tasks)", "queued"),
        Query(FREE, "free"),
    ],
    Field(colors={"running": BUSY, "queued": WARNING, "free": IDLE}),
)
POOLS = table(
    "Pools",
    "Slots of each pool: taken by tasks that run, are queued or wait for a trigger; wanted by scheduled tasks; free.",
    Content(
        labels={"pool_name": Column("Pool", Field(links=[data_link("In Airflow", f"{AIRFLOW}/pools")]))},
        values={
            "sum by (pool_name) (airflow_pool_running_slots)": Column("Running"),
            "sum by (pool_name) (airflow_pool_queued_slots)": Column("Queued", Field(steps=steps(PLAIN, (1, WARNING)))),
            "sum by (pool_name) (airflow_pool_deferred_slots)": Column("Deferred"),
            "sum by (pool_name) (airflow_pool_scheduled_slots)": Column("Scheduled"),
            "sum by (pool_name) (airflow_pool_starving_tasks)": Column("Starving", ANY_IS_BAD),
            "sum by (pool_name) (airflow_pool_open_slots)": Column("Free", Field(steps=steps(BAD, (1, GOOD)))),
        },
        sort="Pool",
    ),
)
POOL_USE = time_series(
    "Pools in use",
    "Share of each pool's slots that tasks have taken, running or queued.",
    [
        Query(
            "sum by (pool_name) (airflow_pool_running_slots + airflow_pool_queued_slots)"
            " / clamp_min(sum by (pool_name)"
            " (airflow_pool_running_slots + airflow_pool_queued_slots + airflow_pool_open_slots), 1)",
            "{{pool_name}}",
        )
    ],
    Field(unit="percentunit", low=0, high=1, steps=steps(GOOD, (0.8, WARNING), (1, BAD))),
    limit=True,
)
NO_CELERY = "No Celery: the tasks run at the scheduler."
WORKERS = state_timeline(
    "Celery workers",
    "Workers from which Flower gets heartbeats. One that falls silent is forgotten after a minute.",
    [Query("flower_worker_online", "{{worker}}")],
    replace(UP, empty=NO_CELERY),
)
TASKS_OF_WORKERS = time_series(
    "Tasks of each worker",
    "How many tasks each worker runs, as its last heartbeat said.",
    [Query("flower_worker_number_of_currently_executing_tasks", "{{worker}}")],
    Field(decimals=0, empty=NO_CELERY),
)
PARSING = time_series(
    "Parsing DAG files",
    "How long parsing each DAG file takes on average, and parsing all of them once.",
    [
        Query("max(airflow_dag_processing_total_parse_time)", "all files"),
        Query(
            "sum by (file_name) (airflow_dag_processing_last_duration_sum)"
            " / sum by (file_name) (airflow_dag_processing_last_duration_count)",
            "{{file_name}}",
        ),
    ],
    Field(unit="s"),
)
PARSED = bar_gauge(
    "Since last parsed",
    "How long ago each DAG file was parsed: a change of it is seen no sooner.",
    [Query("max by (file_name) (airflow_dag_processing_last_run_seconds_ago)", "{{file_name}}")],
    Field(unit="s", decimals=0, low=0, high=120, steps=steps(GOOD, (60, WARNING), (300, BAD))),
)
FILES = time_series(
    "DAG files",
    "DAG files that wait to be parsed, and those that cannot be imported.",
    [
        Query("sum(airflow_dag_processing_file_path_queue_size)", "waiting"),
        Query("max(airflow_dag_processing_import_errors)", "import errors"),
    ],
    Field(colors={"waiting": BUSY, "import errors": BAD}),
)
TRIGGERER = time_series(
    "Triggerer",
    "Triggers that run for deferred tasks, and how often one of them has just blocked the others.",
    [
        Query("sum(airflow_triggers_running)", "running"),
        Query("sum(increase(airflow_triggers_blocked_main_thread[$__rate_interval])) or vector(0)", "blocked"),
    ],
    Field(colors={"running": BUSY, "blocked": WARNING}),
)
CAPACITY = stat(
    "Free triggers",
    "How many more triggers the triggerer could take.",
    [Query("sum(airflow_triggerer_capacity_left)")],
    Field(steps=steps(BAD, (1, GOOD))),
)
ANSWERS = state_timeline(
    "Answers to probes",
    "Whether each part of the platform gave the right answer to the lab's probes.",
    [Query("lab_probe_success", "{{target}}")],
    UP,
)
ANSWER_TIMES = time_series(
    "Time to answer",
    "How long each target took to answer the last probe. More than 2 seconds of Athena's are an alert.",
    [Query("lab_probe_duration_seconds", "{{target}}")],
    Field(unit="s"),
)

DASHBOARD = dashboard(
    "platform",
    "Platform",
    "Airflow's own parts: scheduler, executor, pools, DAG processing and triggerer; and the services beneath.",
    [
        Section("", [Line(4, [(HEARTS, 8), (SLOTS, 3), (CAPACITY, 3), (STARVING, 3), (IMPORT_ERRORS, 4), (DAGS, 3)])]),
        Section("Scheduler", [Line(8, [(LOOP, 8), (CRITICAL, 8), (SCHEDULED, 8)])]),
        Section("Executor and pools", [Line(8, [(EXECUTOR, 7), (POOLS, 10), (POOL_USE, 7)])]),
        Section("Celery", [Line(6, [(WORKERS, 12), (TASKS_OF_WORKERS, 12)])]),
        Section("DAG processing", [Line(8, [(PARSING, 8), (PARSED, 8), (FILES, 8)])]),
        Section("Triggerer, and services beneath", [Line(8, [(TRIGGERER, 8), (ANSWERS, 8), (ANSWER_TIMES, 8)])]),
    ],
)
