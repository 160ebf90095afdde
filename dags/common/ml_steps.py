"""The steps of the ML pipelines, as more than one of them takes them: from features to the champion, and word of it."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset, AssetAlias, BaseOperator, TriggerRule, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from common.ml_http import REQUEST_SECONDS, HttpStageOperator
from common.ml_projects import Configuration
from common.ml_ssh import CHECK, SSHStageOperator
from common.ml_stage import StageOperator
from common.notifications import kept_failure, send_failure, send_news

if TYPE_CHECKING:
    from airflow.sdk import Context

HTTP_CONNECTION = "ml_api"
# Stands for the champion of the project at work, whose asset a promotion names.
CHAMPION = AssetAlias("champion")
# The project, in a DAG whose runs are of one project each.
PROJECT = "{{ params.project }}"

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "ml-engineering",
    # Waits of 5, 10, 20 and 40 s or up to twice that: the machine, or what it needs, may be away for a minute.
    "retries": 4,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(minutes=15),
}


class Steps:
    """Steps of one project, over the configuration's transport.

    :param project: name of the project, or a template of it.
    """

    def __init__(self, configuration: Configuration, project: str) -> None:
        self.configuration = configuration
        self.project = project

    def check_connection(self) -> BaseOperator:
        """See that the machine is there and lets Airflow in, and that the project is on it."""
        doc_md = "See that the ML team's machine is there, lets Airflow in, and has the project."
        if self.configuration.transport == "http":
            return HttpOperator(
                task_id="check_http_connection",
                http_conn_id=HTTP_CONNECTION,
                endpoint="/health",
                method="GET",
                extra_options={"timeout": REQUEST_SECONDS},
                doc_md=doc_md,
            )
        return self.stage(CHECK, "check_ssh_connection", doc_md)

    def compute_features(self) -> BaseOperator:
        """Compute the features of this run."""
        return self.stage(
            "features",
            f"run_feature_pipeline_{self.configuration.transport}",
            "Compute features on the datamart, and keep them under this run's name.",
        )

    def stage(self, name: str, task_id: str, doc_md: str, **options: Any) -> StageOperator:
        """Run a stage of the project on the ML team's machine."""
        options |= {
            "task_id": task_id,
            "doc_md": doc_md,
            "stage": name,
            "project": self.project,
            "ml_environment": self.configuration.environment,
        }
        if self.configuration.transport == "http":
            return HttpStageOperator(http_conn_id=HTTP_CONNECTION, **options)
        return SSHStageOperator(ssh_conn_id=f"ec2_mlops_{self.project}", **options)

    def train_and_promote(self, features: BaseOperator) -> None:
        """Train on the features, test, and promote, or roll back; and tell how it went."""
        train = self.stage(
            "training",
            "train_model",
            "Train and register a version; what this run has trained before is not trained again.",
            execution_timeout=timedelta(hours=2),
        )
        fairness = self.stage("fairness", "test_fairness", "Test that the version treats all groups alike.")
        robustness = self.stage("robustness", "test_robustness", "Test that noise changes little of what it says.")
        promote = self.stage(
            "promotion",
            "promote_model",
            "Make the version the champion; the machine refuses one that has not passed every check.",
            outlets=[CHAMPION],
            post_execute=_name_champion,
        )
        rollback = self.stage(
            "rollback",
            "rollback_model",
            "If a step failed, take back what the run did in the registry; skipped if it had trained nothing.",
            trigger_rule=TriggerRule.ONE_FAILED,
            pre_execute=_skip_unless_trained,
        )
        promoted = EmptyOperator(
            task_id="promoted",
            doc_md="Nothing to do. As a last task it makes the run fail with any step, though the rollback succeeded.",
        )
        told = notify(self.project)
        chain(features, train, [fairness, robustness], promote, promoted)
        chain([train, fairness, robustness, promote], rollback)
        chain([fairness, robustness, promote, rollback], told)


@task(trigger_rule=TriggerRule.ALL_DONE)
def notify(project: str) -> None:
    """Tell how the run went: a good one in a few words on Slack; else by mail, too, what failed and who is champion."""
    context = get_current_context()
    task_instance = context["ti"]
    states = task_instance.get_task_states(task_instance.dag_id, run_ids=[task_instance.run_id])[task_instance.run_id]
    failed = [one.task_id for one in context["dag"].tasks if states.get(one.task_id) == "failed"]
    if not failed:
        _send_champion(context, project)
        return
    first, *others = (kept_failure(context, task_id) for task_id in failed)
    told = [first.reason, *(f"{other.task_id} failed, too: {other.reason}" for other in others)]
    told.append(_champion_after_failure(context, project, states["rollback_model"]))
    send_failure(context, replace(first, reason="\n".join(told)))


def _send_champion(context: "Context", project: str) -> None:
    task_instance = context["ti"]
    trained = task_instance.xcom_pull(task_ids="train_model")
    promoted = task_instance.xcom_pull(task_ids="promote_model")
    figures = trained["metrics"]
    before = f"in the place of version {promoted['previous']}" if promoted["previous"] else "the first one"
    registry = "{{ var.value.model_registry_name }} at {{ var.value.mlflow_tracking_uri }}"
    send_news(
        context,
        f"Version {promoted['champion']} of {project} is the champion",
        f"It is {trained['quality']}, {before}: ROC AUC {figures['roc_auc']:.3f}, of the baseline "
        f"{figures['baseline_roc_auc']:.3f}. Registry: {context['task'].render_template(registry, context)}",
        good=True,
    )


def _champion_after_failure(context: "Context", project: str, rollback: str) -> str:
    if rollback == "skipped":
        return f"Nothing was trained: the champion of {project} is untouched."
    if rollback != "success":
        return f"Nothing was rolled back: see in the registry who is the champion of {project}."
    champion = context["ti"].xcom_pull(task_ids="rollback_model")["champion"]
    whom = f"version {champion}" if champion else "nobody"
    return f"Rolled back: the champion of {project} is {whom}, as before."


def _skip_unless_trained(context: "Context") -> None:
    task_instance = context["ti"]
    run_id = task_instance.run_id
    states = task_instance.get_task_states(task_instance.dag_id, task_ids=["train_model"], run_ids=[run_id])
    if states[run_id]["train_model"] == "upstream_failed":
        raise AirflowSkipException("The run did not come to its training: there is nothing to roll back.")


def _name_champion(context: "Context", result: dict[str, Any]) -> None:
    extra = {"project": result["project"], "version": result["champion"]}
    context["outlet_events"][CHAMPION].add(Asset(f"{result['project']}_champion"), extra=extra)
