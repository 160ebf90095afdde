"""orders_pipeline under the real scheduler, on the real lab: good files, bad files, and what breaks on the way."""

import csv
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from whole_lab import WholeLab

from lab import aws, datamart, processes
from lab.demo import DAG_ID, RAW_CHECK
from lab.orders import OrdersSummary, customer_differences, differences, summarize
from lab.services import service_table
from lab.supervisor import Supervisor

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

WriteOrders = Callable[..., Path]
AT_REST_BYTES = 2.1e9
CTAS_SECONDS = 120


def counts(summary: OrdersSummary) -> dict[str, object]:
    return {"rows": summary.rows_read, "accepted": summary.rows_accepted, "rejected": dict(summary.rejected)}


def builds_summary(athena: "AthenaClient") -> bool:
    # More than one: those of the other table and a probe of Athena come in between.
    newest = athena.list_query_executions(MaxResults=5)["QueryExecutionIds"]
    queries = [athena.get_query_execution(QueryExecutionId=name)["QueryExecution"] for name in newest]
    return any(
        "CREATE TABLE pt_data_lab.orders_summary" in query["Query"] and query["Status"]["State"] == "RUNNING"
        for query in queries
    )


def test_every_service_is_healthy_and_listens_on_loopback_only(lab: WholeLab) -> None:
    status = lab.command("status")
    assert status.returncode == 0, status.stdout
    assert status.stdout.count(" healthy ") == len(service_table(lab.settings))
    listening = {
        connection.laddr.ip
        for process in processes.marked(lab.settings.state_dir)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1", "::ffff:127.0.0.1"}


def test_two_runs_give_the_same_result_and_the_right_one(lab: WholeLab) -> None:
    expected = summarize(lab.settings.orders_csv)
    results = []
    for _ in range(2):
        run = lab.run(lab.settings.orders_csv)
        assert run.state == "success", lab.failure(run)
        assert lab.api.result(run, RAW_CHECK) == counts(expected)
        rows = datamart.read_summary(lab.settings)
        # Averages of doubles differ in their last bits by the order of addition: that is what `differences` allows.
        assert differences(expected, rows) == []
        assert customer_differences(expected, datamart.read_customers(lab.settings)) == []
        results.append([{**row, "avg_order_value": None} for row in rows])
    assert results[0] == results[1]


def test_the_demo_takes_a_file_as_people_export_it(lab: WholeLab, write_orders: WriteOrders, tmp_path: Path) -> None:
    """A byte-order mark, CRLF, other columns in another order, quotes and line breaks in fields."""
    exported = tmp_path / "shop export.csv"
    with write_orders(500).open(newline="") as source, exported.open("w", encoding="utf-8-sig", newline="") as target:
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, ["note", *reversed(rows.fieldnames or [])], dialect="excel")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "customer_id": f'{row["customer_id"]} "x",\n{row["customer_id"]}', "note": "a,b"})
    demo = lab.command("demo", "--orders", str(exported))
    assert demo.returncode == 0, demo.stdout + demo.stderr
    home = f"{lab.settings.grafana_url}/d/home"
    for shown in ("check_orders_summary", "rejected", "order_month=", "revenue_usd", lab.settings.airflow_url, home):
        assert shown in demo.stdout
    accepted = summarize(exported).rows_accepted
    assert f"{accepted:,} of customer_orders, equal an independent computation over {exported}" in demo.stdout


def test_the_ml_team_finds_the_orders_as_agreed(lab: WholeLab) -> None:
    assert lab.run(lab.settings.orders_csv).state == "success"
    with closing(aws.athena_client(lab.settings)) as athena:
        table = athena.get_table_metadata(
            CatalogName="AwsDataCatalog", DatabaseName="pt_data_lab", TableName="customer_orders"
        )["TableMetadata"]
    assert {column["Name"]: column.get("Type") for column in table["Columns"]} == {
        "order_id": "string",
        "customer_id": "string",
        "ordered_at": "timestamp",
        "status": "string",
        "currency": "string",
        "amount_usd": "decimal(18,2)",
    }
    assert table["PartitionKeys"] == []
    assert table["Parameters"]["location"] == f"s3://{lab.settings.bucket}/processed-data/customer_orders/"


def test_a_dirty_file_fails_the_run_with_counts_and_leaves_the_last_tables(
    lab: WholeLab, write_orders: WriteOrders
) -> None:
    assert lab.run(lab.settings.orders_csv).state == "success"
    before = datamart.read_summary(lab.settings), sorted(datamart.read_customers(lab.settings), key=str)
    dirty = write_orders(5000, dirty=0.2)
    expected = summarize(dirty)
    demo = lab.command("demo", "--orders", str(dirty))
    assert demo.returncode == 1
    assert f"{expected.rows_read} rows: {expected.rows_accepted} accepted" in demo.stderr
    assert f"the alerts follow in a minute: {lab.settings.inbox_url}" in demo.stderr
    for reason, count in expected.rejected.items():
        assert f"{count} {reason}" in demo.stderr
    after = datamart.read_summary(lab.settings), sorted(datamart.read_customers(lab.settings), key=str)
    assert after == before


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "orders.csv"), ("", "orders.csv"), ("id,total\n1,2\n", "has the columns id, total; it must have")],
    ids=["missing", "empty", "other columns"],
)
def test_an_unusable_file_fails_at_once_and_is_explained(
    lab: WholeLab, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "orders.csv"
    if content is not None:
        path.write_text(content)
    run = lab.run(path)
    assert run.state == "failed"
    task, error = lab.failure(run)
    assert task == "upload_csv_to_s3"
    assert str(path) in error
    assert message in error
    assert {one.tries for one in lab.api.tasks(run) if one.state == "failed"} == {1}


def test_localstack_killed_during_the_ctas_comes_back_and_the_retry_succeeds(
    lab: WholeLab, write_orders: WriteOrders
) -> None:
    orders = write_orders(1_000_000)
    run = lab.api.trigger(DAG_ID, {"orders_csv": str(orders)})
    with closing(aws.athena_client(lab.settings)) as athena:
        deadline = time.monotonic() + CTAS_SECONDS
        while not builds_summary(athena):
            assert time.monotonic() < deadline, f"saw no running CTAS within {CTAS_SECONDS} s: {lab.api.tasks(run)}"
            time.sleep(0.01)
    killed = lab.kill("localstack")

    assert lab.finished(run).state == "success", lab.failure(run)
    assert Supervisor(lab.settings.state_dir).processes()["localstack"].pid != killed
    assert {task.task_id: task.tries for task in lab.api.tasks(run)}["ctas_orders_summary"] > 1
    expected = summarize(orders)
    assert differences(expected, datamart.read_summary(lab.settings)) == []
    assert customer_differences(expected, datamart.read_customers(lab.settings)) == []


def test_a_bucket_that_is_gone_fails_the_run_with_its_name(lab: WholeLab) -> None:
    Supervisor(lab.settings.state_dir).stop_service("probes")  # a probe of Athena writes its result into the bucket
    with closing(aws.s3_client(lab.settings)) as s3:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=lab.settings.bucket):
            for found in page.get("Contents", []):
                s3.delete_object(Bucket=lab.settings.bucket, Key=found["Key"])
        s3.delete_bucket(Bucket=lab.settings.bucket)
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "failed"
    assert f"There is no bucket {lab.settings.bucket}" in lab.failure(run)[1]
    assert lab.command("up").returncode == 0, "`up` makes the bucket again"
    assert lab.run(lab.settings.orders_csv).state == "success"


def test_the_summary_outlives_a_restart_of_the_lab(lab: WholeLab) -> None:
    before = datamart.read_summary(lab.settings)
    lab.stop()
    started = lab.command("up")
    assert started.returncode == 0, started.stderr
    assert "found up to date" in started.stdout, "the database was migrated twice"
    assert datamart.read_summary(lab.settings) == before


def test_the_lab_at_rest_fits_a_laptop(lab: WholeLab) -> None:
    assert processes.memory(Supervisor(lab.settings.state_dir).pid()).size < AT_REST_BYTES
