"""The clients that people use: PyAthena with its cursors, and localstack-client."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import localstack_client.session
import pytest
from athena_client import Athena
from localstack_process import REGION
from pyathena import connect
from pyathena.connection import Connection
from pyathena.cursor import Cursor, DictCursor
from pyathena.error import OperationalError


@pytest.fixture
def connection(athena: Athena) -> Iterator[Connection[Cursor]]:
    with connect(
        s3_staging_dir=athena.location("staging/"),
        schema_name=athena.database,
        endpoint_url=athena.localstack.endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        poll_interval=0.02,
    ) as connection:
        yield connection


# SQL and the Python value that PyAthena makes of its text.
VALUES: dict[str, Any] = {
    "1": 1,
    "9223372036854775807": 9223372036854775807,
    "1.5": 1.5,
    "1e10": 1e10,
    "DECIMAL '1.50'": Decimal("1.50"),
    "true": True,
    "'text, \"quoted\"'": 'text, "quoted"',
    "''": "",
    "cast(NULL AS varchar)": None,
    "date '2024-02-29'": date(2024, 2, 29),
    "timestamp '2024-02-29 10:11:12.345'": datetime(2024, 2, 29, 10, 11, 12, 345_000),  # noqa: DTZ001 - has no zone
    "X'6869'": b"hi",
    "ARRAY[1, 2]": [1, 2],
}


def test_values(connection: Connection[Cursor]) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT " + ", ".join(f"{sql} AS c{number}" for number, sql in enumerate(VALUES)))
    assert cursor.fetchall() == [tuple(VALUES.values())]
    assert cursor.description is not None
    assert [column[0] for column in cursor.description] == [f"c{number}" for number in range(len(VALUES))]
    assert cursor.state == "SUCCEEDED"
    assert cursor.total_execution_time_in_millis


def test_dict_cursor(connection: Connection[Cursor]) -> None:
    cursor = connection.cursor(DictCursor)
    cursor.execute("SELECT x, x * 2 AS y FROM unnest(sequence(1, 3)) AS t(x) ORDER BY x")
    assert cursor.fetchone() == {"x": 1, "y": 2}
    assert cursor.fetchall() == [{"x": 2, "y": 4}, {"x": 3, "y": 6}]


@pytest.mark.parametrize(
    ("sql", "parameters", "style"),
    [
        ("SELECT %(name)s AS a, %(number)d AS b", {"name": "it's", "number": 5}, None),
        ("SELECT ? AS a, ? AS b", ["'it''s'", "5"], "qmark"),
    ],
    ids=["pyformat", "qmark"],
)
def test_parameters(sql: str, parameters: Any, style: str | None, connection: Connection[Cursor]) -> None:
    cursor = connection.cursor()
    cursor.execute(sql, parameters, paramstyle=style)
    assert cursor.fetchall() == [("it's", 5)]


def test_more_rows_than_a_page(connection: Connection[Cursor]) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT x FROM unnest(sequence(1, 2345)) AS t(x) ORDER BY x")
    assert [row[0] for row in cursor] == list(range(1, 2346))


def test_tables_and_statements_without_rows(connection: Connection[Cursor], athena: Athena) -> None:
    athena.put("t/a.csv", "1,a\n")
    cursor = connection.cursor()
    cursor.execute(
        "CREATE EXTERNAL TABLE t (x int, y string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
        f" LOCATION '{athena.location('t/')}'"
    )
    assert cursor.fetchall() == []
    cursor.execute("CREATE TABLE u AS SELECT * FROM t")
    assert cursor.rowcount == 1
    cursor.execute("SHOW TABLES")
    assert cursor.fetchall() == [("t",), ("u",)]
    cursor.execute("SELECT * FROM u")
    assert cursor.fetchall() == [(1, "a")]
    assert [table.name for table in cursor.list_table_metadata()] == ["t", "u"]
    assert [column.name for column in cursor.get_table_metadata("u").columns] == ["x", "y"]


def test_failure_carries_the_reason(connection: Connection[Cursor]) -> None:
    with pytest.raises(OperationalError, match="COLUMN_NOT_FOUND: line 1:8: Column 'nosuch' cannot be resolved"):
        connection.cursor().execute("SELECT nosuch")


def test_localstack_client(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", athena.localstack.endpoint_url)
    session = localstack_client.session.Session(region_name=REGION)
    id_ = session.client("athena").start_query_execution(
        QueryString="SHOW TABLES",
        QueryExecutionContext={"Database": athena.database},
        ResultConfiguration={"OutputLocation": athena.location("results/")},
    )["QueryExecutionId"]
    assert athena.outcome(id_).state == "SUCCEEDED"
    assert athena.database in [one["Name"] for one in session.client("glue").get_databases()["DatabaseList"]]
    assert f"results/{id_}.txt" in [
        entry["Key"] for entry in session.client("s3").list_objects_v2(Bucket=athena.bucket)["Contents"]
    ]
