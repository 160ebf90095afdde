"""Home: is the lab all right, what ran last, which alerts fire, and where is everything."""

from grafana.dashboards.addresses import AIRFLOW, ALERTMANAGER, INBOX, INFERENCE, MLFLOW, PROMETHEUS
from grafana.dashboards.building import Line, Section, dashboard
from grafana.dashboards.fields import (
    ANY_IS_BAD,
    BAD,
    ENDED,
    GOOD,
    PLAIN,
    SECONDS,
    SUCCESS_RATE,
    UP,
    WARNING,
    ZERO_IS_GOOD,
    Column,
    Field,
    data_link,
    mapping,
    steps,
)
from grafana.dashboards.panels import Content, Query, stat, table, text, time_series
from grafana.dashboards.queries import ended, heart_beats, runs_of_a_day

SEVERITY = mapping({"critical": ("critical", BAD), "warning": ("warning", WARNING), "info": ("info", PLAIN)})
ANY_ALERT = 'ALERTS{alertstate="firing",severity!="none"}'
LAST_RUN = "dag_id:airflow_dagrun_success:last"

AIRFLOW_PARTS = stat(
    "Airflow",
    "Whether Airflow answers, and whether its other parts have sent a heartbeat within the last minute.",
    [
        Query('lab_probe_success{target="airflow"}', "api-server"),
        Query(heart_beats("scheduler"), "scheduler"),
        Query(heart_beats("dag_processor"), "dag-processor"),
        Query(heart_beats("triggerer"), "triggerer"),
    ],
    UP,
    named=True,
)
SERVICES = stat(
    "Services",
    "Whether what the pipelines use gives the right answer, as the lab's probes ask it every few seconds.",
    [Query('lab_probe_success{target!="airflow"}', "{{target}}")],
    UP,
    named=True,
)
CHAMPIONS = stat(
    "Champions",
    "The version of each project's model that scores.",
    [Query("max by (project) (inference_model_version)", "{{project}}")],
    Field(
        unit="none",
        links=[
            data_link(
                "How it became it",
                "/d/mlops?var-project=${__field.labels.project}&${__url_time_range}",
                elsewhere=False,
            )
        ],
        empty="No version has been promoted yet.",
    ),
    named=True,
)
MONITORING = stat(
    "Monitoring",
    "Whether Prometheus reaches itself and the other parts of the monitoring.",
    [Query("up", "{{job}}")],
    UP,
    named=True,
)
CRITICAL = stat(
    "Critical alerts",
    "How many critical alerts fire now: something does not work.",
    [Query('count(ALERTS{alertstate="firing",severity="critical"}) or vector(0)')],
    Field(steps=ZERO_IS_GOOD),
)
WARNINGS = stat(
    "Warnings",
    "How many warnings fire now: something needs a look.",
    [Query('count(ALERTS{alertstate="firing",severity="warning"}) or vector(0)')],
    Field(steps=steps(GOOD, (1, WARNING))),
)
RUNS = stat(
    "Runs in a day",
    "Runs of all DAGs that ended within the last day, by how they ended.",
    [
        Query(f"sum({runs_of_a_day('success')}) or vector(0)", "success"),
        Query(f"sum({runs_of_a_day('failed')}) or vector(0)", "failed"),
    ],
    Field(colors={"success": GOOD}, steps=ZERO_IS_GOOD),
    named=True,
)
FRESHNESS = stat(
    "Datamart written",
    "How long ago each datamart was last written and found right. After 26 hours it counts as stale.",
    [Query("time() - max by (datamart) (datamart_last_success_timestamp_seconds)", "{{datamart}}")],
    Field(unit="s", decimals=0, steps=steps(GOOD, (20 * 3600, WARNING), (26 * 3600, BAD))),
    named=True,
)
LAST_RUNS = table(
    "Last run of each DAG",
    "How the last run of each DAG ended, when, how long it took, and how its runs of the last day went.",
    Content(
        labels={
            "dag_id": Column(
                "DAG",
                Field(
                    links=[
                        data_link(
                            "Its runs and tasks",
                            "/d/pipelines?var-dag_id=${__data.fields.DAG}&${__url_time_range}",
                            elsewhere=False,
                        ),
                        data_link("Its runs in Airflow", f"{AIRFLOW}/dags/${{__data.fields.DAG}}/runs"),
                    ]
                ),
            )
        },
        values={
            LAST_RUN: Column("Last run", ENDED, width=110, colored=True),
            "dag_id:airflow_dagrun_end_timestamp_seconds:last * 1000": Column("Ended", Field(unit="dateTimeFromNow")),
            "dag_id:airflow_dagrun_duration_seconds:last": Column("Took", SECONDS),
            f"{runs_of_a_day('success')} or 0 * {LAST_RUN}": Column("Succeeded"),
            f"{runs_of_a_day('failed')} or 0 * {LAST_RUN}": Column("Failed", ANY_IS_BAD),
            f"dag_id:airflow_dagrun_success:ratio_1d or {LAST_RUN}": Column(
                "Success rate", Field(unit="percentunit", decimals=0, steps=SUCCESS_RATE)
            ),
        },
        sort="DAG",
    ),
)
FIRING = table(
    "Firing alerts",
    "What fires, how often, and what it is about. Alertmanager has made messages of it, which are in the inbox.",
    Content(
        labels={
            "alertname": Column("Alert", Field(links=[data_link("In Alertmanager", f"{ALERTMANAGER}/#/alerts")])),
            "severity": Column("Severity", Field(mappings=SEVERITY), width=100, colored=True),
            "dag_id": Column("DAG"),
            "task_id": Column("Task"),
            "project": Column("Model"),
        },
        values={f"count by (alertname, severity, dag_id, task_id, project) ({ANY_ALERT})": Column("Alerts")},
        sort="Severity",
    ),
    Field(empty="No alert fires."),
)
RUNS_OVER_TIME = time_series(
    "Runs that ended",
    "Runs of all DAGs that ended in each minute, or longer step of time, by how they ended.",
    [
        Query(ended("airflow_dagrun_duration_success_count"), "success"),
        Query(f"{ended('airflow_dagrun_duration_failed_count')} or vector(0)", "failed"),
    ],
    Field(decimals=0, colors={"success": GOOD, "failed": BAD}),
    bars=True,
)
PLACES = text(
    "Places",
    "Where the lab's programs are.",
    f"""\
| | |
|---|---|
| [Airflow]({AIRFLOW}) | DAGs, runs, logs |
| [MLflow]({MLFLOW}) | trainings, the registry of models |
| [Inference API]({INFERENCE}/docs) | scores, and how to ask for them |
| [Prometheus]({PROMETHEUS}/graph) | metrics; [alerts]({PROMETHEUS}/alerts), [targets]({PROMETHEUS}/targets) |
| [Alertmanager]({ALERTMANAGER}) | what fires, silences |
| [Inbox]({INBOX}) | the messages that were sent; [runbooks]({INBOX}/runbooks) |
""",
)

DASHBOARD = dashboard(
    "home",
    "Home",
    "The lab at a glance: its parts, the last run of each DAG, alerts that fire, and where everything is.",
    [
        Section(
            "",
            [
                Line(4, [(CRITICAL, 3), (WARNINGS, 3), (RUNS, 3), (FRESHNESS, 4), (CHAMPIONS, 4), (SERVICES, 7)]),
                Line(4, [(AIRFLOW_PARTS, 11), (MONITORING, 13)]),
                Line(7, [(LAST_RUNS, 13), (FIRING, 11)]),
                Line(7, [(RUNS_OVER_TIME, 14), (PLACES, 10)]),
            ],
        )
    ],
)
