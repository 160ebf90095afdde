"""Stages over HTTP, with the ML team's real API at the other end: how a job may end, and what is said then."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from common.ml_http import HttpStageOperator

from tests.dags.ml_servers import RUN_ID, SECONDS, Api, commands_at_work, running, time_limit, wait_until


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    api = Api(tmp_path_factory.mktemp("api"))
    with api.serving():
        yield api


@pytest.fixture
def api(api_server: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("AIRFLOW_CONN_ML_API", json.dumps(api_server.connection))
    api_server.reads(Path("data/credit_applications.csv").resolve())
    yield api_server
    wait_until("nothing is left behind", lambda: not commands_at_work())


def http_stage(stage: str = "features", project: str = "credit_risk", **options: Any) -> HttpStageOperator:
    operator = HttpStageOperator(
        task_id="run_feature_pipeline_http",
        stage=stage,
        project=project,
        ml_environment="dev",
        http_conn_id="ml_api",
        **options,
    )
    operator.ml_run_id = RUN_ID
    return operator


def test_a_job_has_a_result_and_fails_with_its_reason_as_a_command_does(api: Api, tmp_path: Path) -> None:
    result = http_stage().execute({})
    assert (result["run_id"], result["project"], result["labelled"] > 1000) == (RUN_ID, "credit_risk", True)
    api.reads(tmp_path / "nothing.csv")
    with pytest.raises(AirflowFailException, match=r"features of credit_risk failed: There are no data at .*code 66"):
        http_stage().execute({})


def test_an_api_that_refuses_the_token_fails_the_task_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ML_API", json.dumps(api.connection | {"password": "guessed"}))
    with pytest.raises(AirflowFailException, match=r"\(connection ml_api\) answers 401"):
        http_stage().execute({})


def test_an_api_that_is_away_is_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ML_API", json.dumps(api.connection | {"port": 9}))
    with pytest.raises(AirflowException, match="The ML team's API does not answer") as raised:
        http_stage().execute({})
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.usefixtures("api")
def test_a_project_that_the_machine_does_not_have_fails_at_once() -> None:
    with pytest.raises(AirflowFailException, match=r"answers 404: .*There is no such project, only"):
        http_stage(project="fraud").execute({})
    assert not commands_at_work()


def test_a_second_try_goes_on_with_the_job_that_still_runs(api: Api) -> None:
    tries = [http_stage(), http_stage()]
    with ThreadPoolExecutor() as pool:
        with api.busy():
            results = [pool.submit(one.execute, {}) for one in tries]
            wait_until("both see that the job waits", lambda: all(one.last_lines for one in tries))
            assert len(commands_at_work()) == 1
        first, second = (one.result(SECONDS) for one in results)
    assert first == second


def test_a_job_that_takes_too_long_is_ended_and_not_tried_again(api: Api) -> None:
    operator = http_stage(execution_timeout=timedelta(seconds=5))
    expected = pytest.raises(AirflowFailException, match="was not done within 0:00:05, and was ended")
    with api.busy(), expected, time_limit(5):
        operator.execute({})
    assert "Another run of credit_risk in dev is at work" in operator.last_lines[0]
    assert not commands_at_work()


def test_a_task_that_is_ended_ends_its_job(api: Api) -> None:
    operator = http_stage()
    with api.busy(), running(operator) as future:
        operator.on_kill()
        with pytest.raises(AirflowException, match="ended by SIGTERM"):
            future.result(SECONDS)


def test_a_job_that_went_with_the_api_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(tmp_path)
    api.reads(Path("data/credit_applications.csv").resolve())
    monkeypatch.setenv("AIRFLOW_CONN_ML_API", json.dumps(api.connection))
    with api.serving(), api.busy(), running(http_stage()) as future:
        api_process = commands_at_work()[0].parent()
        assert api_process is not None
        api_process.kill()
        with pytest.raises(AirflowException, match="The ML team's API does not answer") as raised:
            future.result(SECONDS)
    assert not isinstance(raised.value, AirflowFailException)
    wait_until("the job has gone with the API", lambda: not commands_at_work())
