"""Athena as the tests use it: a statement run to its end, what it returned, and one way to assert how it failed."""

import gzip
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from localstack_process import REGION, LocalStackProcess

Row = list[str | None]

POLL_SECONDS = 0.01
QUERY_SECONDS = 30


@dataclass(frozen=True)
class Outcome:
    """A query execution that has ended, as GetQueryExecution tells it, with its result's first page."""

    execution: dict[str, Any]
    result: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.execution["QueryExecutionId"])

    @property
    def state(self) -> str:
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        return str(self.execution["Status"].get("StateChangeReason", ""))

    @property
    def statistics(self) -> dict[str, Any]:
        statistics: dict[str, Any] = self.execution["Statistics"]
        return statistics

    @property
    def output(self) -> str:
        return str(self.execution["ResultConfiguration"]["OutputLocation"])

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and types; a decimal's with its width."""
        return [(column["Name"], _type(column)) for column in self.result["ResultSetMetadata"]["ColumnInfo"]]

    @property
    def lines(self) -> list[Row]:
        """Every row of the page, a query's header included."""
        return [[field.get("VarCharValue") for field in row["Data"]] for row in self.result["Rows"]]

    @property
    def rows(self) -> list[Row]:
        """A query's rows without the header."""
        return self.lines[1:]

    @property
    def text(self) -> list[str | None]:
        """The lines of a SHOW."""
        return [line[0] for line in self.lines]


def _type(column: dict[str, Any]) -> str:
    return f"decimal({column['Precision']},{column['Scale']})" if column["Type"] == "decimal" else str(column["Type"])


class Athena:
    """A bucket, a database in the same name, and the clients of one LocalStack."""

    def __init__(self, localstack: LocalStackProcess, name: str, folder: Path) -> None:
        self.localstack = localstack
        self.bucket = name
        self.database = name.replace("-", "_")
        self.folder = folder

    @cached_property
    def client(self) -> Any:
        return self.localstack.client("athena")

    @cached_property
    def glue(self) -> Any:
        return self.localstack.client("glue")

    @cached_property
    def s3(self) -> Any:
        return self.localstack.client("s3")

    def location(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{key}"

    def start(self, sql: str, **request: Any) -> str:
        """Start a statement in the test's database; `{bucket}` and `{db}` in it are the test's. The execution's id."""
        started = self.client.start_query_execution(
            **{
                "QueryString": sql.replace("{bucket}", self.bucket).replace("{db}", self.database),
                "QueryExecutionContext": {"Database": self.database},
                "ResultConfiguration": {"OutputLocation": self.location("results/")},
                **request,
            }
        )
        return str(started["QueryExecutionId"])

    def execution(self, id_: str) -> dict[str, Any]:
        execution: dict[str, Any] = self.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
        return execution

    def wait(self, id_: str, *states: str, seconds: float = QUERY_SECONDS) -> dict[str, Any]:
        """The execution once it is in one of `states`; AssertionError when it ends otherwise or takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            execution = self.execution(id_)
            state = execution["Status"]["State"]
            if state in states:
                return execution
            assert state in ("QUEUED", "RUNNING"), (
                f"waited for {states}, got {execution['Status']} of {execution['Query']}"
            )
            assert time.monotonic() < deadline, f"waited {seconds} s for {states}, still {state}: {execution['Query']}"
            time.sleep(POLL_SECONDS)

    def outcome(self, id_: str, seconds: float = QUERY_SECONDS) -> Outcome:
        """What became of a started statement, at its end."""
        execution = self.wait(id_, "SUCCEEDED", "FAILED", "CANCELLED", seconds=seconds)
        succeeded = execution["Status"]["State"] == "SUCCEEDED"
        result = self.client.get_query_results(QueryExecutionId=id_)["ResultSet"] if succeeded else {}
        return Outcome(execution, result)

    def run(self, sql: str, **request: Any) -> Outcome:
        """Run a statement to its success."""
        outcome = self.outcome(self.start(sql, **request))
        assert outcome.state == "SUCCEEDED", f"{outcome.reason}: {sql}"
        return outcome

    def rows(self, sql: str) -> list[Row]:
        return self.run(sql).rows

    def assert_fails(self, sql: str, expected: str, category: int = 2, **request: Any) -> Outcome:
        """Run a statement to its failure: `expected` is how its reason starts, such as `COLUMN_NOT_FOUND: line 1:8: `.

        The category is 2 when the user is at fault, 1 when the system is.
        """
        outcome = self.outcome(self.start(sql, **request))
        assert outcome.state == "FAILED", f"{outcome.state}: {sql}"
        assert outcome.reason.startswith(expected), f"{outcome.reason}\nis not: {expected}\nof: {sql}"
        error = outcome.execution["Status"]["AthenaError"]
        assert error["ErrorMessage"] == outcome.reason
        assert error["ErrorCategory"] == category, outcome.reason
        assert error["ErrorType"] >= 1
        assert error["Retryable"] is False
        assert re.match(r"[A-Z_]+: ", outcome.reason), outcome.reason
        return outcome

    def put(self, key: str, body: str | bytes) -> None:
        """Store an object; one whose key ends in .gz is compressed."""
        content = body.encode() if isinstance(body, str) else body
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=gzip.compress(content) if key.endswith(".gz") else content)

    def get(self, key: str) -> bytes:
        """An object's content, decompressed."""
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return gzip.decompress(content) if key.endswith(".gz") else content

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def table(self, name: str) -> dict[str, Any]:
        """A table as Glue has it."""
        table: dict[str, Any] = self.glue.get_table(DatabaseName=self.database, Name=name)["Table"]
        return table

    def tables(self) -> list[str]:
        return [table["Name"] for table in self.glue.get_tables(DatabaseName=self.database)["TableList"]]

    def partitions(self, table: str) -> dict[tuple[str, ...], str]:
        """Each partition's values and its location, in the order of the values."""
        pages = self.glue.get_paginator("get_partitions").paginate(DatabaseName=self.database, TableName=table)
        found = {
            tuple(one["Values"]): one["StorageDescriptor"]["Location"] for page in pages for one in page["Partitions"]
        }
        return dict(sorted(found.items()))

    def delete_objects(self) -> None:
        keys = self.keys()
        for start in range(0, len(keys), 1000):
            batch = [{"Key": key} for key in keys[start : start + 1000]]
            self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": batch})


@contextmanager
def new_athena(localstack: LocalStackProcess, folder: Path) -> Iterator[Athena]:
    """Athena with a new bucket and database; both go with the block."""
    athena = Athena(localstack, f"test-{uuid4().hex[:12]}", folder)
    athena.s3.create_bucket(Bucket=athena.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    athena.glue.create_database(DatabaseInput={"Name": athena.database})
    yield athena
    athena.glue.delete_database(Name=athena.database)
    athena.delete_objects()
    athena.s3.delete_bucket(Bucket=athena.bucket)
