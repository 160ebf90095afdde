"""External tables: made by SQL or by Glue, over text and Parquet, with and without partitions."""

from typing import Any

import pytest
from athena_client import Athena, Row
from localstack_athena.formats import LAZY_SIMPLE_SERDE, OPEN_CSV_SERDE, PARQUET_SERDE

TEXT_CLASSES = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
PARQUET_CLASSES = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
}

LAZY = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
OPEN_CSV = f"ROW FORMAT SERDE '{OPEN_CSV_SERDE}'"

# The table's clauses, its objects' content, and every row.
TEXT_TABLES: dict[str, tuple[str, str, str, list[Row]]] = {
    "typed columns, bad values": (
        "i int, l bigint, d double, b boolean, dt date, ts timestamp, e decimal(5,2), s string",
        LAZY,
        (
            "1,2,1.5,true,2024-01-31,2024-01-31 10:00:00.5,1.25,ok\n"
            "x,x,x,x,x,x,x,x\n"
            "1.5,99999999999999999999,,1,2024-13-01,2024-01-31T10:00:00Z,1234.5,\n"
            "-7,+8,1e3,FALSE,2024-02-29,2024-01-31 10:00:00,-0.005,\\N\n"
            "5\n"
        ),
        [
            ["1", "2", "1.5", "true", "2024-01-31", "2024-01-31 10:00:00.500", "1.25", "ok"],
            [None, None, None, None, None, None, None, "x"],
            [None, None, None, None, None, None, None, ""],
            ["-7", "8", "1000.0", "false", "2024-02-29", "2024-01-31 10:00:00.000", "-0.01", None],
            ["5", None, None, None, None, None, None, None],
        ],
    ),
    "Hive's default separator": ("a string, b int", "", "x\x011\n", [["x", "1"]]),
    "tabs": (
        "a string, b int",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' STORED AS TEXTFILE",
        "x\t1\n",
        [["x", "1"]],
    ),
    "escaped separators": (
        "a string, b string",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' ESCAPED BY '\\\\'",
        "a\\|b|c\nd|e\n",
        [["a|b", "c"], ["d", "e"]],
    ),
    "a null marker": (
        "a string, b int",
        f"{LAZY} NULL DEFINED AS '-'",
        "-,1\nx,-\n",
        [[None, "1"], ["x", None]],
    ),
    "quotes mean nothing": ("a string, b string", LAZY, '"x,y"\n', [['"x', 'y"']]),
    "too many fields": ("a string", LAZY, "x,y,z\n", [["x"]]),
    "quoted fields": (
        "a string, b string",
        OPEN_CSV,
        '"x, ""y""",plain\n"say \\"hi\\"",\n',
        [['x, "y"', "plain"], ['say "hi"', ""]],
    ),
    "a quoted line break": (
        "a string, b string",
        OPEN_CSV,
        'x,"y\nz"\nu,v\n',
        [["x", None], [None, None], ["u", "v"]],
    ),
    "SerDe properties": (
        "a string, b string",
        f"{OPEN_CSV} WITH SERDEPROPERTIES ('separatorChar'=';', 'quoteChar'='''', 'escapeChar'='~')".replace(
            "''''", "'`'"
        ),
        "`x;y`;`a~`b`\n",
        [["x;y", "a`b"]],
    ),
    "OpenCSVSerde's types": (
        "i int, d double, b boolean, dt date, ts timestamp, e decimal(5,2)",
        OPEN_CSV,
        '"1","1.5","true","19723","1704103445678","2.25"\n',
        [["1", "1.5", "true", "2024-01-01", "2024-01-01 10:04:05.678", "2.25"]],
    ),
}


@pytest.mark.parametrize("key", ["data.csv", "data.csv.gz"])
@pytest.mark.parametrize(("columns", "clause", "content", "expected"), TEXT_TABLES.values(), ids=TEXT_TABLES)
def test_text_table(columns: str, clause: str, content: str, expected: list[Row], key: str, athena: Athena) -> None:
    athena.put(f"t/{key}", content)
    athena.run(f"CREATE EXTERNAL TABLE t ({columns}) {clause} LOCATION 's3://{{bucket}}/t/'")
    assert athena.rows("SELECT * FROM t") == expected


@pytest.mark.parametrize("clause", [LAZY, OPEN_CSV], ids=["LazySimpleSerDe", "OpenCSVSerde"])
def test_header_lines_of_every_file_are_skipped(clause: str, athena: Athena) -> None:
    for name in ("one.csv", "two.csv.gz", "only_header.csv"):
        athena.put(f"t/{name}", "id,name\n" + ("" if name == "only_header.csv" else f"1,{name}\n"))
    athena.run(
        f"CREATE EXTERNAL TABLE t (id string, name string) {clause} LOCATION 's3://{{bucket}}/t'"
        " TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert athena.rows("SELECT id, name FROM t ORDER BY name") == [["1", "one.csv"], ["1", "two.csv.gz"]]


def test_value_of_the_wrong_type_fails_open_csv(athena: Athena) -> None:
    athena.put("t/data.csv", "1,x\n1.5,y\n")
    athena.run(f"CREATE EXTERNAL TABLE t (a int, b string) {OPEN_CSV} LOCATION 's3://{{bucket}}/t/'")
    athena.assert_fails("SELECT a FROM t", "HIVE_BAD_DATA: Error parsing field value '1.5' for field 0")
    assert athena.rows("SELECT b FROM t") == [["x"], ["y"]]
    athena.put("t/data.csv", '"2","a ""rewritten"" row"\n"x","y\\"z"\n')
    athena.assert_fails("SELECT a FROM t", "HIVE_BAD_DATA: Error parsing field value 'x' for field 0")


def test_which_objects_are_the_tables(athena: Athena) -> None:
    for key in (
        "t/a.csv",
        "t/deep/er/b.csv",
        "t/_hidden.csv",
        "t/.hidden.csv",
        "t/_tmp/c.csv",
        "t2/d.csv",
        "t/empty.csv",
    ):
        athena.put(key, "" if "empty" in key else f"{key}\n")
    athena.run("CREATE EXTERNAL TABLE t (a string) LOCATION 's3://{bucket}/t'")
    assert athena.rows("SELECT a FROM t ORDER BY a") == [["t/a.csv"], ["t/deep/er/b.csv"]]


def test_table_without_objects_has_no_rows(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE t (a int, b array<string>) STORED AS PARQUET LOCATION 's3://{bucket}/t/'")
    outcome = athena.run("SELECT a, b FROM t")
    assert outcome.rows == []
    assert outcome.columns == [("a", "integer"), ("b", "array")]


def test_overwritten_object_is_read_anew(athena: Athena) -> None:
    """Objects are cached by their ETag."""
    athena.run("CREATE EXTERNAL TABLE t (a string) LOCATION 's3://{bucket}/t/'")
    for content in ("old", "new", "old"):
        athena.put("t/a.csv", f"{content}\n")
        assert athena.rows("SELECT a FROM t") == [[content]]
    athena.s3.delete_object(Bucket=athena.bucket, Key="t/a.csv")
    assert athena.rows("SELECT a FROM t") == []


@pytest.mark.parametrize("clause", ["", "PARTITIONED BY (p string) "], ids=["whole", "partitioned"])
def test_parquet_table(clause: str, athena: Athena) -> None:
    """Columns are found by name: a new one is NULL in old files, and the order may differ."""
    folder = "t/p=x/" if clause else "t/"
    athena.run(
        "CREATE TABLE w WITH (external_location = 's3://{bucket}/" + folder + "') AS"
        " SELECT 'é' AS name, 1 AS id, ARRAY[1, 2] AS many, DECIMAL '1.50' AS price"
    )
    athena.run(
        "CREATE EXTERNAL TABLE t (id bigint, name string, price decimal(10,2), many array<int>, later double) "
        + clause
        + "STORED AS PARQUET LOCATION 's3://{bucket}/t/'"
    )
    if clause:
        athena.run("MSCK REPAIR TABLE t")
    outcome = athena.run("SELECT * FROM t")
    assert outcome.columns[:5] == [
        ("id", "bigint"),
        ("name", "varchar"),
        ("price", "decimal(10,2)"),
        ("many", "array"),
        ("later", "double"),
    ]
    assert outcome.rows == [["1", "é", "1.50", "[1, 2]", None, *(["x"] if clause else [])]]


GLUE_TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": (
        (
            f"CREATE EXTERNAL TABLE t (id int COMMENT 'key', name string) COMMENT 'a table' {LAZY} STORED AS TEXTFILE"
            " LOCATION 's3://{bucket}/t' TBLPROPERTIES ('skip.header.line.count'='1', 'has_encrypted_data'='false')"
        ),
        {
            "Description": "a table",
            "PartitionKeys": [],
            "Parameters": {"EXTERNAL": "TRUE", "skip.header.line.count": "1", "has_encrypted_data": "false"},
            "StorageDescriptor": {
                **TEXT_CLASSES,
                "Columns": [{"Name": "id", "Type": "int", "Comment": "key"}, {"Name": "name", "Type": "string"}],
                "Location": "s3://{bucket}/t",
                "Compressed": False,
                "NumberOfBuckets": -1,
                "SerdeInfo": {
                    "SerializationLibrary": LAZY_SIMPLE_SERDE,
                    "Parameters": {"field.delim": ",", "serialization.format": ","},
                },
            },
        },
    ),
    "csv": (
        (
            f"CREATE EXTERNAL TABLE t (id string) PARTITIONED BY (`Year` int, month string) {OPEN_CSV}"
            " WITH SERDEPROPERTIES ('separatorChar'=',', 'quoteChar'='\"', 'escapeChar'='\\\\') LOCATION 's3://{bucket}/t/'"
        ),
        {
            "PartitionKeys": [{"Name": "year", "Type": "int"}, {"Name": "month", "Type": "string"}],
            "Parameters": {"EXTERNAL": "TRUE"},
            "StorageDescriptor": {
                **TEXT_CLASSES,
                "Columns": [{"Name": "id", "Type": "string"}],
                "Location": "s3://{bucket}/t/",
                "Compressed": False,
                "NumberOfBuckets": -1,
                "SerdeInfo": {
                    "SerializationLibrary": OPEN_CSV_SERDE,
                    "Parameters": {
                        "separatorChar": ",",
                        "quoteChar": '"',
                        "escapeChar": "\\",
                        "serialization.format": "1",
                    },
                },
            },
        },
    ),
    "parquet": (
        (
            "CREATE EXTERNAL TABLE t (a struct<x:int,y:array<string>>, b map<string,double>) STORED AS PARQUET"
            " LOCATION 's3://{bucket}/t/' TBLPROPERTIES ('parquet.compression'='SNAPPY')"
        ),
        {
            "PartitionKeys": [],
            "Parameters": {"EXTERNAL": "TRUE", "parquet.compression": "SNAPPY"},
            "StorageDescriptor": {
                **PARQUET_CLASSES,
                "Columns": [
                    {"Name": "a", "Type": "struct<x:int,y:array<string>>"},
                    {"Name": "b", "Type": "map<string,double>"},
                ],
                "Location": "s3://{bucket}/t/",
                "Compressed": False,
                "NumberOfBuckets": -1,
                "SerdeInfo": {"SerializationLibrary": PARQUET_SERDE, "Parameters": {"serialization.format": "1"}},
            },
        },
    ),
}


@pytest.mark.parametrize(("sql", "expected"), GLUE_TABLES.values(), ids=GLUE_TABLES)
def test_glue_sees_our_table(sql: str, expected: dict[str, Any], athena: Athena) -> None:
    athena.run(sql)
    table = athena.table("t")
    storage = {
        **expected["StorageDescriptor"],
        "Location": expected["StorageDescriptor"]["Location"].replace("{bucket}", athena.bucket),
    }
    assert {key: value for key, value in table.items() if key in expected} == {**expected, "StorageDescriptor": storage}
    assert (table["Name"], table["DatabaseName"], table["TableType"]) == ("t", athena.database, "EXTERNAL_TABLE")


@pytest.mark.parametrize("serde", [LAZY_SIMPLE_SERDE, OPEN_CSV_SERDE])
def test_table_made_by_glue_can_be_queried(serde: str, athena: Athena) -> None:
    """As a crawler or Terraform makes it: with other parameters, and upper case in names and types."""
    athena.put("t/y=2024/a.csv", "id,amount\n1,2.50\n")
    storage = {
        **TEXT_CLASSES,
        "Columns": [{"Name": "ID", "Type": "BIGINT"}, {"Name": "amount", "Type": "decimal(10,2)"}],
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {"field.delim": ",", "separatorChar": ","}},
    }
    athena.glue.create_table(
        DatabaseName=athena.database,
        TableInput={
            "Name": "t",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "csv", "skip.header.line.count": "1"},
            "PartitionKeys": [{"Name": "y", "Type": "int"}],
            "StorageDescriptor": {**storage, "Location": athena.location("t/")},
        },
    )
    athena.glue.create_partition(
        DatabaseName=athena.database,
        TableName="t",
        PartitionInput={"Values": ["2024"], "StorageDescriptor": {**storage, "Location": athena.location("t/y=2024/")}},
    )
    outcome = athena.run("SELECT * FROM t")
    assert outcome.columns == [("id", "bigint"), ("amount", "decimal(10,2)"), ("y", "integer")]
    assert outcome.rows == [["1", "2.50", "2024"]]


def test_drop_table_leaves_the_files(athena: Athena) -> None:
    athena.put("t/a.csv", "1\n")
    athena.run("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://{bucket}/t/'")
    athena.assert_fails(
        "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://{bucket}/t/'",
        f"TABLE_ALREADY_EXISTS: Table 'awsdatacatalog.{athena.database}.t' already exists",
    )
    athena.run("CREATE EXTERNAL TABLE IF NOT EXISTS t (b string) LOCATION 's3://{bucket}/other/'")
    assert athena.rows("SELECT a FROM t") == [["1"]]
    athena.run("DROP TABLE t")
    assert athena.tables() == []
    assert athena.keys("t/") == ["t/a.csv"]
    athena.assert_fails("DROP TABLE t", "TABLE_NOT_FOUND: ")
    athena.run("DROP TABLE IF EXISTS t")


REFUSED = {
    "CREATE EXTERNAL TABLE nosuch.t (a int) LOCATION 's3://{bucket}/t/'": "SCHEMA_NOT_FOUND: Schema 'nosuch' does not",
    "CREATE EXTERNAL TABLE t (a int) LOCATION 'http://x/'": "INVALID_TABLE_PROPERTY: not an S3 location: http://x/",
    "DESCRIBE nosuch": "TABLE_NOT_FOUND: Table 'awsdatacatalog.{db}.nosuch' does not exist",
    "SHOW COLUMNS IN nosuch": "TABLE_NOT_FOUND: ",
    "SHOW TABLES IN nosuch": "SCHEMA_NOT_FOUND: ",
    "SELECT * FROM elsewhere": "HIVE_FILESYSTEM_ERROR: The specified bucket does not exist",
    "SELECT * FROM json": "NOT_SUPPORTED: Table {db}.json: SerDe org.openx.data.jsonserde.JsonSerDe is not supported",
    "SELECT * FROM nested": "NOT_SUPPORTED: Column a: array<int> in a text file is not supported",
}


@pytest.mark.parametrize(("sql", "expected"), REFUSED.items(), ids=REFUSED)
def test_refused(sql: str, expected: str, athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE elsewhere (a int) LOCATION 's3://no-such-bucket-anywhere/t/'")
    athena.run(
        "CREATE EXTERNAL TABLE json (a int) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"
        " LOCATION 's3://{bucket}/json/'"
    )
    athena.run("CREATE EXTERNAL TABLE nested (a array<int>) LOCATION 's3://{bucket}/nested/'")
    athena.put("nested/a.txt", "1\n")
    athena.assert_fails(sql, expected.replace("{db}", athena.database))


def test_describe_and_show(athena: Athena) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE orders (id int COMMENT 'key', name string) PARTITIONED BY (year int)"
        " LOCATION 's3://{bucket}/orders/'"
    )
    athena.run("CREATE EXTERNAL TABLE other (a decimal(10,2)) LOCATION 's3://{bucket}/other/'")

    described = athena.run("DESCRIBE orders")
    assert described.columns == [("col_name", "string"), ("data_type", "string"), ("comment", "string")]
    cells = [[(field or "").strip() for field in line] for line in described.lines]
    assert cells == [
        ["id", "int", "key"],
        ["name", "string", ""],
        ["year", "int", ""],
        ["", "", ""],
        ["# Partition Information", "", ""],
        ["# col_name", "data_type", "comment"],
        ["", "", ""],
        ["year", "int", ""],
    ]
    assert [line[0] for line in athena.run("DESC {db}.other").lines] == ["a                   "]
    assert [str(name).strip() for name in athena.run("SHOW COLUMNS IN orders").text] == ["id", "name", "year"]
    assert athena.run("SHOW TABLES").text == ["orders", "other"]
    assert athena.run("SHOW TABLES IN {db} 'or*'").text == ["orders"]
    assert athena.run("SHOW TABLES 'x|other'").text == ["other"]
