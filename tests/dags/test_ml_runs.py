"""Whole runs of the ML pipelines, from S3 to the registry and the inbox, on the services of the lab."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from lab.settings import free_ports, load_settings
from tests.dags.ml_servers import wait_until
from tests.dags.ml_team import DAGS, Ended, MlTeam

CHURN = "mlops_churn_integration"
NOT_ROBUST = "projects: {churn: {robustness: {score_change: -1}}}"
NOT_GOOD_ENOUGH = "projects: {churn: {quality: {gain_over_baseline: 0.9}}}"
DRIFTED = "projects: {churn: {drift: {psi: -1}}}"
# Minutes of training
ENDLESS = "projects: {churn: {model: {parameters: {max_iter: 1000000, early_stopping: false}}}}"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlTeam]:
    folder = tmp_path_factory.mktemp("team")
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(folder / "state")}.items():
            shell.setenv(name, value)
        team = MlTeam(load_settings(), folder)
    try:
        team.start()
        team.write_datamart()
        yield team
    finally:
        team.stop()


@pytest.fixture(autouse=True)
def clean(team: MlTeam) -> None:
    """No settings of the test before, and no messages."""
    team.override("{}")
    team.messages()


@pytest.fixture(scope="module")
def first(team: MlTeam) -> tuple[Ended, list[dict[str, Any]]]:
    """The run that makes churn's first champion, and the messages that it sent."""
    team.override("{}")
    team.messages()
    ended = team.run(CHURN)
    assert ended.state == "success", ended.log
    return ended, team.messages()


@pytest.fixture
def champion(team: MlTeam, first: tuple[Ended, list[dict[str, Any]]]) -> str:
    """The version of churn that is champion before the test."""
    version: str = first[0].results["train_model"]["version"]
    assert version == team.champion("churn")
    return version


def test_a_good_run_makes_a_champion_and_says_so_on_slack(
    team: MlTeam, first: tuple[Ended, list[dict[str, Any]]]
) -> None:
    ended, [message] = first
    assert ended.tasks_in("skipped") == {"rollback_model"}
    trained, promoted = ended.results["train_model"], ended.results["promote_model"]
    assert (trained["run_id"], trained["trained"], promoted["previous"]) == (ended.run_id, True, None)
    assert team.champion("churn") == trained["version"] == promoted["champion"]
    assert ended.events == {"churn_champion": {"project": "churn", "version": trained["version"]}}
    # Of the ML team's own output
    assert "training: Fitt" in ended.log
    assert (message["kind"], message["title"]) == ("slack", f"Version {trained['version']} of churn is the champion")
    assert f"ROC AUC {trained['metrics']['roc_auc']:.3f}" in message["text"]


@pytest.mark.parametrize(
    ("settings", "failed", "reason"),
    [
        (NOT_GOOD_ENOUGH, "train_model", "is not good enough: it does not beat"),
        (NOT_ROBUST, "test_robustness", "<= -1"),
    ],
)
def test_a_model_that_fails_a_check_is_rolled_back_and_the_champion_stays(
    team: MlTeam, champion: str, settings: str, failed: str, reason: str
) -> None:
    team.override(settings)
    ended = team.run(CHURN)
    assert ended.state == "failed", ended.log
    assert ended.tasks_in("failed") == {failed}
    assert ended.tries[failed] == 1
    assert {"promote_model", "promoted"} <= ended.tasks_in("upstream_failed")
    assert {"rollback_model", "notify"} <= ended.tasks_in("success")
    assert ended.results["rollback_model"]["champion"] == team.champion("churn") == champion
    messages = team.messages()
    assert [(one["kind"], one["title"]) for one in messages] == [
        (kind, f"{CHURN}.{failed} failed") for kind in ("slack", "mail")
    ]
    for message in messages:
        assert reason in message["text"]
        assert f"Rolled back: the champion of churn is version {champion}, as before." in message["text"]


def test_a_training_that_is_killed_is_rolled_back(team: MlTeam, champion: str) -> None:
    team.override(ENDLESS)
    with team.running(CHURN) as process:
        wait_until("the training is at work", lambda: _trainings(team), seconds=200)
        _trainings(team)[0].kill()
        said, _ = process.communicate()
    ended = json.loads(said.strip().rpartition("\n")[2])
    assert (ended["state"], ended["tasks"]["train_model"], ended["tries"]["train_model"]) == ("failed", "failed", 1)
    assert ended["tasks"]["rollback_model"] == "success"
    assert "training of churn failed: the command was killed" in team.messages()[0]["text"]
    assert team.champion("churn") == champion


def _trainings(team: MlTeam) -> list[psutil.Process]:
    """The trainings that this machine's sshd has started, beside their shells."""
    sshd = psutil.Process(team.supervisor.processes()["ml-host"].pid)
    found = []
    for one in sshd.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if "src.pipelines.DS.training_pipeline.train" in one.cmdline():
                found.append(one)
    return found


def test_a_machine_that_is_away_fails_the_run_and_nothing_is_rolled_back(team: MlTeam, champion: str) -> None:
    away = {**team.connections["ec2_mlops_churn"], "port": int(free_ports()["ML_SSH_PORT"])}
    ended = team.run(CHURN, {"ec2_mlops_churn": away})
    assert ended.state == "failed"
    assert (ended.tasks_in("failed"), ended.tasks_in("skipped")) == ({"check_ssh_connection"}, {"rollback_model"})
    assert ended.tries["check_ssh_connection"] == 2
    slack, mail = team.messages()
    for message in (slack, mail):
        assert message["title"] == f"{CHURN}.check_ssh_connection failed"
        assert "cannot be reached" in message["text"]
        assert "Nothing was trained: the champion of churn is untouched." in message["text"]
    assert team.champion("churn") == champion


def test_the_same_goes_over_http(team: MlTeam, tmp_path: Path) -> None:
    shutil.copytree(DAGS, tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "dags" / "config" / "mlops_projects.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "transport": "http"}))
    unreachable = {**team.connections["ec2_mlops_credit_risk"], "port": 9}
    ended = team.run("mlops_credit_risk_integration", {"ec2_mlops_credit_risk": unreachable}, dags=tmp_path / "dags")
    assert ended.state == "success", ended.log
    assert {"check_http_connection", "run_feature_pipeline_http", "promote_model"} <= ended.tasks_in("success")
    assert team.champion("credit_risk") == ended.results["promote_model"]["champion"]
    assert ended.events["credit_risk_champion"]["project"] == "credit_risk"


def test_scores_of_everybody_are_a_table_on_athena(team: MlTeam, champion: str) -> None:
    ended = team.run("ml_batch_inference_pipeline", project="churn")
    assert ended.state == "success", ended.log
    expected = ended.results["run_feature_pipeline_ssh"]["to_score"]
    assert ended.results["check_scores"] == {"scores": expected, "version": int(champion)}


@pytest.mark.usefixtures("champion")
def test_drift_fails_nothing_is_told_and_asks_for_a_training_but_not_for_a_second_one(team: MlTeam) -> None:
    calm = team.run("ml_monitoring_pipeline")
    assert (calm.state, calm.events, team.messages()) == ("success", {}, []), calm.log
    assert calm.tasks_in("skipped") == {"ask_for_retraining"}
    team.override(DRIFTED)
    drifted = team.run("ml_monitoring_pipeline")
    assert drifted.state == "success", drifted.log
    features = drifted.events["model_drifted"]["drifted"]
    assert {"recency_days", "score"} <= set(features)
    [message] = team.messages()
    assert (message["kind"], message["title"]) == ("slack", "The data of churn have drifted")
    assert "recency_days (psi 0.0" in message["text"]

    # By hand, as nobody schedules here; and ml_training_pipeline is paused, as every DAG at first.
    asked = team.run("ml_continuous_training_pipeline")
    assert asked.results["choose_projects"] == [{"project": "churn"}], asked.log
    assert asked.tasks["retrain"] == "failed"
    assert "Dag ml_training_pipeline is paused" in asked.log
    again = team.run("ml_continuous_training_pipeline")
    assert again.tasks_in("skipped") == {"choose_projects", "retrain"}, again.log
    assert "churn: trained for drift within the last 6:00:00" in again.log
