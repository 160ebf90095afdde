"""The ML pipelines under the real scheduler: they wait for data and for each other, and start each other."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import psutil
import pytest
from whole_lab import WholeLab

from lab import aws, ml_host
from lab.airflow_api import Run

INTEGRATION = "mlops_churn_integration"
MONITORING = "ml_monitoring_pipeline"
CONTINUOUS = "ml_continuous_training_pipeline"
TRAINING = "ml_training_pipeline"
SCORES = "ml_batch_inference_pipeline"
DATAMART = "processed-data/customer_orders/"
DRIFTED = "projects: {churn: {drift: {psi: -1}}}"
WAIT_SECONDS = 90


def wait_until(what: str, condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.2)


@pytest.fixture(scope="module", autouse=True)
def _unpaused(lab: WholeLab, good_run: Run) -> Iterator[None]:
    """All of them listen, and none goes on with the files of other tests."""
    assert good_run.state == "success"
    dag_ids = (INTEGRATION, MONITORING, CONTINUOUS, TRAINING, SCORES)
    for dag_id in dag_ids:
        lab.api.wait_for_dag(dag_id)
        lab.api.unpause(dag_id)
    yield
    for dag_id in dag_ids:
        lab.api.pause(dag_id)


def state_of(lab: WholeLab, run: Run, task_id: str) -> str | None:
    return next(task.state for task in lab.api.tasks(run) if task.task_id == task_id)


def commands_of(run: Run) -> list[int]:
    """The process ids of a run's commands on the ML team's machine."""
    running = ((process.pid, process.info["cmdline"] or [""]) for process in psutil.process_iter(["cmdline"]))
    return [pid for pid, command in running if run.run_id in command and "python" in command[0]]


def scores_at_work(lab: WholeLab) -> list[Run]:
    return [run for run in lab.api.unfinished() if run.dag_id == SCORES]


def champion(lab: WholeLab) -> int:
    """Return the version that scores, as the inference API says."""
    health = httpx.get(f"{lab.settings.ml_api_url}/health", trust_env=False).raise_for_status()
    return int(health.json()["champions"]["churn"])


@contextmanager
def late_data(lab: WholeLab) -> Iterator[None]:
    """Take the datamart away, and put it back at the end."""
    bucket = lab.settings.processed_bucket
    with closing(aws.s3_client(lab.settings)) as s3:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=DATAMART)["Contents"]]
        objects = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
        try:
            yield
        finally:
            for key, content in objects.items():
                s3.put_object(Bucket=bucket, Key=key, Body=content)


def test_a_run_waits_for_its_data_and_the_next_run_for_it(lab: WholeLab) -> None:
    with late_data(lab):
        first, second = (lab.api.trigger(INTEGRATION, {}) for _ in range(2))
        wait_until("the first waits in the triggerer", lambda: state_of(lab, first, "wait_for_datamart") == "deferred")
        assert lab.api.refreshed(second).state == "queued"
    assert lab.finished(first).state == "success", lab.failure(first)
    assert lab.finished(second).state == "success", lab.failure(second)
    versions = [lab.api.result(run, "promote_model") for run in (first, second)]
    assert versions[1]["previous"] == versions[0]["champion"]


def test_a_task_that_is_cleared_ends_its_command_and_the_run_goes_on(lab: WholeLab) -> None:
    lock = ml_host.state_folder(lab.settings) / "state" / "locks" / "dev.churn"
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run = lab.api.trigger(INTEGRATION, {})
        wait_until("the command waits for its turn", lambda: commands_of(run))
        command = commands_of(run)
        lab.api.clear(run, "run_feature_pipeline_ssh")
        wait_until("the command has ended", lambda: not set(command) & set(commands_of(run)))
    assert lab.finished(run).state == "success", lab.failure(run)


def test_drift_leads_to_a_training_and_the_new_champion_to_scores(lab: WholeLab) -> None:
    wait_until("the scores of the runs before are made", lambda: not scores_at_work(lab))
    before = champion(lab)
    overrides = ml_host.state_folder(lab.settings) / "state" / "overrides.yaml"
    overrides.write_text(DRIFTED)
    try:
        monitoring = lab.finished(lab.api.trigger(MONITORING, {}))
        assert monitoring.state == "success", lab.failure(monitoring)
        retraining = lab.finished(lab.api.wait_for_consequence(monitoring, CONTINUOUS))
        assert retraining.state == "success", lab.failure(retraining)
    finally:
        overrides.unlink()
    wait_until("the scores are being made anew", lambda: scores_at_work(lab))
    scores = lab.finished(scores_at_work(lab)[0])
    assert scores.state == "success", lab.failure(scores)
    assert lab.api.result(scores, "check_scores")["version"] == champion(lab) > before
