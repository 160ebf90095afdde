"""Continuous training: a model is trained anew when monitoring says that its data have drifted.

Started by the asset `model_drifted`, or for the project of the parameter `project` by hand. However often drift is
found, a project is trained for it **once in 6 hours at most**: what a training cannot mend, the next one will not
either, and people have been told.

| step | what happens |
|---|---|
| `choose_projects` | those that have drifted, without those that were trained for it within the limit; else skipped |
| `retrain` | a run of `ml_training_pipeline` for each of them, waited for; it fails with the run |
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from common.ml_projects import MODEL_DRIFTED, load
from common.ml_steps import DEFAULT_ARGS
from common.notifications import notify_failure

LIMIT = timedelta(hours=6)
# Updated with each training that drift has caused: the memory of the limit.
RETRAINING = Asset("model_retraining")


@task(inlets=[RETRAINING], outlets=[RETRAINING])
def choose_projects() -> list[dict[str, str]]:
    """Return the configuration of a training run for each project that is due."""
    context: Any = get_current_context()
    events = context["triggering_asset_events"]
    drifted = {event.extra["project"] for event in events[MODEL_DRIFTED]} if events else {context["params"]["project"]}
    since = (datetime.now(UTC) - LIMIT).isoformat()
    recent = {name for event in context["inlet_events"][RETRAINING].after(since) for name in event.extra["projects"]}
    due = sorted(drifted - recent)
    if not due:
        raise AirflowSkipException(f"{', '.join(sorted(drifted))}: trained for drift within the last {LIMIT}.")
    context["outlet_events"][RETRAINING].extra = {"projects": due}
    return [{"project": name} for name in due]


with DAG(
    dag_id="ml_continuous_training_pipeline",
    description="A model is trained anew when its data have drifted",
    doc_md=__doc__,
    schedule=[MODEL_DRIFTED],
    catchup=False,
    max_active_runs=1,
    tags=["mlops", "training"],
    params={"project": load().project_param()},
    default_args={**DEFAULT_ARGS, "on_failure_callback": notify_failure},
) as dag:
    TriggerDagRunOperator.partial(
        task_id="retrain",
        trigger_dag_id="ml_training_pipeline",
        logical_date=None,
        fail_when_dag_is_paused=True,
        wait_for_completion=True,
        deferrable=True,
        poke_interval=10,
        # The run that it waits for has tried again whatever can be.
        retries=0,
        doc_md="Start `ml_training_pipeline` for the project and wait, in the triggerer, until it has ended.",
    ).expand(conf=choose_projects())
