"""Column types: as Hive writes them, as DuckDB does, and as Athena names them in a result."""

from typing import NamedTuple, cast

import sqlglot
from duckdb import sqltypes
from sqlglot import exp

from localstack_athena.errors import QueryFailedError


class ResultType(NamedTuple):
    """One column's type in ResultSetMetadata: its name and the two numbers that JDBC clients read."""

    name: str
    precision: int
    scale: int


# DuckDB's type id to Athena's name with precision and scale, as Athena's ColumnInfo gives them.
_RESULT_TYPES = {
    "boolean": ResultType("boolean", 0, 0),
    "tinyint": ResultType("tinyint", 3, 0),
    "smallint": ResultType("smallint", 5, 0),
    "integer": ResultType("integer", 10, 0),
    "bigint": ResultType("bigint", 19, 0),
    "float": ResultType("float", 17, 0),
    "double": ResultType("double", 17, 0),
    "varchar": ResultType("varchar", 2147483647, 0),
    "blob": ResultType("varbinary", 1073741824, 0),
    "date": ResultType("date", 0, 0),
    "time": ResultType("time", 3, 0),
    "timestamp": ResultType("timestamp", 3, 0),
    "timestamp with time zone": ResultType("timestamp with time zone", 3, 0),
    "interval": ResultType("interval day to second", 0, 0),
    "list": ResultType("array", 0, 0),
    "map": ResultType("map", 0, 0),
    "struct": ResultType("row", 0, 0),
}

# What DuckDB computes wider or finer than Trino does: a sum of integers is a HUGEINT there and a bigint in Athena.
_NARROWED = {
    "hugeint": "BIGINT",
    "uhugeint": "BIGINT",
    "ubigint": "BIGINT",
    "uinteger": "BIGINT",
    "usmallint": "INTEGER",
    "utinyint": "SMALLINT",
    "timestamp_s": "TIMESTAMP",
    "timestamp_ms": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP",
}


def narrowed(duck_type: sqltypes.DuckDBPyType) -> str | None:
    """The DuckDB type to cast a result column to, or None when Athena knows its type."""
    return _NARROWED.get(duck_type.id)


def result_type(duck_type: sqltypes.DuckDBPyType) -> ResultType:
    """What GetQueryResults calls a column of `duck_type`."""
    if duck_type.id == "decimal":
        precision, scale = (cast("int", size) for _, size in duck_type.children)
        return ResultType("decimal", precision, scale)
    return _RESULT_TYPES.get(duck_type.id, ResultType("varchar", 2147483647, 0))


def members(duck_type: sqltypes.DuckDBPyType) -> dict[str, sqltypes.DuckDBPyType]:
    """The types within a nested one: `child` of a list, `key` and `value` of a map, the fields of a struct."""
    if duck_type.id not in ("list", "map", "struct"):
        return {}
    return {name: cast("sqltypes.DuckDBPyType", member) for name, member in duck_type.children}


def hive_type(duck_type: sqltypes.DuckDBPyType) -> str:
    """The Glue column type of a CTAS column, such as `decimal(18,2)` or `array<string>`.

    Raises:
        QueryFailedError: the type cannot be stored in a Hive table.
    """
    parsed = sqlglot.parse_one(str(duck_type), into=exp.DataType, dialect="duckdb")
    if parsed.is_type(exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIME):
        raise QueryFailedError("NOT_SUPPORTED", f"Unsupported Hive type: {result_type(duck_type).name}")
    return hive_text(parsed)


def hive_text(data_type: exp.DataType) -> str:
    """A parsed type as Glue stores it: lower case, no blanks."""
    return data_type.sql("hive").lower().replace(": ", ":").replace(", ", ",")


def from_hive(hive: str) -> exp.DataType:
    """A Glue column type parsed.

    Raises:
        QueryFailedError: Glue holds a type that Hive does not know.
    """
    try:
        return exp.DataType.build(hive, dialect="hive")
    except sqlglot.ParseError as error:
        raise QueryFailedError("HIVE_METASTORE_ERROR", f"Unknown column type in the catalog: {hive}") from error


def duckdb_type(hive: str) -> str:
    """The DuckDB type that holds the values of a Glue column type."""
    parsed = from_hive(hive)
    if parsed.is_type(exp.DataType.Type.DECIMAL) and not parsed.expressions:
        return "DECIMAL(10, 0)"  # Hive's default; DuckDB's is (18, 3)
    return parsed.sql("duckdb")
