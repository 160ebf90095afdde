"""CREATE TABLE AS: every property, the types it keeps, and that it happens whole or not at all."""

import pytest
from athena_client import Athena
from localstack_athena.formats import LAZY_SIMPLE_SERDE, PARQUET_SERDE

# Each value as SQL, its type in Glue, its type in a result, and its text.
TYPES = {
    "an_int": ("7", "int", "integer", "7"),
    "a_bigint": ("BIGINT '8'", "bigint", "bigint", "8"),
    "a_tinyint": ("cast(1 AS tinyint)", "tinyint", "tinyint", "1"),
    "a_smallint": ("cast(2 AS smallint)", "smallint", "smallint", "2"),
    "a_double": ("1.5", "double", "double", "1.5"),
    "a_real": ("cast(2.5 AS real)", "float", "float", "2.5"),
    "a_decimal": ("DECIMAL '1234.50'", "decimal(6,2)", "decimal(6,2)", "1234.50"),
    "a_wide_decimal": ("cast('0.1' AS decimal(38,18))", "decimal(38,18)", "decimal(38,18)", "0.100000000000000000"),
    "a_sum": ("(SELECT sum(x) FROM (VALUES DECIMAL '1.25') AS t(x))", "decimal(38,2)", "decimal(38,2)", "1.25"),
    "a_count": ("(SELECT count(*) FROM (VALUES 1) AS t(x))", "bigint", "bigint", "1"),
    "a_boolean": ("true", "boolean", "boolean", "true"),
    "a_date": ("date '2024-02-29'", "date", "date", "2024-02-29"),
    "a_timestamp": (
        "timestamp '2024-02-29 10:11:12.345'",
        "timestamp",
        "timestamp",
        "2024-02-29 10:11:12.345",
    ),
    "a_text": ("'é ''\"\\'", "string", "varchar", "é '\"\\"),
    "an_array": ("ARRAY[1, 2]", "array<int>", "array", "[1, 2]"),
    "an_array_of_arrays": ("ARRAY[ARRAY['a'], ARRAY['b', 'c']]", "array<array<string>>", "array", "[[a], [b, c]]"),
    "a_map": ("map(ARRAY['k'], ARRAY[1.5])", "map<string,double>", "map", "{k=1.5}"),
    "a_null": ("cast(NULL AS varchar)", "string", "varchar", None),
}


@pytest.mark.parametrize("nested", [True, False], ids=["PARQUET", "TEXTFILE"])
def test_types_survive(nested: bool, athena: Athena) -> None:  # noqa: FBT001 - a parameter of the table
    types = {name: kind for name, kind in TYPES.items() if nested or "<" not in kind[1]}
    selected = ", ".join(f"{sql} AS {name}" for name, (sql, *_) in types.items())
    athena.run(f"CREATE TABLE t WITH (format = '{'PARQUET' if nested else 'TEXTFILE'}') AS SELECT {selected}")
    columns = athena.table("t")["StorageDescriptor"]["Columns"]
    assert {column["Name"]: column["Type"] for column in columns} == {name: kind[1] for name, kind in types.items()}
    outcome = athena.run("SELECT * FROM t")
    assert outcome.columns == [(name, kind[2]) for name, kind in types.items()]
    assert outcome.rows == [[kind[3] for kind in types.values()]]


def test_table_lies_under_the_output_location_by_default(athena: Athena) -> None:
    outcome = athena.run("CREATE TABLE t AS SELECT 1 AS a")
    assert outcome.output == athena.location(f"results/tables/{outcome.id}")
    table = athena.table("t")
    assert table["StorageDescriptor"]["Location"] == f"{outcome.output}/"
    assert table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] == PARQUET_SERDE
    assert table["Parameters"]["classification"] == "parquet"
    assert table["Parameters"]["EXTERNAL"] == "TRUE"
    assert len(athena.keys(f"results/tables/{outcome.id}/")) == 1


@pytest.mark.parametrize("compression", [None, "SNAPPY", "GZIP", "ZSTD", "LZ4", "NONE"])
def test_parquet_compressions(compression: str | None, athena: Athena) -> None:
    clause = f", write_compression = '{compression}'" if compression else ""
    athena.run(
        "CREATE TABLE t WITH (format = 'PARQUET', external_location = 's3://{bucket}/t/'{clause}) AS"
        " SELECT x FROM unnest(sequence(1, 1000)) AS s(x)".replace("{clause}", clause)
    )
    assert athena.table("t")["Parameters"]["parquet.compression"] == (compression or "GZIP")
    (key,) = athena.keys("t/")
    assert athena.get(key).startswith(b"PAR1")
    assert athena.rows("SELECT sum(x) FROM t") == [["500500"]]


TEXT_OBJECTS = {
    "": b"1\x01a\n2\x01\\N\n",
    ", field_delimiter = '|'": b"1|a\n2|\\N\n",
    ", field_delimiter = ',', write_compression = 'NONE'": b"1,a\n2,\\N\n",
    ", write_compression = 'GZIP'": b"1\x01a\n2\x01\\N\n",
}


@pytest.mark.parametrize(("clause", "expected"), TEXT_OBJECTS.items(), ids=TEXT_OBJECTS)
def test_textfile(clause: str, expected: bytes, athena: Athena) -> None:
    athena.run(
        "CREATE TABLE t WITH (format = 'TEXTFILE', external_location = 's3://{bucket}/t/'{clause}) AS"
        " SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS v(x, y)".replace("{clause}", clause)
    )
    (key,) = athena.keys("t/")
    assert key.endswith(".gz") == ("NONE" not in clause)
    assert athena.get(key) == expected
    assert athena.table("t")["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] == LAZY_SIMPLE_SERDE
    assert athena.rows("SELECT * FROM t ORDER BY x") == [["1", "a"], ["2", None]]


PARTITION_VALUES = ["plain", "a/b", "a:b", "a=b", "50%", "a b", "NULL", "ümlaut", 'a"b', "a+b", "a#b?", "2024-01-31"]


def test_partitions_with_odd_values(athena: Athena) -> None:
    values = ", ".join(
        f"({number}, {value})" for number, value in enumerate([*map(repr, PARTITION_VALUES), "NULL", "''"])
    )
    outcome = athena.run(
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/', partitioned_by = ARRAY['p']) AS"
        " SELECT * FROM (VALUES {values}) AS v(n, p)".replace("{values}", values)
    )
    table = athena.table("t")
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["n"]
    assert table["PartitionKeys"] == [{"Name": "p", "Type": "string"}]

    # Hive knows no empty value: it is NULL.
    assert athena.rows("SELECT n, p FROM t ORDER BY n") == [
        [str(number), value] for number, value in enumerate([*PARTITION_VALUES, None, None])
    ]
    assert set(athena.partitions("t")) == {(value,) for value in [*PARTITION_VALUES, "__HIVE_DEFAULT_PARTITION__"]}
    assert athena.partitions("t")[("a/b",)] == athena.location("t/p=a%2Fb/")

    # The objects are where the partitions say, and the manifest names them.
    manifest = athena.get(f"results/tables/{outcome.id}-manifest.csv").decode().splitlines()
    assert sorted(manifest) == sorted(athena.location(key) for key in athena.keys("t/"))
    assert outcome.statistics["DataManifestLocation"] == f"{outcome.output}-manifest.csv"
    athena.run("DROP TABLE t")
    athena.run(
        "CREATE EXTERNAL TABLE t (n int) PARTITIONED BY (p string) STORED AS PARQUET LOCATION 's3://{bucket}/t/'"
    )
    athena.run("MSCK REPAIR TABLE t")
    assert athena.rows("SELECT count(*) FROM t") == [[str(len(PARTITION_VALUES) + 2)]]


def test_partitions_by_typed_keys(athena: Athena) -> None:
    athena.run(
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t', partitioned_by = ARRAY['day', 'n']) AS"
        " SELECT * FROM (VALUES ('a', date '2024-01-31', 1), ('b', date '2024-01-31', 2), ('c', NULL, 1))"
        " AS v(x, day, n)"
    )
    assert [(key["Name"], key["Type"]) for key in athena.table("t")["PartitionKeys"]] == [("day", "date"), ("n", "int")]
    assert set(athena.partitions("t")) == {
        ("2024-01-31", "1"),
        ("2024-01-31", "2"),
        ("__HIVE_DEFAULT_PARTITION__", "1"),
    }
    outcome = athena.run("SELECT * FROM t WHERE day IS NOT NULL ORDER BY n")
    assert outcome.columns == [("x", "varchar"), ("day", "date"), ("n", "integer")]
    assert outcome.rows == [["a", "2024-01-31", "1"], ["b", "2024-01-31", "2"]]


def test_partitions_of_a_text_table(athena: Athena) -> None:
    athena.run(
        "CREATE TABLE t WITH (format = 'TEXTFILE', field_delimiter = ',', partitioned_by = ARRAY['p'],"
        " external_location = 's3://{bucket}/t/') AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(x, p)"
    )
    assert {key.split("/")[1]: athena.get(key) for key in athena.keys("t/")} == {"p=a": b"1\n", "p=b": b"2\n"}
    assert athena.rows("SELECT x, p FROM t ORDER BY x") == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize(("partitions", "fails"), [(100, False), (101, True)])
def test_a_hundred_partitions_are_the_most(
    partitions: int,
    fails: bool,  # noqa: FBT001 - a parameter of the table
    athena: Athena,
) -> None:
    sql = (
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/', partitioned_by = ARRAY['p']) AS"
        " SELECT x, x AS p FROM unnest(sequence(1, {n})) AS s(x)".replace("{n}", str(partitions))
    )
    if fails:
        athena.assert_fails(sql, "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100")
        assert athena.tables() == []
        assert athena.keys("t/") == []
    else:
        athena.run(sql)
        assert len(athena.partitions("t")) == partitions


def test_with_no_data(athena: Athena) -> None:
    outcome = athena.run(
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/', partitioned_by = ARRAY['p']) AS"
        " SELECT 1 AS a, 'x' AS p WITH NO DATA"
    )
    assert outcome.rows == []
    assert athena.keys("t/") == []
    assert athena.partitions("t") == {}
    assert athena.rows("SELECT * FROM t") == []
    assert athena.table("t")["PartitionKeys"] == [{"Name": "p", "Type": "string"}]


def test_no_rows_make_an_empty_table(athena: Athena) -> None:
    athena.run("CREATE TABLE t WITH (external_location = 's3://{bucket}/t/') AS SELECT 1 AS a WHERE false")
    assert athena.tables() == ["t"]
    assert athena.rows("SELECT * FROM t") == []


def test_update_count(athena: Athena) -> None:
    id_ = athena.start("CREATE TABLE t AS SELECT x FROM unnest(sequence(1, 42)) AS s(x)")
    athena.outcome(id_)
    assert athena.client.get_query_results(QueryExecutionId=id_)["UpdateCount"] == 42


def test_from_a_table_into_a_table_with_qualified_names(athena: Athena) -> None:
    athena.put("raw/a.csv", "1,2.50\n2,x\n")
    athena.run(
        "CREATE EXTERNAL TABLE raw (id int, price decimal(10,2)) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
        " LOCATION 's3://{bucket}/raw/'"
    )
    elsewhere = {"QueryExecutionContext": {"Database": "default"}}
    athena.run(
        'CREATE TABLE "awsdatacatalog"."{db}"."clean" AS SELECT * FROM {db}.raw WHERE price IS NOT NULL', **elsewhere
    )
    assert athena.run('SELECT * FROM "AwsDataCatalog"."{db}"."clean"', **elsewhere).rows == [["1", "2.50"]]


def test_path_that_exists_is_left_alone(athena: Athena) -> None:
    athena.put("t/deep/old.parquet", "precious")
    sql = "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/') AS SELECT 1 AS a"
    athena.assert_fails(
        sql, f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{athena.database}.t' already exists: s3://"
    )
    assert athena.tables() == []
    assert athena.keys("t/") == ["t/deep/old.parquet"]
    assert athena.get("t/deep/old.parquet") == b"precious"
    athena.run(sql.replace("/t/'", "/t2'"))
    assert athena.rows("SELECT * FROM t") == [["1"]]


def test_table_that_exists(athena: Athena) -> None:
    athena.run("CREATE TABLE t AS SELECT 1 AS a")
    athena.assert_fails("CREATE TABLE t AS SELECT 2 AS a", "TABLE_ALREADY_EXISTS: ")
    athena.run("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a")
    assert athena.rows("SELECT * FROM t") == [["1"]]


FAILING = {
    "a late division by zero": (
        "SELECT 1 / (100000 - x) AS a, x % 10 AS p FROM unnest(sequence(1, 100000)) AS s(x)",
        "DIVISION_BY_ZERO: Division by zero",
    ),
    "a late bad cast": (
        "SELECT cast(if(x = 100000, 'x', '1') AS integer) AS a, 1 AS p FROM unnest(sequence(1, 100000)) AS s(x)",
        "INVALID_CAST_ARGUMENT: Cannot cast 'x' to INT",
    ),
    "an unknown column": ("SELECT nosuch AS a, 1 AS p", "COLUMN_NOT_FOUND: line 1:"),
    "an unknown table": ("SELECT a, 1 AS p FROM nosuch", "TABLE_NOT_FOUND: line 1:"),
    "a column twice": ("SELECT 1 AS a, 2 AS A, 3 AS p", "DUPLICATE_COLUMN_NAME: Column name 'a'"),
    "a time": ("SELECT time '10:00:00' AS a, 1 AS p", "NOT_SUPPORTED: Unsupported Hive type: time"),
    "a key that is not last": ("SELECT 1 AS p, 2 AS a", "INVALID_TABLE_PROPERTY: Partition keys must be the last"),
    "no column but the key": ("SELECT 1 AS p", "INVALID_TABLE_PROPERTY: Table contains only partition columns"),
}


@pytest.mark.parametrize(("query", "expected"), FAILING.values(), ids=FAILING)
def test_failure_leaves_nothing(query: str, expected: str, athena: Athena) -> None:
    athena.assert_fails(
        "CREATE TABLE t WITH (external_location = 's3://{bucket}/t/', partitioned_by = ARRAY['p']) AS " + query,
        expected,
    )
    assert athena.tables() == []
    assert athena.keys() == []


PROPERTIES = {
    "format = 'ORC'": "INVALID_TABLE_PROPERTY: Unsupported format ORC",
    "write_compression = 'BROTLI'": "INVALID_TABLE_PROPERTY: Compression BROTLI is not supported for PARQUET",
    "format = 'TEXTFILE', write_compression = 'SNAPPY'": "INVALID_TABLE_PROPERTY: Compression SNAPPY",
    "external_location = 'x'": "INVALID_TABLE_PROPERTY: not an S3 location: x",
    "external_location = 's3://no-such-bucket-anywhere/t/'": "HIVE_FILESYSTEM_ERROR: The specified bucket does not",
    "bucket_count = 5": "INVALID_TABLE_PROPERTY: ",
}


@pytest.mark.parametrize(("clause", "expected"), PROPERTIES.items(), ids=PROPERTIES)
def test_bad_properties(clause: str, expected: str, athena: Athena) -> None:
    athena.assert_fails(f"CREATE TABLE t WITH ({clause}) AS SELECT 1 AS a", expected)
    assert athena.tables() == []


def test_nested_values_are_not_written_as_text(athena: Athena) -> None:
    athena.assert_fails(
        "CREATE TABLE t WITH (format = 'TEXTFILE') AS SELECT ARRAY[1] AS a", "NOT_SUPPORTED: Column a: array<int>"
    )
    athena.assert_fails("CREATE TABLE nosuch.t AS SELECT 1 AS a", "SCHEMA_NOT_FOUND: ")
