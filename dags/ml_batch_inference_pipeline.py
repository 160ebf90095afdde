"""Batch inference: a score by the champion for everybody whom a project knows, as a table that Athena reads.

A run is of one project: the one whose champion has just been replaced, or the parameter `project`. Running it twice
leaves the same table as running it once, with the scores of the champion of now.

| step | what happens |
|---|---|
| `run_feature_pipeline_ssh` | features of now, on the ML team's machine |
| `score_everybody` | the champion's scores, there, to `ml-artifacts/scores/<project>/` in S3 |
| `ensure_glue_db`, `create_scores_table` | the table `pt_data_lab.<project>_scores` over that folder |
| `check_scores` | the table has exactly the rows that were written, each with one probability |

**Settings.** Connections: as `mlops_<project>_integration`, and `athena_default`. Variables: `s3_ml_artifacts_bucket`,
else `data_lab_bucket`, which also holds Athena's results. A failed task is reported like those of `orders_pipeline`.
"""

from typing import Any, NamedTuple

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import DAG, AssetAny, chain, task
from airflow.sdk.exceptions import AirflowFailException
from common import metrics
from common.ml_projects import load
from common.ml_steps import DEFAULT_ARGS, Steps
from common.notifications import notify_failure

DAG_ID = "ml_batch_inference_pipeline"
DATABASE = "pt_data_lab"
PROJECT = "{{ project_of_run(params, triggering_asset_events) }}"
SQL = f"sql/{DAG_ID}"


def project_of_run(params: dict[str, Any], triggering_asset_events: dict[Any, Any]) -> str:
    """Return the project that a run is of: that of the champion which started it, or else the parameter."""
    projects = [event.extra["project"] for events in triggering_asset_events.values() for event in events]
    return str(projects[-1] if projects else params["project"])


class ScoresCheck(NamedTuple):
    """The one row of check_scores.sql, column by column."""

    scores: int
    rows_repeated: int
    rows_without_probability: int
    rows_of_another_run: int


@task(templates_exts=[".sql"])
def check_scores(sql: str, project: str, written: dict[str, Any]) -> dict[str, int]:
    """Hold the table against what was written. All findings are in one message; another try would find the same."""
    from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook

    found = ScoresCheck(*AthenaSQLHook().get_first(sql))
    faults = [f"{count} {name}" for name, count in found._asdict().items() if name.startswith("rows_") and count]
    if found.scores != written["rows"]:
        faults.append(f"{found.scores} rows, not the {written['rows']} that were written")
    metrics.send_rows(DAG_ID, "scores", written=found.scores)
    metrics.send_quality_check(DAG_ID, f"{project}_scores", passed=not faults)
    if faults:
        raise AirflowFailException(f"{DATABASE}.{project}_scores is wrong: {'; '.join(faults)}.")
    return {"scores": found.scores, "version": int(written["version"])}


configuration = load()

with DAG(
    dag_id=DAG_ID,
    description="A score by the champion for everybody, as a table on Athena",
    doc_md=__doc__,
    schedule=AssetAny(*(project.champion for project in configuration.projects)),
    catchup=False,
    max_active_runs=1,
    tags=["mlops", "inference", "athena"],
    params={"project": configuration.project_param()},
    user_defined_macros={"database": DATABASE, "project_of_run": project_of_run},
    default_args={
        **DEFAULT_ARGS,
        "on_failure_callback": notify_failure,
        # of every AthenaOperator
        "output_location": "s3://{{ var.value.data_lab_bucket }}/athena-staging/",
        "sleep_time": 1,
    },
) as dag:
    steps = Steps(configuration, PROJECT)
    features = steps.compute_features()
    written = steps.stage(
        "batch_inference", "score_everybody", "Let the champion score everybody, and write the scores to S3."
    )
    ensure_glue_db = AthenaOperator(
        task_id="ensure_glue_db",
        query=f"CREATE DATABASE IF NOT EXISTS {DATABASE}",
        doc_md=f"Create the Glue database `{DATABASE}` unless it exists.",
    )
    create_scores_table = AthenaOperator(
        task_id="create_scores_table",
        query=f"{SQL}/create_scores_table.sql",
        doc_md="Lay the table over the folder of the scores unless it exists.",
    )
    # To mypy a result of another task is an XComArg; the task gets the value.
    checked = check_scores(f"{SQL}/check_scores.sql", PROJECT, written.output)  # type: ignore[arg-type]

    chain(features, written, ensure_glue_db, create_scores_table, checked)
