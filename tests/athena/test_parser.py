"""Each form of statement to its typed object, and each mistake to its place."""

import pytest
from localstack_athena import parser
from localstack_athena.catalog import Column, Table, TableFormat, TableName
from localstack_athena.errors import QueryFailedError
from localstack_athena.formats import LAZY_SIMPLE_SERDE, OPEN_CSV_SERDE, STORED_AS
from localstack_athena.statements import (
    AddPartitions,
    CreateDatabase,
    CreateExternalTable,
    CreateTableAs,
    CtasProperties,
    Describe,
    DropDatabase,
    DropPartitions,
    DropTable,
    RepairTable,
    Select,
    ShowColumns,
    ShowDatabases,
    ShowPartitions,
    ShowTables,
    Statement,
)

T = TableName("db", "t")

STATEMENTS: dict[str, Statement] = {
    "CREATE DATABASE a": CreateDatabase("a", if_not_exists=False),
    "create schema if not exists `A-b`": CreateDatabase("a-b", if_not_exists=True),
    "CREATE DATABASE a COMMENT 'it\\'s' LOCATION 's3://b/' WITH DBPROPERTIES ('k'='v', 'l'='w')": CreateDatabase(
        "a", if_not_exists=False, comment="it's", location="s3://b/", properties={"k": "v", "l": "w"}
    ),
    "DROP DATABASE a": DropDatabase("a", if_exists=False, cascade=False),
    "DROP SCHEMA IF EXISTS a CASCADE": DropDatabase("a", if_exists=True, cascade=True),
    "DROP DATABASE a RESTRICT": DropDatabase("a", if_exists=False, cascade=False),
    "DROP TABLE t": DropTable(T, if_exists=False),
    "drop table if exists `x`.`T` ;": DropTable(TableName("x", "t"), if_exists=True),
    "DROP TABLE awsdatacatalog.x.t PURGE": DropTable(TableName("x", "t"), if_exists=False),
    "MSCK REPAIR TABLE t": RepairTable(T),
    "msck  repair\n\ttable `x`.t;;": RepairTable(TableName("x", "t")),
    "ALTER TABLE t ADD PARTITION (a='1', b = 2)": AddPartitions(
        T, (({"a": "1", "b": "2"}, None),), if_not_exists=False
    ),
    "ALTER TABLE x.t ADD IF NOT EXISTS PARTITION (a='1') LOCATION 's3://b/1/' PARTITION (a='2')": AddPartitions(
        TableName("x", "t"), (({"a": "1"}, "s3://b/1/"), ({"a": "2"}, None)), if_not_exists=True
    ),
    "ALTER TABLE t DROP PARTITION (a='1')": DropPartitions(T, ({"a": "1"},), if_exists=False),
    "ALTER TABLE t DROP IF EXISTS PARTITION (a='1'), PARTITION (a='2')": DropPartitions(
        T, ({"a": "1"}, {"a": "2"}), if_exists=True
    ),
    "SHOW DATABASES": ShowDatabases(None),
    "SHOW SCHEMAS LIKE 'a*|b'": ShowDatabases("a*|b"),
    "SHOW TABLES": ShowTables("db", None),
    "SHOW TABLES IN x 'o*'": ShowTables("x", "o*"),
    "/* first */ show tables -- last": ShowTables("db", None),
    "SHOW PARTITIONS t": ShowPartitions(T),
    "SHOW COLUMNS IN x.t": ShowColumns(TableName("x", "t")),
    "SHOW COLUMNS FROM t IN x": ShowColumns(TableName("x", "t")),
    "DESCRIBE t": Describe(T),
    "DESC `x`.`t`": Describe(TableName("x", "t")),
}


@pytest.mark.parametrize(("sql", "expected"), STATEMENTS.items(), ids=STATEMENTS)
def test_hive_statement_becomes_its_object(sql: str, expected: Statement) -> None:
    assert parser.parse(sql, "db", []) == expected


TEXT, PARQUET = STORED_AS["TEXTFILE"], STORED_AS["PARQUET"]
COMMA = {"field.delim": ",", "serialization.format": ","}


def _text(serde: str = LAZY_SIMPLE_SERDE, **properties: str) -> TableFormat:
    return TableFormat(serde, TEXT.input_format, TEXT.output_format, {"serialization.format": "1", **properties})


FORMATS: dict[str, TableFormat] = {
    "": _text(),
    "STORED AS TEXTFILE": _text(),
    "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','": _text(**COMMA),
    "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
    " NULL DEFINED AS ''": _text(
        **{
            "field.delim": "\t",
            "serialization.format": "\t",
            "escape.delim": "\\",
            "line.delim": "\n",
            "serialization.null.format": "",
        }
    ),
    "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\001' COLLECTION ITEMS TERMINATED BY '|'"
    " MAP KEYS TERMINATED BY ':'": _text(
        **{"field.delim": "\x01", "serialization.format": "\x01", "collection.delim": "|", "mapkey.delim": ":"}
    ),
    f"ROW FORMAT SERDE '{OPEN_CSV_SERDE}'": _text(OPEN_CSV_SERDE),
    f"row format serde '{OPEN_CSV_SERDE}' with serdeproperties ('separatorChar'=';', 'quoteChar'='\"',"
    " 'escapeChar'='\\\\') stored as textfile": _text(
        OPEN_CSV_SERDE, separatorChar=";", quoteChar='"', escapeChar="\\"
    ),
    "STORED AS PARQUET": TableFormat(
        PARQUET.serde, PARQUET.input_format, PARQUET.output_format, {"serialization.format": "1"}
    ),
    f"ROW FORMAT SERDE '{PARQUET.serde}' STORED AS INPUTFORMAT 'in.Put' OUTPUTFORMAT 'out.Put'": TableFormat(
        PARQUET.serde, "in.Put", "out.Put"
    ),
}


@pytest.mark.parametrize(("clause", "expected"), FORMATS.items(), ids=FORMATS)
def test_table_format(clause: str, expected: TableFormat) -> None:
    statement = parser.parse(f"CREATE EXTERNAL TABLE t (a int) {clause} LOCATION 's3://b/t/'", "db", [])
    assert isinstance(statement, CreateExternalTable)
    assert statement.table.format == expected


def test_external_table_with_every_clause() -> None:
    sql = """
    create external table if not exists `x`.`Sales` ( -- the columns
        `Id` INT COMMENT 'the key', name string, price DECIMAL(18, 2), /* nested: */ tags array<string>,
        more map<string,array<int>>, who struct<name:string, address:struct<city:string,zip:int>>, c char(3),
        v varchar(10), d decimal, ts timestamp
    )
    COMMENT 'all sales' PARTITIONED BY (year int, `Month` string COMMENT 'two digits')
    ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE
    LOCATION 's3://b/sales/'
    TBLPROPERTIES ('skip.header.line.count'='1', 'a'='b;c')
    ;
    """
    assert parser.parse(sql, "db", []) == CreateExternalTable(
        Table(
            TableName("x", "sales"),
            columns=(
                Column("id", "int", "the key"),
                Column("name", "string"),
                Column("price", "decimal(18,2)"),
                Column("tags", "array<string>"),
                Column("more", "map<string,array<int>>"),
                Column("who", "struct<name:string,address:struct<city:string,zip:int>>"),
                Column("c", "char(3)"),
                Column("v", "varchar(10)"),
                Column("d", "decimal"),
                Column("ts", "timestamp"),
            ),
            partition_keys=(Column("year", "int"), Column("month", "string", "two digits")),
            location="s3://b/sales/",
            format=_text(**COMMA),
            parameters={"EXTERNAL": "TRUE", "skip.header.line.count": "1", "a": "b;c"},
            comment="all sales",
        ),
        if_not_exists=True,
    )


CREATED_AS = {
    "CREATE TABLE t AS SELECT 1 AS a": (T, CtasProperties(), False, True),
    "create table if not exists x.t as with a as (select 1 as b) select b from a": (
        TableName("x", "t"), CtasProperties(), True, True,
    ),
    'CREATE TABLE "awsdatacatalog"."X"."T" AS (SELECT 1 AS a) WITH NO DATA': (
        TableName("x", "t"), CtasProperties(), False, False,
    ),
    "CREATE TABLE t AS SELECT 1 AS a WITH DATA": (T, CtasProperties(), False, True),
    "CREATE TABLE t WITH (format = 'parquet', write_compression = 'snappy', external_location = 's3://b/t/',"
    " partitioned_by = ARRAY['Year', 'month']) AS SELECT 1 AS a, 2 AS year, 3 AS month": (
        T,
        CtasProperties("PARQUET", "SNAPPY", "s3://b/t/", ("year", "month")),
        False,
        True,
    ),
    "CREATE TABLE t WITH (format='TEXTFILE', field_delimiter='\\') AS SELECT '\\' AS a": (
        T, CtasProperties("TEXTFILE", field_delimiter="\\"), False, True,
    ),
    "CREATE TABLE t WITH (parquet_compression='ZSTD') AS SELECT 1 AS a": (
        T, CtasProperties(write_compression="ZSTD"), False, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), CREATED_AS.items(), ids=CREATED_AS)
def test_create_table_as(sql: str, expected: tuple[TableName, CtasProperties, bool, bool]) -> None:
    statement = parser.parse(sql, "db", [])
    assert isinstance(statement, CreateTableAs)
    assert (statement.table, statement.properties, statement.if_not_exists, statement.with_data) == expected


QUERIES = [
    "SELECT 1",
    "select a from t;",
    "  \n SELECT 1 -- ;",
    "/* a; */ SELECT ';'",
    "(SELECT 1)",
    "VALUES 1, 2",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "SELECT '\\'",
    "SELECT 'show', \"drop\" FROM t",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_query(sql: str) -> None:
    assert isinstance(parser.parse(sql, "db", []), Select)


def test_parameters_take_their_places() -> None:
    statement = parser.parse("SELECT ? FROM t WHERE a = ? AND b > ?", "db", ["'it''s'", "-5", "DATE '2024-01-31'"])
    assert isinstance(statement, Select)
    assert statement.query.sql("trino") == "SELECT 'it''s' FROM t WHERE a = -5 AND b > CAST('2024-01-31' AS DATE)"


# The statement, and the line and column of what is wrong with it, both from 1.
SYNTAX_ERRORS = {
    "": (1, 1, "<EOF>"),
    " ;": (1, 1, "<EOF>"),
    "-- nothing": (1, 1, "<EOF>"),
    "SELEC 1": (1, 1, "SELEC"),
    "  SELEC 1": (1, 3, "SELEC"),
    "SELECT": (1, 7, "<EOF>"),
    "SELECT 1 FROM": (1, 14, "<EOF>"),
    "SELECT FROM t": (1, 8, "FROM"),
    "SELECT a, FROM t": (1, 11, "FROM"),
    "SELECT a,, b FROM t": (1, 10, ","),
    "SELECT (1": (1, 10, "<EOF>"),
    "SELECT 1)": (1, 9, ")"),
    "SELECT\n  a\n  b c\nFROM t": (3, 5, "c"),
    "SELECT a FROM t WHERE": (1, 22, "<EOF>"),
    "SELECT a FROM t GROUP BY": (1, 25, "<EOF>"),
    "SELECT a FROM t WHERE a = ORDER BY 1": (1, 27, "ORDER BY"),
    "SELECT 1 1": (1, 10, "1"),
    "WITH a AS SELECT 1": (1, 11, "SELECT"),
    "SELECT 'a": (1, 8, None),
    'SELECT "a': (1, 8, None),
    "SELECT 1 /* open": (1, 10, None),
    "GRANT ALL ON t TO me": (1, 1, "GRANT"),
    "SHOW": (1, 5, "<EOF>"),
    "SHOW ROLES": (1, 6, "ROLES"),
    "DROP TABLE": (1, 11, "<EOF>"),
    "DROP TABLE 't'": (1, 12, "t"),
    "DROP TABLE t u": (1, 14, "u"),
    "CREATE DATABASE": (1, 16, "<EOF>"),
    "CREATE EXTERNAL TABLE t a int": (1, 25, "a"),
    "CREATE EXTERNAL TABLE t (a int": (1, 31, "<EOF>"),
    "CREATE EXTERNAL TABLE t (\n  a foo bar\n) LOCATION 's3://b/'": (2, 5, None),
    "CREATE EXTERNAL TABLE t (a int)": (1, 32, "<EOF>"),
    "CREATE EXTERNAL TABLE t (a int)\nLOCATION s3": (2, 10, "s3"),
    "CREATE EXTERNAL TABLE t (a int) STORED PARQUET LOCATION 's3://b/'": (1, 33, "STORED"),
    "ALTER TABLE t ADD PARTITION (a)": (1, 31, ")"),
    "MSCK REPAIR t": (1, 13, "t"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), SYNTAX_ERRORS.items(), ids=SYNTAX_ERRORS)
def test_syntax_error_has_its_place(sql: str, expected: tuple[int, int, str | None]) -> None:
    line, column, found = expected
    with pytest.raises(QueryFailedError) as failure:
        parser.parse(sql, "db", [])
    assert failure.value.name == "SYNTAX_ERROR"
    assert failure.value.position == (line, column)
    if found:
        assert f"mismatched input '{found}'" in failure.value.detail


OTHER_ERRORS = {
    "SELECT 1; SELECT 2": "SYNTAX_ERROR: Only one sql statement is allowed",
    "DROP TABLE t; DROP TABLE u": "SYNTAX_ERROR: Only one sql statement is allowed",
    "SELECT nosuch(1)": "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered",
    "SELECT a,\n  nosuch(b) FROM t": "FUNCTION_NOT_FOUND: line 2:3: Function 'nosuch' not registered",
    "SELECT ?": "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0",
    "DROP TABLE other.db.t": "CATALOG_NOT_FOUND: Catalog 'other' does not exist",
    "CREATE TABLE t (a int)": "NOT_SUPPORTED: CREATE TABLE without EXTERNAL",
    "CREATE VIEW v AS SELECT 1": "NOT_SUPPORTED: CREATE VIEW",
    "INSERT INTO t SELECT 1": "NOT_SUPPORTED: INSERT",
    "EXPLAIN SELECT 1": "NOT_SUPPORTED: EXPLAIN",
    "ALTER TABLE t ADD COLUMNS (a int)": "NOT_SUPPORTED: ALTER TABLE",
    "CREATE EXTERNAL TABLE t (a int) STORED AS AVRO LOCATION 's3://b/'": "NOT_SUPPORTED: STORED AS AVRO",
    "CREATE EXTERNAL TABLE t (a int, A string) LOCATION 's3://b/'": "DUPLICATE_COLUMN_NAME: Column name 'a'",
    "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (a int) LOCATION 's3://b/'": "DUPLICATE_COLUMN_NAME: ",
    "CREATE TABLE t WITH (nosuch = 'x') AS SELECT 1 AS a": "INVALID_TABLE_PROPERTY: Table property 'nosuch'",
    "CREATE TABLE t WITH (format = 5) AS SELECT 1 AS a": "INVALID_TABLE_PROPERTY: Invalid value for table property",
    "CREATE OR REPLACE TABLE t AS SELECT 1 AS a": "SYNTAX_ERROR: line 1:8: mismatched input 'OR'",
}


@pytest.mark.parametrize(("sql", "expected"), OTHER_ERRORS.items(), ids=OTHER_ERRORS)
def test_other_error(sql: str, expected: str) -> None:
    with pytest.raises(QueryFailedError) as failure:
        parser.parse(sql, "db", [])
    assert failure.value.reason.startswith(expected)


@pytest.mark.parametrize(
    "parameters", [[], ["1", "2"], ["nosuch"], ["(SELECT 1)"], ["read_text('/etc/passwd')"], ["1, 2"], ["1) FROM t --"]]
)
def test_bad_parameters(parameters: list[str]) -> None:
    with pytest.raises(QueryFailedError) as failure:
        parser.parse("SELECT ?", "db", parameters)
    assert failure.value.name in ("INVALID_PARAMETER_USAGE", "SYNTAX_ERROR")
