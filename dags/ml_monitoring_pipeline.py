"""Monitoring: how far the data of now are from those that the champion learned from, and how good its scores still are.

Every day, and whenever somebody triggers it for the project of the parameter `project`. Drift fails nothing: it is told
on Slack, and updates the asset `model_drifted`, which starts `ml_continuous_training_pipeline`.

| step | what happens |
|---|---|
| `run_feature_pipeline_ssh` | features of now, on the ML team's machine |
| `measure_drift` | population stability index and Kolmogorov and Smirnov's distance of each feature, and the score |
| `report_drift` | what has drifted, by how much, and the champion's quality now; on Slack if there is anything |
| `ask_for_retraining` | the asset is updated; skipped if nothing has drifted |

Limits are the ML team's. **Settings**: connections as `mlops_<project>_integration`; a failed task is reported like
those of `orders_pipeline`.
"""

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from common.ml_projects import MODEL_DRIFTED, load
from common.ml_steps import DEFAULT_ARGS, PROJECT, Steps
from common.notifications import notify_failure, send_news

log = logging.getLogger(__name__)


@task
def report_drift(project: str, found: dict[str, Any]) -> None:
    """Say what has drifted and how good the champion's scores are: in the log, and on Slack if anything has."""
    quality = f"Version {found['version']}, its champion, has a ROC AUC of {found['quality']['roc_auc']:.3f} now."
    if not found["drifted"]:
        log.info("Nothing of %s has drifted. %s", project, quality)
        return
    measured = "; ".join(
        f"{feature} ({', '.join(f'{measure} {found[measure][feature]:.2f}' for measure in measures)})"
        for feature in found["drifted"]
        if (measures := [measure for measure in ("psi", "ks") if feature in found[measure]])
    )
    log.warning("Of %s has drifted: %s. %s", project, measured, quality)
    send_news(get_current_context(), f"The data of {project} have drifted", f"{measured}. {quality}", good=False)


@task(outlets=[MODEL_DRIFTED])
def ask_for_retraining(project: str, found: dict[str, Any]) -> None:
    """Update the asset that starts a training; skip if nothing has drifted."""
    if not found["drifted"]:
        raise AirflowSkipException(f"Nothing of {project} has drifted.")
    events = get_current_context()["outlet_events"]
    events[MODEL_DRIFTED].extra = {"project": project, "drifted": found["drifted"]}


configuration = load()

with DAG(
    dag_id="ml_monitoring_pipeline",
    description="Drift of a model's data, and the quality of its scores",
    doc_md=__doc__,
    # In the morning, after the data of the day before. As orders_pipeline, without a run of the past.
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", run_immediately=timedelta(minutes=10)),
    start_date=None,
    catchup=False,
    max_active_runs=1,
    tags=["mlops", "monitoring"],
    params={"project": configuration.project_param()},
    default_args={**DEFAULT_ARGS, "on_failure_callback": notify_failure},
) as dag:
    steps = Steps(configuration, PROJECT)
    features = steps.compute_features()
    found = steps.stage("monitoring", "measure_drift", "Measure drift of features and scores, and the scores' quality.")

    # To mypy a result of another task is an XComArg; the task gets the value.
    reported = report_drift(PROJECT, found.output)  # type: ignore[arg-type]
    asked = ask_for_retraining(PROJECT, found.output)  # type: ignore[arg-type]

    chain(features, found, reported, asked)
