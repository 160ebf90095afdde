"""MLOps: from the datamart to the champion of each project: how runs go, how good models are, what has drifted."""

from dataclasses import replace

from grafana.dashboards.addresses import AIRFLOW, MLFLOW
from grafana.dashboards.building import Line, Section, dashboard, variable
from grafana.dashboards.fields import (
    ANY_IS_BAD,
    BAD,
    BUSY,
    DRIFTED,
    ENDED,
    GOOD,
    IDLE,
    PLAIN,
    SECONDS,
    TASK_STATES,
    WARNING,
    Column,
    Field,
    data_link,
    mapping,
    steps,
)
from grafana.dashboards.panels import Content, Query, bar_gauge, linked, stat, state_timeline, table, time_series
from grafana.dashboards.queries import states_of_tasks

OF_PROJECT = '{project=~"$project"}'
# Of Airflow's metrics, which know no project.
OF_INTEGRATION = '{dag_id=~"mlops_($project)_integration"}'
TRAINING = '{project=~"$project",stage="training"}'
MODEL = "{{project}} ({{environment}})"
PASSED = mapping({1: ("passed", GOOD), 0: ("failed", BAD)})

UNTRAINED = "No model has been trained yet."
UNPROMOTED = "No version has been promoted yet."
UNWATCHED = "The monitoring has not run yet."

TO_RUNS = data_link("Runs in Airflow", f"{AIRFLOW}/dags/${{__field.labels.dag_id}}/runs")
TO_TASK = data_link("Task in Airflow", f"{AIRFLOW}/dags/${{__field.labels.dag_id}}/tasks/${{__field.labels.task_id}}")
TO_MODELS = data_link("Models in MLflow", f"{MLFLOW}/#/models")

DATAMART = 'max by (datamart) (datamart_last_success_timestamp_seconds{datamart="orders_summary"})'


def with_project(expr: str) -> str:
    """Return what Airflow says of the integrations, with their projects as a label."""
    return f'label_replace({expr}, "project", "$1", "dag_id", "mlops_(.+)_integration")'


# As MlopsLagging has it. Without a training there is no number to subtract from, and the datamart's age remains.
LAG = f"""
    scalar(max(ml_started_timestamp_seconds{{project="churn",stage="training"}})) - {DATAMART} >= 0
    or time() - {DATAMART}
"""
# As TrainingSlowerThanUsual has it.
RUNNING = f"""
    time() - (
        max by (project, environment) (ml_started_timestamp_seconds{TRAINING})
        > max by (project, environment) (last_over_time(ml_succeeded_timestamp_seconds{TRAINING}[1d]))
    )
    and on (project)
    {with_project('sum by (dag_id) (airflow_ti_running{task_id="train_model"}) > 0')}
"""


def latest(metric: str, by: str, matching: str = "") -> str:
    """Return what was last said of each project, or of its parts that `by` names."""
    also = f",{matching}" if matching else ""
    return f'max by ({by}) ({metric}{{project=~"$project"{also}}})'


def measured(measure: str) -> str:
    """Return a measure of the last model that was trained."""
    return latest("ml_model_quality", "project, environment", f'measure="{measure}"')


def checks(result: str) -> str:
    """Return how often each check had a result, 0 included."""
    every = latest("ml_checks_total", "project, environment, check")
    these = latest("ml_checks_total", "project, environment, check", f'result="{result}"')
    return f"{these} or 0 * {every}"


def furthest(measure: str) -> str:
    """Return the drift of the features that have drifted most."""
    drift = latest("ml_drift", "project, feature", f'measure="{measure}"')
    return f"topk(10, {drift})"


LAST = stat(
    "Last integration",
    "How the last run of each integration ended: from the datamart to the promotion.",
    [Query(with_project(f"dag_id:airflow_dagrun_success:last{OF_INTEGRATION}"), "{{project}}")],
    replace(ENDED, links=[TO_RUNS], empty="No integration has ended yet."),
    named=True,
)
TOOK = stat(
    "Took",
    "How long the last run of each integration took.",
    [Query(with_project(f"dag_id:airflow_dagrun_duration_seconds:last{OF_INTEGRATION}"), "{{project}}")],
    replace(SECONDS, empty="No integration has ended yet."),
    named=True,
)
CHAMPION = stat(
    "Champion",
    "The version that scores, by the last promotion or rollback.",
    [Query(latest("ml_champion_version", "project, environment"), MODEL)],
    Field(unit="none", links=[TO_MODELS], empty=UNPROMOTED),
    named=True,
)
AGE = stat(
    "Champion's age",
    "How long ago the last promotion was. After a week it is an alert.",
    [Query(f"time() - project_environment:ml_champion_since_timestamp_seconds:max{OF_PROJECT}", MODEL)],
    Field(unit="s", decimals=0, steps=steps(GOOD, (7 * 86400, WARNING)), empty=UNPROMOTED),
    named=True,
)
LAG_NOW = stat(
    "Training's lag",
    "How long after the datamart was written the last training of churn began; before it does, how long ago the"
    " datamart was written. More than 2 hours without a training are an alert.",
    [Query(LAG, "{{datamart}}")],
    Field(unit="s", steps=steps(GOOD, (2 * 3600, WARNING)), empty="No datamart has been written yet."),
)
DRIFTED_NOW = stat(
    "Drifted",
    "Features of each project, its score included, that are beyond its limits of drift, when it was last looked at.",
    [Query(latest("ml_drifted_features", "project, environment"), MODEL)],
    Field(steps=steps(GOOD, (1, WARNING)), empty=UNWATCHED),
    named=True,
)
ROLLBACKS = stat(
    "Rollbacks",
    "Rollbacks of each project, since the exporter started.",
    [Query(latest("ml_rollbacks_total", "project, environment"), MODEL)],
    Field(steps=steps(GOOD, (1, WARNING)), empty="Nothing was rolled back."),
    named=True,
)
STATES = state_timeline(
    "States of the integrations",
    "Each task's state: running, waiting for data, or how its last try ended.",
    [Query(with_project(states_of_tasks(OF_INTEGRATION)), "{{task_id}} ({{project}})")],
    Field(mappings=TASK_STATES, steps=steps(IDLE), links=[TO_TASK], empty="No integration has run yet."),
)
STAGES = table(
    "Stages",
    "When each stage last began and last succeeded on the ML team's machine, and how long its last success took. One"
    " that began and did not succeed runs or has failed.",
    Content(
        labels={"project": Column("Project"), "environment": Column("Environment"), "stage": Column("Stage")},
        values={
            f"{latest('ml_started_timestamp_seconds', 'project, environment, stage')} * 1000": Column(
                "Last start", Field(unit="dateTimeFromNow")
            ),
            f"{latest('ml_succeeded_timestamp_seconds', 'project, environment, stage')} * 1000": Column(
                "Last success", Field(unit="dateTimeFromNow")
            ),
            latest("ml_duration_seconds", "project, environment, stage"): Column("Took", SECONDS),
        },
        sort="-Last start",
    ),
    Field(empty=UNTRAINED),
)
DURATIONS = time_series(
    "Duration of stages",
    "How long the last success of each stage took, at each moment.",
    [Query(latest("ml_duration_seconds", "project, stage"), "{{project}} {{stage}}")],
    Field(unit="s", empty=UNTRAINED),
)
TRAININGS = time_series(
    "Training against the usual",
    "How long a training has been running, how long the last one took, and from when on it is an alert: after a minute,"
    " if that is three times the median of the last day.",
    [
        Query(RUNNING, "{{project}} running"),
        Query(latest("ml_duration_seconds", "project", 'stage="training"'), "{{project}} last"),
        Query(
            f"clamp_min(3 * project_environment:ml_training_duration_seconds:p50_1d{OF_PROJECT}, 60)",
            "{{project}} limit",
        ),
    ],
    Field(unit="s", empty=UNTRAINED),
)
ROWS = bar_gauge(
    "Rows",
    "Rows of the last features: those with a label, of them the positive ones, and those to score; and rows that were"
    " scored in batch.",
    [Query(latest("ml_rows", "project, kind"), "{{project}}: {{kind}}")],
    Field(unit="none", low=0, steps=steps(BUSY), empty=UNTRAINED),
)
QUALITY = table(
    "Quality of the last model",
    "The last model that was trained, on rows that it had not seen: area under the ROC curve against that of its"
    " baseline and of the champion, Brier score, and how far its scores are from what became true.",
    Content(
        labels={"project": Column("Project"), "environment": Column("Environment")},
        values={
            measured("roc_auc"): Column("ROC AUC", Field(decimals=3)),
            measured("baseline_roc_auc"): Column("Baseline", Field(decimals=3)),
            measured("champion_roc_auc"): Column("Champion", Field(decimals=3)),
            f"{measured('roc_auc')} - {measured('baseline_roc_auc')}": Column(
                "Gain", Field(decimals=3, steps=steps(BAD, (0, GOOD)))
            ),
            measured("brier"): Column("Brier", Field(decimals=3)),
            measured("baseline_brier"): Column("Baseline's", Field(decimals=3)),
            measured("calibration_error"): Column("Calibration error", Field(decimals=3)),
        },
        sort="Project",
    ),
    Field(empty=UNTRAINED),
)
QUALITY_OVER_TIME = time_series(
    "ROC AUC",
    "Area under the ROC curve of the last model, its baseline and the champion, all on the same rows.",
    [
        Query(latest("ml_model_quality", "project", f'measure="{measure}"'), f"{{{{project}}}} {name}")
        for measure, name in (("roc_auc", "model"), ("champion_roc_auc", "champion"), ("baseline_roc_auc", "baseline"))
    ],
    Field(decimals=3, low=0.5, empty=UNTRAINED),
)
CHECKS = table(
    "Checks",
    "How the last check of each kind ended, and how often it was passed and failed since the exporter started. Without"
    " all three passed, no version is promoted.",
    Content(
        labels={"project": Column("Project"), "environment": Column("Environment"), "check": Column("Check")},
        values={
            latest("project_environment_check:ml_check_passed:last", "project, environment, check"): Column(
                "Last", Field(mappings=PASSED), width=90, colored=True
            ),
            checks("passed"): Column("Passed", Field(steps=steps(PLAIN, (1, GOOD)))),
            checks("failed"): Column("Failed", ANY_IS_BAD),
        },
        sort="Project",
    ),
    Field(empty=UNTRAINED),
)
RESPONSIBLE = bar_gauge(
    "Responsible AI",
    "What the tests of fairness and robustness last measured: gaps between groups of customers, and what noise changes."
    " The tests' logs have the limits.",
    [Query(latest("ml_responsible_ai", "project, measure"), "{{project}}: {{measure}}")],
    Field(decimals=3, low=0, steps=steps(BUSY), empty=UNTRAINED),
)
CHAMPION_QUALITY = time_series(
    "Quality of the champion",
    "Area under the ROC curve of the champion, on the labels of now: how good it still is.",
    [Query(latest("ml_champion_quality", "project", 'measure="roc_auc"'), "{{project}}")],
    Field(decimals=3, low=0.5, empty=UNWATCHED),
)
PSI = bar_gauge(
    "Drift: stability index",
    "Population stability index of the features, and the score, that are furthest from the champion's training. Above"
    " 0.25 they have drifted.",
    [Query(furthest("psi"), "{{project}}: {{feature}}")],
    Field(decimals=3, low=0, high=0.5, steps=DRIFTED, empty=UNWATCHED),
)
KS = bar_gauge(
    "Drift: distance",
    "Kolmogorov-Smirnov distance of the features that are furthest from the champion's training. Above 0.25 they have"
    " drifted.",
    [Query(furthest("ks"), "{{project}}: {{feature}}")],
    Field(decimals=3, low=0, high=0.5, steps=DRIFTED, empty=UNWATCHED),
)

DASHBOARD = dashboard(
    "mlops",
    "MLOps",
    "From the datamart to the champion of each project: runs, durations, quality, checks, champions, drift.",
    [
        Section(
            "",
            [
                Line(5, [(LAST, 4), (TOOK, 4), (CHAMPION, 5), (AGE, 5), (LAG_NOW, 3), (DRIFTED_NOW, 3)]),
                Line(11, [(STATES, 24)]),
            ],
        ),
        Section("Stages", [Line(8, [(TRAININGS, 8), (DURATIONS, 8), (ROWS, 8)]), Line(8, [(STAGES, 24)])]),
        Section(
            "Models",
            [
                Line(5, [(QUALITY, 20), (ROLLBACKS, 4)]),
                Line(9, [(linked(CHECKS, TO_MODELS), 9), (QUALITY_OVER_TIME, 8), (RESPONSIBLE, 7)]),
            ],
        ),
        Section("Drift", [Line(9, [(PSI, 8), (KS, 8), (CHAMPION_QUALITY, 8)])]),
    ],
    [variable("project", "Project", "label_values(inference_registry_up, project)")],
)
