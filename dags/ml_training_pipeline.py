"""Training: a new version of a project's model, from the data of now to the champion, if it is good enough.

What `mlops_<project>_integration` does with new data this does with those that are there, for the project that the
parameter `project` names: when a person wants it, or `ml_continuous_training_pipeline`, because the data have drifted.

| step | what happens |
|---|---|
| `run_feature_pipeline_ssh` | features, on the ML team's machine |
| `train_model` | a version is trained, measured against a baseline and the champion, and registered |
| `test_fairness`, `test_robustness` | the ML team's tests of responsible AI; without both nobody is promoted |
| `promote_model` | the version becomes the champion; the asset `<project>_champion` says so |
| `rollback_model` | only after a failure: what the run did in the registry is taken back |
| `notify` | a good run in a few words on Slack; else by mail, too, what failed, and that the champion is who it was |

Tries, time limits, the last task `promoted` and settings are those of `mlops_<project>_integration`.
"""

from airflow.sdk import DAG
from common.ml_projects import load
from common.ml_steps import DEFAULT_ARGS, PROJECT, Steps
from common.notifications import keep_failure

configuration = load()

with DAG(
    dag_id="ml_training_pipeline",
    description="A new version of a model, from the data of now to the champion",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["mlops", "training"],
    params={"project": configuration.project_param()},
    default_args={**DEFAULT_ARGS, "on_failure_callback": keep_failure},
) as dag:
    steps = Steps(configuration, PROJECT)
    steps.train_and_promote(steps.compute_features())
