"""The ML pipelines' shape: what is generated from the configuration, and what starts what."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import ml_batch_inference_pipeline
import ml_continuous_training_pipeline
import ml_monitoring_pipeline
import ml_training_pipeline
import mlops_integration
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.ssh.operators.ssh import SSHOperator
from airflow.sdk import DAG, AssetAny
from airflow.serialization.serialized_objects import DagSerialization
from common.ml_http import HttpStageOperator
from common.ml_projects import CONFIGURATION, Configuration, Project, load
from common.ml_ssh import SSHStageOperator

STEPS = [
    "wait_for_datamart",
    "check_ssh_connection",
    "run_feature_pipeline_ssh",
    "train_model",
    "test_fairness",
    "test_robustness",
    "promote_model",
    "rollback_model",
    "promoted",
    "notify",
]
REMOTE = {*STEPS} - {"wait_for_datamart", "promoted", "notify"}


def task_of(dag: DAG, task_id: str) -> Any:
    """The task; what attributes it has is its operator's matter."""
    return dag.get_task(task_id)


def integration(transport: Literal["ssh", "http"] = "ssh") -> DAG:
    configuration = load()
    churn = next(project for project in configuration.projects if project.name == "churn")
    return mlops_integration.integration(replace(configuration, transport=transport), churn)


def asset_names(dag: DAG) -> list[str]:
    condition = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.asset_condition
    return sorted(asset.name for _, asset in condition.iter_assets())


def test_one_file_makes_a_dag_of_each_project() -> None:
    bag = DagBag(Path(mlops_integration.__file__))
    assert sorted(bag.dags) == ["mlops_churn_integration", "mlops_credit_risk_integration"]


def test_a_further_project_is_an_entry_and_a_connection(tmp_path: Path) -> None:
    (tmp_path / "projects.yaml").write_text(f"{CONFIGURATION.read_text()}  fraud: {{datamart: fraud/*}}\n")
    configuration = load(tmp_path / "projects.yaml")
    dag = mlops_integration.integration(configuration, configuration.projects[-1])
    assert dag.dag_id == "mlops_fraud_integration"
    assert {task_of(dag, task_id).ssh_conn_id for task_id in REMOTE} == {"ec2_mlops_fraud"}
    assert configuration.project_param().schema["enum"] == ["churn", "credit_risk", "fraud"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("transport: telnet\nenvironment: dev\nprojects: {}", r"transport in .* is 'telnet'; it has to be ssh or http"),
        ("transport: ssh\nprojects: {}", "environment"),
        ("transport: ssh\nenvironment: dev\nprojects: {churn: {datamart: x, shedule: y}}", "shedule"),
        ("transport: ssh\nenvironment: dev\nprojects: {churn: {}}", "datamart"),
    ],
)
def test_a_configuration_that_is_none_says_why(tmp_path: Path, wrong: str, complaint: str) -> None:
    (tmp_path / "projects.yaml").write_text(wrong)
    with pytest.raises((TypeError, ValueError), match=complaint):
        load(tmp_path / "projects.yaml")


def test_an_integration_goes_from_the_datamart_to_the_champion() -> None:
    dag = integration()
    assert [task.task_id for task in dag.tasks] == STEPS
    upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    assert upstream == {
        "wait_for_datamart": set(),
        "check_ssh_connection": {"wait_for_datamart"},
        "run_feature_pipeline_ssh": {"check_ssh_connection"},
        "train_model": {"run_feature_pipeline_ssh"},
        "test_fairness": {"train_model"},
        "test_robustness": {"train_model"},
        "promote_model": {"test_fairness", "test_robustness"},
        "rollback_model": {"train_model", "test_fairness", "test_robustness", "promote_model"},
        "promoted": {"promote_model"},
        "notify": {"test_fairness", "test_robustness", "promote_model", "rollback_model"},
    }
    for task_id in REMOTE:
        assert isinstance(dag.get_task(task_id), SSHOperator)
    # The data come first, and whoever waits for them takes no worker.
    assert task_of(dag, "wait_for_datamart").deferrable


def test_another_transport_is_another_word_in_the_configuration() -> None:
    dag = integration("http")
    assert [task.task_id for task in dag.tasks] == [step.replace("_ssh", "_http") for step in STEPS]
    remote = [task for task in dag.tasks if isinstance(task, HttpStageOperator)]
    assert {task.task_id for task in remote} | {"check_http_connection"} == {
        step.replace("_ssh", "_http") for step in REMOTE
    }
    assert {task.http_conn_id for task in dag.tasks if hasattr(task, "http_conn_id")} == {"ml_api"}


def test_every_stage_is_of_this_run_and_project() -> None:
    for dag, project in (
        (integration(), "churn"),
        (integration("http"), "churn"),
        (ml_training_pipeline.dag, "{{ params.project }}"),
        (ml_monitoring_pipeline.dag, "{{ params.project }}"),
    ):
        stages = [task for task in dag.tasks if isinstance(task, SSHStageOperator | HttpStageOperator)]
        assert {(task.ml_run_id, task.project) for task in stages} == {("{{ run_id }}", project)}
        assert {"project", "ml_run_id"} <= set(stages[0].template_fields)


def test_a_second_run_of_a_project_waits_for_the_first() -> None:
    for dag in (integration(), ml_training_pipeline.dag, ml_batch_inference_pipeline.dag, ml_monitoring_pipeline.dag):
        assert dag.max_active_runs == 1


def test_the_datamart_starts_the_integration_the_champion_the_scores_and_drift_a_training() -> None:
    assert asset_names(integration()) == ["orders_summary"]
    assert asset_names(ml_batch_inference_pipeline.dag) == ["churn_champion", "credit_risk_champion"]
    assert isinstance(ml_batch_inference_pipeline.dag.schedule, AssetAny)
    assert asset_names(ml_continuous_training_pipeline.dag) == ["model_drifted"]
    asking = ml_monitoring_pipeline.dag.get_task("ask_for_retraining")
    assert [asset.name for asset in asking.outlets] == ["model_drifted"]
    retrain = task_of(ml_continuous_training_pipeline.dag, "retrain")
    assert retrain.partial_kwargs["trigger_dag_id"] == ml_training_pipeline.dag.dag_id


def test_a_run_of_scores_is_of_the_champion_that_started_it() -> None:
    class Event:
        extra = {"project": "credit_risk"}  # noqa: RUF012 - as Airflow's

    project_of_run = ml_batch_inference_pipeline.project_of_run
    assert project_of_run({"project": "churn"}, {}) == "churn"
    assert project_of_run({"project": "churn"}, {"an asset": [Event]}) == "credit_risk"


def test_nobody_waits_for_data_for_ever() -> None:
    assert task_of(integration(), "wait_for_datamart").timeout == 6 * 3600


def test_projects_have_an_asset_of_their_champion() -> None:
    project = Project("fraud", "fraud/*")
    assert project.champion.name == "fraud_champion"
    assert Configuration("ssh", "dev", (project,)).project_param().value == "fraud"
