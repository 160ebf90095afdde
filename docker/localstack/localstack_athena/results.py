"""Results: rows as Athena writes and returns them, column metadata, manifests and pages."""

import json
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from duckdb import sqltypes

from localstack_athena import types
from localstack_athena.text_rows import csv_line

_FETCH_ROWS = 10_000
Format = Callable[[Any], str]


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result, as ResultSetMetadata describes it."""

    name: str
    type: types.ResultType

    def to_column_info(self) -> dict[str, Any]:
        """The column as GetQueryResults and the .metadata file give it."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type.name,
            "Precision": self.type.precision,
            "Scale": self.type.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type.name in ("varchar", "char"),
        }


def text_column(name: str) -> ResultColumn:
    """A column of a SHOW or DESCRIBE."""
    return ResultColumn(name, types.ResultType("string", 0, 0))


def columns_of(relation: duckdb.DuckDBPyRelation) -> tuple[ResultColumn, ...]:
    """The result columns of a query."""
    return tuple(
        ResultColumn(name, types.result_type(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)
    )


def write_csv(relation: duckdb.DuckDBPyRelation, file: Path) -> int:
    """Write the rows as Athena's result file: a header, every value quoted, NULL the empty unquoted field.

    Returns:
        How many rows.
    """
    formats = [_format(kind) for kind in relation.types]
    count = 0
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(csv_line(relation.columns))
        while rows := relation.fetchmany(_FETCH_ROWS):
            count += len(rows)
            out.writelines(
                csv_line([None if value is None else show(value) for show, value in zip(formats, row, strict=True)])
                for row in rows
            )
    return count


_CSV_FIELD = re.compile(r'(?:"((?:[^"]|"")*)")?([,\n])')


def read_csv(text: str) -> Iterator[list[str | None]]:
    """The rows of a file that write_csv wrote, the header first."""
    row: list[str | None] = []
    for field in _CSV_FIELD.finditer(text):
        value = field[1]
        row.append(None if value is None else value.replace('""', '"'))
        if field[2] == "\n":
            yield row
            row = []


def read_text(text: str, width: int) -> Iterator[list[str | None]]:
    """The rows of a .txt result: a line each, its fields apart by tabs."""
    for line in text.splitlines():
        yield list(line.split("\t", width - 1))


def metadata(columns: Iterable[ResultColumn]) -> str:
    """The .metadata file: the ColumnInfo structures as JSON, for Athena's own binary form has no documentation."""
    return json.dumps({"ColumnInfo": [column.to_column_info() for column in columns]})


def _format(kind: sqltypes.DuckDBPyType) -> Format:
    """What turns a Python value of a DuckDB type into Athena's text for it."""
    nested = types.members(kind)
    if kind.id == "list":
        element = _format_or_null(nested["child"])
        return lambda values: "[" + ", ".join(map(element, values)) + "]"
    if kind.id == "map":
        key, value = _format_or_null(nested["key"]), _format_or_null(nested["value"])
        return lambda values: "{" + ", ".join(f"{key(one)}={value(other)}" for one, other in values.items()) + "}"
    if kind.id == "struct":
        members = {name: _format_or_null(member) for name, member in nested.items()}
        return lambda values: "{" + ", ".join(f"{name}={show(values[name])}" for name, show in members.items()) + "}"
    return _SCALARS.get(kind.id, str)


def _format_or_null(kind: sqltypes.DuckDBPyType) -> Format:
    show = _format(kind)
    return lambda value: "null" if value is None else show(value)


def java_double(value: float) -> str:
    """Show a double as Java does: `1.0E7` from ten million on and below a thousandth, else `12.5`."""
    return _java_number(value, repr(value))


def _java_float(value: float) -> str:
    """Show a 32-bit float likewise: as few digits as tell it from its neighbors."""
    for digits in range(6, 10):
        shown = f"{value:.{digits}g}"
        if struct.pack("f", float(shown)) == struct.pack("f", value):
            break
    return _java_number(value, repr(float(shown)))


def _java_number(value: float, shortest: str) -> str:
    if value != value:  # noqa: PLR0124  # the one value that is not itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004  # Java's Double.toString
        return format(Decimal(shortest), "f") if "e" in shortest else shortest
    sign, digits, exponent = Decimal(shortest).normalize().as_tuple()
    mantissa = "".join(map(str, digits))
    return f"{'-' if sign else ''}{mantissa[0]}.{mantissa[1:] or '0'}E{int(exponent) + len(mantissa) - 1}"


def _milliseconds(value: datetime | time) -> str:
    return f"{value.microsecond // 1000:03d}"


def _interval(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta() else ("", value)
    seconds, milliseconds = value.seconds, value.microseconds // 1000
    return f"{sign}{value.days} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{milliseconds:03d}"


def _timestamp(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{_milliseconds(value)}"


_SCALARS: dict[str, Format] = {
    "boolean": lambda value: "true" if value else "false",
    "double": java_double,
    "float": _java_float,
    "decimal": lambda value: format(value, "f"),
    "date": date.isoformat,
    "time": lambda value: f"{value:%H:%M:%S}.{_milliseconds(value)}",
    "interval": _interval,
    "timestamp": _timestamp,
    "timestamp with time zone": lambda value: f"{_timestamp(value)} UTC",
    "blob": lambda value: value.hex(" "),
}
