"""Athena against raw DuckDB, in one run: two million orders by CTAS and by aggregation, and `SELECT 1`."""

import statistics
import time
from pathlib import Path
from typing import Any

import boto3
import duckdb

from bench.figure import Figure, seconds
from lab.settings import Settings

_REPEATS = 5
_ROUND_TRIPS = 100
_DEADLINE_SECONDS = 60

# What Athena and DuckDB are both asked for: the summary by month and status, and a total by status.
_SUMMARY = """
SELECT
    status,
    count(*) AS total_orders,
    sum(try_cast(amount AS double)) AS revenue,
    substr(order_timestamp, 1, 7) AS order_month
FROM {orders}
GROUP BY status, substr(order_timestamp, 1, 7)
"""
_TOTALS = "SELECT status, count(*), sum(try_cast(amount AS double)) FROM {orders} GROUP BY status"
_COLUMNS = "order_id string, customer_id string, order_timestamp string, status string, amount string, currency string"


class Athena:
    """The running lab's Athena, with a bucket and a database for the measurement that `close` removes again."""

    def __init__(self, lab: Settings, bucket: str) -> None:
        session = boto3.session.Session(
            lab.environment["AWS_ACCESS_KEY_ID"], lab.environment["AWS_SECRET_ACCESS_KEY"], region_name=lab.region
        )
        self._s3, self._athena = (session.client(name, endpoint_url=lab.aws_endpoint_url) for name in ("s3", "athena"))
        self._bucket = bucket
        self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": lab.region})
        self.run("CREATE DATABASE bench")

    def close(self) -> None:
        """Remove what the measurement made."""
        self.run("DROP DATABASE bench CASCADE")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        for stored in (stored for page in pages for stored in page.get("Contents", [])):
            self._s3.delete_object(Bucket=self._bucket, Key=stored["Key"])
        self._s3.delete_bucket(Bucket=self._bucket)

    def add_orders(self, orders: Path, table: str) -> None:
        """Upload the file under a key of its own, so that no cache knows it, and put a table over it."""
        self._s3.upload_file(str(orders), self._bucket, f"{table}/orders.csv")
        self.run(
            f"CREATE EXTERNAL TABLE {table} ({_COLUMNS}) ROW FORMAT SERDE"
            f" 'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION 's3://{self._bucket}/{table}/'"
            " TBLPROPERTIES ('skip.header.line.count' = '1')"
        )

    def download(self, table: str) -> None:
        """One plain S3 GET of a table's file."""
        body = self._s3.get_object(Bucket=self._bucket, Key=f"{table}/orders.csv")["Body"]
        while body.read(1 << 20):
            pass

    def create_summary(self, table: str) -> None:
        """CTAS to Parquet, partitioned by month."""
        self.run(
            f"CREATE TABLE {table}_summary WITH (format = 'PARQUET', write_compression = 'SNAPPY',"
            f" partitioned_by = ARRAY['order_month'], external_location = 's3://{self._bucket}/{table}-summary/')"
            f" AS {_SUMMARY.format(orders=table)}"
        )

    def run(self, sql: str, pause: float = 0.01) -> None:
        """Run a statement to its results, asking for its state every `pause` seconds."""
        id_ = self._athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": "bench"},
            ResultConfiguration={"OutputLocation": f"s3://{self._bucket}/results/"},
        )["QueryExecutionId"]
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (status := self._status(id_))["State"] in ("QUEUED", "RUNNING"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{sql[:80]}: still {status['State']} after {_DEADLINE_SECONDS} s")
            time.sleep(pause)
        if status["State"] != "SUCCEEDED":
            raise RuntimeError(f"{sql[:80]}: {status.get('StateChangeReason', status['State'])}")
        self._athena.get_query_results(QueryExecutionId=id_)

    def _status(self, id_: str) -> dict[str, Any]:
        status: dict[str, Any] = self._athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
        return status


def measure(athena: Athena, orders: Path, scratch: Path) -> list[Figure]:
    """Measure the three figures; each pair alternates, so that a busy minute of the machine weighs on both."""
    read_orders = f"read_csv('{orders}', header = true, all_varchar = true)"
    connection = duckdb.connect()
    ctas, raw_ctas, totals, raw_totals = [], [], [], []
    for number in range(_REPEATS):
        table = f"orders{number}"
        athena.add_orders(orders, table)
        ctas.append(seconds(athena.create_summary, table))
        copy = (
            f"COPY ({_SUMMARY.format(orders=read_orders)}) TO '{scratch / table}'"
            " (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (order_month))"
        )
        raw_ctas.append(seconds(connection.execute, copy) + seconds(athena.download, table))
        totals.append(seconds(athena.run, _TOTALS.format(orders=table)))
        raw_totals.append(seconds(connection.execute, _TOTALS.format(orders=read_orders)))
    round_trips = [seconds(athena.run, "SELECT 1", 0) for _ in range(_ROUND_TRIPS)]
    megabytes = orders.stat().st_size / 1e6
    return [
        _pair(f"CTAS of 2 million orders ({megabytes:.0f} MB)", ctas, raw_ctas, "DuckDB, and one GET", "2.0 x"),
        _pair(f"aggregation of {megabytes:.0f} MB", totals, raw_totals, "DuckDB on the file", "0.35 s"),
        Figure("SELECT 1, start to results", f"{statistics.median(round_trips) * 1000:.0f} ms", "", "", "25 ms"),
    ]


def _pair(name: str, ours: list[float], raw: list[float], against: str, aim: str) -> Figure:
    mine, theirs = statistics.median(ours), statistics.median(raw)
    ratio = statistics.median(one / other for one, other in zip(ours, raw, strict=True))
    return Figure(name, f"{mine:.2f} s", f"{theirs:.2f} s {against}", f"{ratio:.2f} x", aim)
