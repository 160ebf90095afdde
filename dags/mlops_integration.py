"""Integration of new data into a model: the way from the data team's datamart to the ML team's champion.

For each project of `config/mlops_projects.yaml` this file makes a DAG, `mlops_<project>_integration`. The model itself,
its features and its limits are the ML team's: their project is on a machine of its own, and Airflow only tells it, over
SSH, what to do next.

| step | what happens |
|---|---|
| `wait_for_datamart` | the project's data are in S3 |
| `check_ssh_connection` | the machine is there, is the one we know, lets us in, and has the project |
| `run_feature_pipeline_ssh` | features, computed there on the datamart |
| `train_model` | a version is trained, measured against a baseline and the champion, and registered |
| `test_fairness`, `test_robustness` | the ML team's tests of responsible AI; without both nobody is promoted |
| `promote_model` | the version becomes the champion; the asset `<project>_champion` says so |
| `rollback_model` | only after a failure: what the run did in the registry is taken back |
| `notify` | a good run in a few words on Slack; else by mail, too, what failed, and that the champion is who it was |

**The champion stays who it was** until `promote_model`. A failed step fails the run, also when the rollback succeeded:
that is what the last task, `promoted`, is for.

A step is tried again when the connection was lost, or S3 or MLflow did not answer (exit code 69); everything else fails
at once, with the last `error:` line of the command as its reason. The machine knows a run by Airflow's run id: what has
been trained is not trained again, not even when a person clears the task. Whoever ends a task ends its command, too. A
second run of the same project waits for the first one.

**Settings.** Connections: `ec2_mlops_<project>` with the machine's host key, `aws_default`; with `transport: http`, the
jobs API of `ml_api` in the place of SSH (`check_http_connection`, `run_feature_pipeline_http`). Variables:
`s3_processed_bucket`, else `data_lab_bucket`; `model_registry_name` and `mlflow_tracking_uri` for the messages, which
go where those of `orders_pipeline` go.
"""

from datetime import timedelta

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG, Asset, chain
from common.ml_projects import Configuration, Project, load
from common.ml_steps import DEFAULT_ARGS, Steps
from common.notifications import keep_failure


def integration(configuration: Configuration, project: Project) -> DAG:
    """Return the DAG of a project."""
    with DAG(
        dag_id=f"mlops_{project.name}_integration",
        description=f"From the datamart to the champion of {project.name}, on the ML team's machine",
        doc_md=__doc__,
        schedule=[Asset(project.scheduled_by)] if project.scheduled_by else None,
        catchup=False,
        max_active_runs=1,
        tags=["mlops", "training", project.name],
        default_args={**DEFAULT_ARGS, "on_failure_callback": keep_failure},
    ) as dag:
        steps = Steps(configuration, project.name)
        wait_for_datamart = S3KeySensor(
            task_id="wait_for_datamart",
            bucket_name="{{ var.value.get('s3_processed_bucket', '') or var.value.data_lab_bucket }}",
            bucket_key=project.datamart,
            wildcard_match=True,
            deferrable=True,
            poke_interval=10,
            timeout=timedelta(hours=6).total_seconds(),
            doc_md=f"Wait until there is `{project.datamart}`: at once where it is there, else in the triggerer.",
        )
        check_connection = steps.check_connection()
        compute_features = steps.compute_features()

        chain(wait_for_datamart, check_connection, compute_features)
        steps.train_and_promote(compute_features)
    return dag


configuration = load()
for project in configuration.projects:
    integration(configuration, project)
