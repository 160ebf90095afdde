"""Query executions: states, results in pages and in files, statistics, stopping, and several at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from athena_client import Athena
from botocore.exceptions import ClientError

# Minutes of work, wherever DuckDB minds the interrupt.
ENDLESS = {
    "a cross join": (
        "SELECT count(*) FROM unnest(sequence(1, 1000000)) AS a(x) CROSS JOIN unnest(sequence(1, 1000000)) AS b(y)"
        " WHERE a.x * b.y % 7 = 3"
    ),
    "a long result": (
        "SELECT a.x, b.y FROM unnest(sequence(1, 100000)) AS a(x) CROSS JOIN unnest(sequence(1, 100000)) AS b(y)"
    ),
    "a recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT (n + 1) % 1000000 FROM t) SELECT max(n) FROM t",
    "a CTAS": (
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/') AS SELECT a.x FROM"
        " unnest(sequence(1, 1000000)) AS a(x) CROSS JOIN unnest(sequence(1, 1000000)) AS b(y) WHERE a.x * b.y % 7 = 3"
    ),
}  # fmt: skip


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_stopped_query_leaves_nothing(sql: str, athena: Athena) -> None:
    id_ = athena.start(sql)
    athena.wait(id_, "RUNNING")
    with pytest.raises(ClientError, match=r"has not yet finished\. Current state: RUNNING"):
        athena.client.get_query_results(QueryExecutionId=id_)
    athena.client.stop_query_execution(QueryExecutionId=id_)
    execution = athena.wait(id_, "CANCELLED", seconds=10)
    assert execution["Status"]["StateChangeReason"] == "Query cancelled by user"
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    assert execution["Statistics"]["TotalExecutionTimeInMillis"] > 0
    assert athena.tables() == []
    assert athena.keys() == []
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        athena.client.get_query_results(QueryExecutionId=id_)
    athena.client.stop_query_execution(QueryExecutionId=id_)  # again is no error


def test_more_queries_than_run_at_once_wait_in_line(athena: Athena) -> None:
    ids = [athena.start(ENDLESS["a cross join"]) for _ in range(6)]
    athena.wait(ids[0], "RUNNING")
    assert athena.execution(ids[-1])["Status"]["State"] == "QUEUED"
    for id_ in reversed(ids):
        athena.client.stop_query_execution(QueryExecutionId=id_)
    for id_ in ids:
        athena.wait(id_, "CANCELLED", seconds=15)


def test_stopping_what_has_ended_changes_nothing(athena: Athena) -> None:
    outcome = athena.run("SELECT 1")
    athena.client.stop_query_execution(QueryExecutionId=outcome.id)
    assert athena.execution(outcome.id) == outcome.execution


def test_execution_of_a_query(athena: Athena) -> None:
    athena.put("t/a.csv", "1,a\n2,b\n")
    athena.run(
        "CREATE EXTERNAL TABLE t (x int, y string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://{bucket}/t/'"
    )
    outcome = athena.run("SELECT x, y FROM t ORDER BY x")
    execution = outcome.execution
    assert execution["Query"] == "SELECT x, y FROM t ORDER BY x"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["QueryExecutionContext"] == {"Database": athena.database, "Catalog": "awsdatacatalog"}
    assert execution["WorkGroup"] == "primary"
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert outcome.output == athena.location(f"results/{outcome.id}.csv")

    statistics = outcome.statistics
    assert statistics["DataScannedInBytes"] == 8
    parts = [
        statistics[name]
        for name in (
            "QueryQueueTimeInMillis",
            "QueryPlanningTimeInMillis",
            "EngineExecutionTimeInMillis",
            "ServiceProcessingTimeInMillis",
        )
    ]
    assert all(part >= 1 for part in parts)
    assert statistics["TotalExecutionTimeInMillis"] >= max(parts)

    runtime = athena.client.get_query_runtime_statistics(QueryExecutionId=outcome.id)["QueryRuntimeStatistics"]
    assert runtime["Timeline"]["TotalExecutionTimeInMillis"] == statistics["TotalExecutionTimeInMillis"]


KINDS = {
    "SHOW TABLES": ("UTILITY", "SHOW_TABLES", "results/{id}.txt"),
    "DESCRIBE t": ("UTILITY", "DESCRIBE_TABLE", "results/{id}.txt"),
    "MSCK REPAIR TABLE p": ("DDL", "MSCK_REPAIR", "results/{id}.txt"),
    "DROP TABLE IF EXISTS nosuch": ("DDL", "DROP_TABLE", "results/{id}.txt"),
    "CREATE TABLE c AS SELECT 1 AS a": ("DDL", "CREATE_TABLE_AS_SELECT", "results/tables/{id}"),
    "VALUES 1": ("DML", "SELECT", "results/{id}.csv"),
}


@pytest.mark.parametrize(("sql", "expected"), KINDS.items(), ids=KINDS)
def test_kinds_of_statements(sql: str, expected: tuple[str, str, str], athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://{bucket}/t/'")
    athena.run("CREATE EXTERNAL TABLE p (a int) PARTITIONED BY (b int) LOCATION 's3://{bucket}/p/'")
    outcome = athena.run(sql)
    execution = outcome.execution
    assert (execution["StatementType"], execution["SubstatementType"]) == expected[:2]
    assert outcome.output == athena.location(expected[2].replace("{id}", outcome.id))


def test_result_files(athena: Athena) -> None:
    outcome = athena.run("""SELECT 'a "quoted", text' AS x, NULL AS y, 1.5 AS z, '' AS "é" """)
    assert athena.get(f"results/{outcome.id}.csv").decode() == '"x","y","z","é"\n"a ""quoted"", text",,"1.5",""\n'
    metadata = json.loads(athena.get(f"results/{outcome.id}.csv.metadata"))
    assert metadata["ColumnInfo"] == outcome.result["ResultSetMetadata"]["ColumnInfo"]
    assert outcome.rows == [['a "quoted", text', None, "1.5", ""]]

    shown = athena.run("SHOW TABLES")
    assert athena.get(f"results/{shown.id}.txt") == b""
    assert f"results/{shown.id}.txt.metadata" in athena.keys("results/")


def test_values_with_every_kind_of_break(athena: Athena) -> None:
    odd = "comma, \"quote\" \n line \r\n tab \t back\\slash 'single' ü 🦆"
    outcome = athena.run("SELECT ? AS odd, ? AS after", ExecutionParameters=["'" + odd.replace("'", "''") + "'", "'x'"])
    assert outcome.rows == [[odd, "x"]]


def test_column_info(athena: Athena) -> None:
    outcome = athena.run("SELECT DECIMAL '1.50' AS d, 'x' AS s, 1 AS i")
    info = {column["Name"]: column for column in outcome.result["ResultSetMetadata"]["ColumnInfo"]}
    assert (info["d"]["Type"], info["d"]["Precision"], info["d"]["Scale"]) == ("decimal", 3, 2)
    assert info["d"]["CatalogName"] == "hive"
    assert info["d"]["Label"] == "d"
    assert info["d"]["Nullable"] == "UNKNOWN"
    assert (info["s"]["Type"], info["s"]["CaseSensitive"], info["s"]["Precision"]) == ("varchar", True, 2147483647)
    assert (info["i"]["Type"], info["i"]["CaseSensitive"], info["i"]["Precision"]) == ("integer", False, 10)


def test_pages(athena: Athena) -> None:
    id_ = athena.run("SELECT x FROM unnest(sequence(1, 2500)) AS s(x) ORDER BY x").id
    pages = athena.client.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
    sizes, values = [], []
    for page in pages:
        rows = page["ResultSet"]["Rows"]
        sizes.append(len(rows))
        values += [row["Data"][0]["VarCharValue"] for row in rows]
    assert sizes == [1000, 1000, 501]
    assert values == ["x", *map(str, range(1, 2501))]

    small = athena.client.get_query_results(QueryExecutionId=id_, MaxResults=2)
    assert [row["Data"][0]["VarCharValue"] for row in small["ResultSet"]["Rows"]] == ["x", "1"]
    following = athena.client.get_query_results(QueryExecutionId=id_, MaxResults=2, NextToken=small["NextToken"])
    assert [row["Data"][0]["VarCharValue"] for row in following["ResultSet"]["Rows"]] == ["2", "3"]
    last = athena.client.get_query_results(QueryExecutionId=id_, NextToken="2500")
    assert "NextToken" not in last
    with pytest.raises(ClientError, match="Invalid NextToken"):
        athena.client.get_query_results(QueryExecutionId=id_, NextToken="nonsense")


def test_request_token_starts_a_query_once(athena: Athena) -> None:
    token = str(uuid4())
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    athena.outcome(first)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start("SELECT 2", ClientRequestToken=token)
    other = athena.start("SELECT 1", ClientRequestToken=str(uuid4()))
    assert other != first
    athena.outcome(other)


def test_batch_and_list(athena: Athena) -> None:
    ids = [athena.run(f"SELECT {number}").id for number in range(3)]
    unknown = str(uuid4())
    batch = athena.client.batch_get_query_execution(QueryExecutionIds=[*ids, unknown])
    assert [execution["Query"] for execution in batch["QueryExecutions"]] == ["SELECT 0", "SELECT 1", "SELECT 2"]
    assert [one["QueryExecutionId"] for one in batch["UnprocessedQueryExecutionIds"]] == [unknown]

    first = athena.client.list_query_executions(MaxResults=2)
    assert first["QueryExecutionIds"] == [ids[2], ids[1]]
    second = athena.client.list_query_executions(MaxResults=2, NextToken=first["NextToken"])
    assert second["QueryExecutionIds"][0] == ids[0]


@pytest.mark.parametrize("operation", ["get_query_execution", "get_query_results", "stop_query_execution"])
def test_unknown_execution(operation: str, athena: Athena) -> None:
    with pytest.raises(ClientError) as failure:
        getattr(athena.client, operation)(QueryExecutionId=str(uuid4()))
    assert failure.value.response["Error"]["Code"] == "InvalidRequestException"


def test_results_of_a_failed_query(athena: Athena) -> None:
    outcome = athena.assert_fails("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero")
    with pytest.raises(ClientError, match=r"Query did not finish successfully\. Final query state: FAILED"):
        athena.client.get_query_results(QueryExecutionId=outcome.id)
    assert athena.keys() == []


def test_result_that_was_deleted(athena: Athena) -> None:
    outcome = athena.run("SELECT 1")
    athena.s3.delete_object(Bucket=athena.bucket, Key=f"results/{outcome.id}.csv")
    with pytest.raises(ClientError, match="Could not find results"):
        athena.client.get_query_results(QueryExecutionId=outcome.id)


def test_missing_result_bucket(athena: Athena) -> None:
    configuration = {"OutputLocation": "s3://no-such-bucket-anywhere/results/"}
    for sql in ("SELECT 1", "SHOW TABLES"):
        athena.assert_fails(sql, "HIVE_FILESYSTEM_ERROR: The specified bucket", ResultConfiguration=configuration)


def test_ten_queries_at_once(athena: Athena) -> None:
    athena.put("t/a.csv", "".join(f"{number}\n" for number in range(1000)))
    athena.run("CREATE EXTERNAL TABLE t (x int) LOCATION 's3://{bucket}/t/'")

    def query(number: int) -> Any:
        if number % 3 == 0:
            athena.run("CREATE TABLE t{n} AS SELECT x FROM t WHERE x % 10 = {n}".replace("{n}", str(number)))
            return athena.rows("SELECT count(*), min(x) FROM t{n}".replace("{n}", str(number)))
        return athena.rows("SELECT count(*), min(x) FROM t WHERE x % 10 = {n}".replace("{n}", str(number)))

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(query, range(10))) == [[["100", str(number)]] for number in range(10)]
    assert sorted(athena.tables()) == ["t", "t0", "t3", "t6", "t9"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"QueryString": " "}, "QueryString"),
        ({"QueryString": "SELECT '" + "x" * 262_144 + "'"}, "QueryString"),
        ({"ResultConfiguration": {"OutputLocation": "not-s3"}}, "outputLocation is not a valid S3 path"),
        ({"ResultConfiguration": {}}, "No output location provided"),
        ({"WorkGroup": "nosuch"}, "WorkGroup nosuch is not found"),
    ],
    ids=["blank", "too long", "no S3 path", "no output location", "unknown workgroup"],
)
def test_bad_request(request_: dict[str, Any], message: str, athena: Athena) -> None:
    with pytest.raises(ClientError, match=message) as failure:
        athena.start("SELECT 1", **request_)
    assert failure.value.response["Error"]["Code"] == "InvalidRequestException"


def test_workgroup_decides_where_results_go(athena: Athena) -> None:
    theirs = athena.location("workgroup")
    lenient, strict = f"{athena.bucket}-lenient", f"{athena.bucket}-strict"
    for name in (lenient, strict):
        athena.client.create_work_group(
            Name=name,
            Configuration={
                "ResultConfiguration": {"OutputLocation": theirs},
                "EnforceWorkGroupConfiguration": name == strict,
            },
        )
    asked = athena.run("SELECT 1", WorkGroup=lenient)
    assert asked.output == athena.location(f"results/{asked.id}.csv")
    assert asked.execution["WorkGroup"] == lenient
    silent = athena.run("SELECT 1", WorkGroup=lenient, ResultConfiguration={})
    assert silent.output == f"{theirs}/{silent.id}.csv"
    assert athena.client.list_query_executions(WorkGroup=lenient)["QueryExecutionIds"] == [silent.id, asked.id]

    overruled = athena.run("SELECT 1", WorkGroup=strict)
    assert overruled.output == f"{theirs}/{overruled.id}.csv"
    created = athena.run("CREATE TABLE t AS SELECT 1 AS a", WorkGroup=strict)
    assert created.output == f"{theirs}/tables/{created.id}"
    for name in (lenient, strict):
        athena.client.delete_work_group(WorkGroup=name)
