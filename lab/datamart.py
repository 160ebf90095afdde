"""The datamart as a user of AWS sees it: rows of its tables through Athena, objects through S3."""

import csv
import io
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab import aws
from lab.errors import LabError
from lab.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

SUMMARY_PREFIX = "processed-data/orders_summary/"
STAGING_PREFIX = "athena-staging/"
QUERY = "SELECT * FROM pt_data_lab.orders_summary ORDER BY order_month, status"
CUSTOMERS_QUERY = """
SELECT
    customer_id,
    status,
    currency,
    count(*) AS orders,
    sum(amount_usd) AS amount_usd,
    min(ordered_at) AS first_ordered_at,
    max(ordered_at) AS last_ordered_at
FROM pt_data_lab.customer_orders
GROUP BY customer_id, status, currency
"""
QUERY_SECONDS = 120
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Partition:
    """One partition's files on S3."""

    name: str
    objects: int
    size: int


def read_summary(settings: Settings) -> list[dict[str, str | None]]:
    """Return all rows of orders_summary by column name, as text, read through Athena.

    Raises:
        LabError: the query failed; the message is Athena's.

    """
    with closing(aws.athena_client(settings)) as athena:
        return _read_summary(athena, settings.bucket)


def _read_summary(athena: "AthenaClient", bucket: str) -> list[dict[str, str | None]]:
    query = execute(athena, bucket, QUERY)
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    lines = [
        [value.get("VarCharValue") for value in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]
    ]
    columns = [str(name) for name in lines[0]]
    return [dict(zip(columns, line, strict=True)) for line in lines[1:]]


def read_customers(settings: Settings) -> list[dict[str, str]]:
    """Return each customer's figures in customer_orders by column name, as text, read through Athena.

    Raises:
        LabError: the query failed; the message is Athena's.

    """
    with closing(aws.athena_client(settings)) as athena, closing(aws.s3_client(settings)) as s3:
        query = execute(athena, settings.bucket, CUSTOMERS_QUERY)
        # As one file: Athena's own answers hold a thousand rows each.
        result = s3.get_object(Bucket=settings.bucket, Key=f"{STAGING_PREFIX}{query}.csv")["Body"].read()
    return list(csv.DictReader(io.StringIO(result.decode(), newline="")))


def execute(athena: "AthenaClient", bucket: str, sql: str, seconds: float = QUERY_SECONDS) -> str:
    """Run a query to its end; return its id. Its result is STAGING_PREFIX, the id and `.csv`, and `.csv.metadata`.

    Raises:
        LabError: the query failed, and the message is Athena's; or it took more than `seconds`.

    """
    query = athena.start_query_execution(
        QueryString=sql, ResultConfiguration={"OutputLocation": f"s3://{bucket}/{STAGING_PREFIX}"}
    )["QueryExecutionId"]
    deadline = time.monotonic() + seconds
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return query
        if status["State"] in {"FAILED", "CANCELLED"}:
            raise LabError(f"Athena could not run {sql!r}: {status.get('StateChangeReason')}")
        if time.monotonic() > deadline:
            raise LabError(f"Athena did not answer {sql!r} within {seconds:.0f} s: `make logs NAME=localstack`.")
        time.sleep(POLL_SECONDS)


def partitions(settings: Settings) -> list[Partition]:
    """Return what lies on S3 under orders_summary, by partition folder."""
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    with closing(aws.s3_client(settings)) as s3:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=SUMMARY_PREFIX):
            for found in page.get("Contents", []):
                folder = found["Key"].removeprefix(SUMMARY_PREFIX).rpartition("/")[0]
                sizes[folder].append(found["Size"])
    return [Partition(name, len(of_one), sum(of_one)) for name, of_one in sorted(sizes.items())]
