"""The data team's bucket: data from there, models and scores to there, and what is said when it is not there."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from machine import (
    BATCH,
    CREDIT_APPLICATIONS,
    FEATURES,
    HOST,
    PROMOTION,
    TRAINING,
    Machine,
    free_port,
    localstack,
    new_machine,
    tracking_server,
)

BUCKET = "lab"
SCORES = "ml-artifacts/scores/credit_risk/"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a bucket, in which MLflow keeps its models."""
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    with localstack(folder) as aws:
        machine = new_machine(
            folder / "state",
            MLFLOW_TRACKING_URI=f"http://{HOST}:{port}",
            S3_PROCESSED_BUCKET=BUCKET,
            S3_ML_ARTIFACTS_BUCKET=BUCKET,
            **aws,
        )
        client(machine).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws["AWS_DEFAULT_REGION"]}
        )
        with tracking_server(machine, folder, port, f"s3://{BUCKET}/mlflow"):
            yield machine


def client(machine: Machine) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=machine.environment["AWS_ENDPOINT_URL"],
        region_name=machine.environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=machine.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=machine.environment["AWS_SECRET_ACCESS_KEY"],
    )


def keys(machine: Machine, prefix: str) -> list[str]:
    found = client(machine).list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", [])]


def test_from_the_partners_file_to_a_model_and_scores_in_the_bucket(machine: Machine, tmp_path: Path) -> None:
    missing = machine.run(FEATURES, "first", project="credit_risk")
    assert missing.code == os.EX_NOINPUT
    assert f"There are no data at s3://{BUCKET}/partner-data/credit_risk/" in missing.complaint

    s3 = client(machine)
    s3.upload_file(str(CREDIT_APPLICATIONS), BUCKET, f"partner-data/credit_risk/{CREDIT_APPLICATIONS.name}")
    s3.put_object(Bucket=BUCKET, Key=f"{SCORES}left-by-somebody-else.parquet", Body=b"old")
    for module in (FEATURES, TRAINING):
        ended = machine.run(module, "first", project="credit_risk")
        assert ended.code == 0, ended.complaint
    for check in ("fairness", "robustness"):
        assert machine.check(check, "first", "credit_risk").code == 0
    assert machine.run(PROMOTION, "first", project="credit_risk").code == 0
    assert any("model.skops" in key for key in keys(machine, "mlflow/"))

    for _ in range(2):
        scored = machine.run(BATCH, "first", project="credit_risk")
        assert scored.code == 0, scored.complaint
    assert scored.result["scores"] == f"s3://{BUCKET}/{SCORES}scores.parquet"
    assert keys(machine, SCORES) == [f"{SCORES}scores.parquet"]
    s3.download_file(BUCKET, f"{SCORES}scores.parquet", str(tmp_path / "scores.parquet"))
    assert duckdb.read_parquet(str(tmp_path / "scores.parquet")).shape[0] == scored.result["rows"]


def test_the_files_that_athena_writes_have_no_suffix(machine: Machine, datamart: Path) -> None:
    client(machine).upload_file(str(datamart), BUCKET, "processed-data/customer_orders/20260101_part0")
    ended = machine.run(FEATURES, "first")
    assert ended.code == 0, ended.complaint
    assert ended.result["source"] == f"s3://{BUCKET}/processed-data/customer_orders/"


def test_a_bucket_that_is_not_there_and_an_s3_that_does_not_answer_are_told_apart(machine: Machine) -> None:
    gone = machine.run(FEATURES, "x", S3_PROCESSED_BUCKET="nobodys")
    assert (gone.code, "s3://nobodys/" in gone.complaint) == (os.EX_NOINPUT, True), gone.complaint
    away = machine.run(FEATURES, "x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (away.code, "S3 did not serve" in away.complaint) == (os.EX_UNAVAILABLE, True), away.complaint
    for ended in (gone, away):
        assert "Traceback" not in ended.complaint
