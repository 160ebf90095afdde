"""From new orders to a new champion on the ML team's machine, in the real lab."""

import re
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from watching import Watch
from whole_lab import WholeLab

from lab import aws, buckets, integration

FOLLOW_SECONDS = 30
TARGETS = {"ml-host", "mlflow", "inference-api"}


@pytest.fixture(scope="module", autouse=True)
def _paused_again(lab: WholeLab) -> Iterator[None]:
    """Keep what `make demo` unpauses from training on the files of the other tests."""
    yield
    lab.api.pause(integration.DAG_ID)


def champion(lab: WholeLab) -> str:
    """Return the version that MLflow's registry has as champion."""
    address = f"{lab.settings.mlflow_url}/api/2.0/mlflow/registered-models/alias"
    names = {"name": f"dev.{integration.PROJECT}", "alias": "champion"}
    version: str = (
        httpx.get(address, params=names, trust_env=False).raise_for_status().json()["model_version"]["version"]
    )
    return version


def scoring_version(lab: WholeLab) -> str | None:
    """Return the version by which the inference API scores."""
    health = httpx.get(f"{lab.settings.ml_api_url}/health", trust_env=False).raise_for_status().json()
    version: str | None = health["champions"][integration.PROJECT]
    return version


def test_the_demo_makes_a_champion_of_the_new_orders(lab: WholeLab) -> None:
    demo = lab.command("demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    shown = re.search(r"version (\d+) of churn, the champion", demo.stdout)
    assert shown
    assert shown[1] == champion(lab) == scoring_version(lab)
    measures = re.search(r"ROC AUC +(0\.\d+) +(0\.\d+)", demo.stdout)
    assert measures
    assert float(measures[1]) > float(measures[2]), "the model is better than the baseline"
    scores = [float(re.search(rf"{who} +(\d\.\d+)", demo.stdout)[1]) for who in integration.CUSTOMERS]  # type: ignore[index]
    assert scores == sorted(scores), "who has been silent for long is the likelier to be gone"


def test_the_next_orders_make_the_next_champion_and_the_api_takes_it_over(lab: WholeLab) -> None:
    before = champion(lab)
    orders_run = lab.run(lab.settings.orders_csv)
    run = lab.finished(lab.api.wait_for_consequence(orders_run, integration.DAG_ID))
    assert run.state == "success", lab.failure(run)
    promoted = lab.api.result(run, "promote_model")
    assert promoted["previous"] == before
    assert promoted["champion"] == champion(lab)
    deadline = time.monotonic() + FOLLOW_SECONDS
    while scoring_version(lab) != promoted["champion"]:
        assert time.monotonic() < deadline, f"the API scores by {scoring_version(lab)}, not by {promoted['champion']}"
        time.sleep(0.2)


def test_the_partner_has_delivered(lab: WholeLab) -> None:
    with closing(aws.s3_client(lab.settings)) as s3:
        delivered = s3.get_object(Bucket=lab.settings.processed_bucket, Key=buckets.APPLICATIONS_KEY)["Body"].read()
    assert delivered == buckets.APPLICATIONS.read_bytes()


def test_the_machine_and_its_services_are_probed(watch: Watch) -> None:
    found = watch.samples("lab_probe_success == 1", lambda found: {one["metric"]["target"] for one in found} >= TARGETS)
    assert found
