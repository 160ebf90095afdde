"""File formats: what Glue calls them, and the DuckDB SQL that reads a table's files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from localstack_athena import types
from localstack_athena.catalog import Column, Table, TableFormat
from localstack_athena.errors import QueryFailedError, not_supported
from localstack_athena.text_rows import TextDialect

_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
LAZY_SIMPLE_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPEN_CSV_SERDE = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

# By the name after STORED AS and in CTAS's `format`.
STORED_AS = {
    "TEXTFILE": TableFormat(LAZY_SIMPLE_SERDE, _TEXT_INPUT, _TEXT_OUTPUT),
    "PARQUET": TableFormat(
        PARQUET_SERDE,
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
}

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # Hive knows no empty value either


@dataclass(frozen=True)
class PartFiles:
    """The local files of one partition, with its values; of the whole table, with none, when it has no partitions."""

    values: tuple[str, ...]
    files: tuple[Path, ...]


def text_dialect(table: Table) -> TextDialect | None:
    """How a text table's lines are split; None for a table of another format.

    Raises:
        QueryFailedError: NOT_SUPPORTED, the table's SerDe is not one of ours.
    """
    properties = table.format.serde_properties
    skipped = int(table.parameters.get("skip.header.line.count", "0"))
    if table.format.serde == LAZY_SIMPLE_SERDE:
        separator = properties.get("field.delim", properties.get("serialization.format", "\x01"))
        return TextDialect(
            separator="\x01" if separator == "1" else separator,
            quote="",
            escape=properties.get("escape.delim", ""),
            null=properties.get("serialization.null.format", r"\N"),
            skipped_lines=skipped,
        )
    if table.format.serde == OPEN_CSV_SERDE:
        return TextDialect(
            separator=properties.get("separatorChar", ","),
            quote=properties.get("quoteChar", '"'),
            escape=properties.get("escapeChar", "\\"),
            null=None,
            skipped_lines=skipped,
        )
    if table.format.serde == PARQUET_SERDE:
        return None
    raise not_supported(f"Table {table.name}: SerDe {table.format.serde or '(none)'} is not supported")


def text_scan(files: Iterable[Path], width: int, dialect: TextDialect) -> str:
    """The files as columns c0, c1, … of VARCHAR.

    Strict: DuckDB fails on a line that it would read otherwise than Hive does (text_rows.rewrite is for those).
    `null_padding` gives NULL for the fields that a short line lacks, and makes a line break inside quotes an error.
    """
    return _read_csv(
        files,
        width,
        delim=dialect.separator,
        quote=dialect.quote,
        escape=dialect.quote,
        nullstr="\\N\\N" if dialect.null is None else dialect.null,
        skip=dialect.skipped_lines,
        null_padding=True,
    )


def rewritten_scan(files: Iterable[Path], width: int) -> str:
    """Files that text_rows.rewrite wrote, as columns c0, c1, … of VARCHAR."""
    return _read_csv(files, width, delim=",", quote='"', escape='"', nullstr="", allow_quoted_nulls=False, skip=0)


def _read_csv(files: Iterable[Path], width: int, **options: str | int | bool) -> str:
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(width))
    given = ", ".join(f"{name} = {literal(value)}" for name, value in options.items())
    return f"read_csv({_file_list(files)}, auto_detect = false, header = false, columns = {{{columns}}}, {given})"


def parquet_scan(files: Iterable[Path]) -> str:
    """The files as the columns they hold."""
    return f"read_parquet({_file_list(files)}, union_by_name = true, hive_partitioning = false)"


def text_columns(table: Table) -> list[str]:
    """What selects the table's columns from a text scan, typed as its SerDe does."""
    convert = _lazy_value if table.format.serde == LAZY_SIMPLE_SERDE else _open_csv_value
    return [
        f"{convert(f'c{number}', column, number)} AS {quoted(column.name)}"
        for number, column in enumerate(table.columns)
    ]


def parquet_columns(table: Table, present: set[str]) -> list[str]:
    """What selects the table's columns from a Parquet scan; a column that no file holds is NULL."""
    return [
        f"CAST({quoted(column.name) if column.name in present else 'NULL'} AS {types.duckdb_type(column.type)})"
        f" AS {quoted(column.name)}"
        for column in table.columns
    ]


def partition_columns(table: Table, values: tuple[str, ...]) -> list[str]:
    """The partition's values as constant columns."""
    return [
        f"CAST({'NULL' if value == NULL_PARTITION else literal(value)} AS {types.duckdb_type(key.type)})"
        f" AS {quoted(key.name)}"
        for key, value in zip(table.partition_keys, values, strict=True)
    ]


def no_rows(table: Table) -> str:
    """SQL for a table without files."""
    columns = (
        f"CAST(NULL AS {types.duckdb_type(column.type)}) AS {quoted(column.name)}"
        for column in (*table.columns, *table.partition_keys)
    )
    return f"SELECT {', '.join(columns)} WHERE false"


def _lazy_value(field: str, column: Column, _number: int) -> str:
    """LazySimpleSerDe: a field that is not of the column's type is NULL."""
    kind = _scalar(column)
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return field
    duck = types.duckdb_type(column.type)
    if kind.is_type(exp.DataType.Type.BOOLEAN):  # DuckDB would take 1 and t as well
        return f"CASE upper({field}) WHEN 'TRUE' THEN true WHEN 'FALSE' THEN false END"
    if kind.is_type(exp.DataType.Type.TIMESTAMP):  # DuckDB would take 2024-01-31T10:00:00Z as well
        return f"CASE WHEN regexp_full_match({field}, {literal(_TIMESTAMP)}) THEN TRY_CAST({field} AS {duck}) END"
    if kind.is_type(*exp.DataType.INTEGER_TYPES):
        return _integer(field, duck)
    return f"TRY_CAST({field} AS {duck})"


def _open_csv_value(field: str, column: Column, number: int) -> str:
    """OpenCSVSerde: a field of another type fails the query; dates count days, timestamps milliseconds."""
    kind = _scalar(column)
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return field
    duck = types.duckdb_type(column.type)
    if kind.is_type(exp.DataType.Type.DATE):
        value = f"DATE '1970-01-01' + TRY_CAST({field} AS INTEGER)"
    elif kind.is_type(exp.DataType.Type.TIMESTAMP):
        value = f"make_timestamp(TRY_CAST({field} AS BIGINT) * 1000)"
    elif kind.is_type(*exp.DataType.INTEGER_TYPES):
        value = _integer(field, duck)
    else:
        value = f"TRY_CAST({field} AS {duck})"
    bad = f"'HIVE_BAD_DATA: Error parsing field value ''' || {field} || ''' for field {number}'"
    return f"CASE WHEN {field} IS NULL THEN NULL WHEN {value} IS NULL THEN error({bad}) ELSE {value} END"


_TIMESTAMP = r"\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,9})?)?"


def _integer(field: str, duck: str) -> str:
    """NULL for what is no integer; DuckDB would round 1.5."""
    return f"CASE WHEN regexp_full_match({field}, '[+-]?[0-9]+') THEN TRY_CAST({field} AS {duck}) END"


def check_fits_text(column: Column) -> None:
    """Raise NOT_SUPPORTED for a column of a nested type, which this engine neither reads nor writes as text."""
    _scalar(column)


def _scalar(column: Column) -> exp.DataType:
    kind = types.from_hive(column.type)
    if kind.is_type(*exp.DataType.NESTED_TYPES):
        raise not_supported(f"Column {column.name}: {column.type} in a text file is not supported")
    return kind


def glue_properties(format_name: str, separator: str | None) -> TableFormat:
    """The formats that CTAS writes, as Glue stores them.

    Raises:
        QueryFailedError: a format that the engine does not write.
    """
    try:
        stored = STORED_AS[format_name.upper()]
    except KeyError:
        raise QueryFailedError(
            "INVALID_TABLE_PROPERTY", f"Unsupported format {format_name}; this engine writes {', '.join(STORED_AS)}"
        ) from None
    if stored.serde != LAZY_SIMPLE_SERDE:
        return TableFormat(
            stored.serde, stored.input_format, stored.output_format, serde_properties={"serialization.format": "1"}
        )
    properties = {"field.delim": separator or "\x01", "serialization.format": separator or "\x01"}
    return TableFormat(stored.serde, stored.input_format, stored.output_format, serde_properties=properties)


def _file_list(files: Iterable[Path]) -> str:
    return "[" + ", ".join(literal(str(file)) for file in files) + "]"


def quoted(identifier: str) -> str:
    """An identifier in DuckDB SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str | int) -> str:
    """A string, number or truth value in DuckDB SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
