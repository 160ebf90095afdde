"""Athena's query errors: names, categories, types, and DuckDB's errors told in Athena's words."""

import re
from enum import IntEnum
from typing import NamedTuple

import duckdb
from sqlglot import exp


class ErrorCategory(IntEnum):
    """Whose fault a failed query is (docs.aws.amazon.com/athena/latest/ug/error-reference.html)."""

    SYSTEM = 1
    USER = 2


class Position(NamedTuple):
    """A place in the statement's text, both counted from 1."""

    line: int
    column: int


# ErrorType by error name, from Athena's error catalog; a name that is missing here is 1000, "user error".
_USER_ERROR = 1000
_ERROR_TYPES = {
    "GENERIC_INTERNAL_ERROR": 100,
    "HIVE_METASTORE_ERROR": 204,
    "RESULT_NOT_WRITTEN": 401,
    "HIVE_BAD_DATA": 1001,
    "HIVE_CURSOR_ERROR": 1001,
    "SYNTAX_ERROR": 1006,
    "NOT_SUPPORTED": 1006,
    "HIVE_FILESYSTEM_ERROR": 1306,
}
_SYSTEM_ERRORS = {"GENERIC_INTERNAL_ERROR", "HIVE_METASTORE_ERROR", "RESULT_NOT_WRITTEN"}


class QueryFailedError(Exception):
    """A query that ended in state FAILED, with the facts that GetQueryExecution reports."""

    def __init__(self, name: str, detail: str, position: Position | None = None) -> None:
        super().__init__(name, detail, position)
        self.name = name
        self.detail = detail
        self.position = position

    @property
    def reason(self) -> str:
        """StateChangeReason, such as `COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved`."""
        place = f"line {self.position.line}:{self.position.column}: " if self.position else ""
        return f"{self.name}: {place}{self.detail}"

    @property
    def category(self) -> ErrorCategory:
        """Whether the user or the lab is at fault."""
        return ErrorCategory.SYSTEM if self.name in _SYSTEM_ERRORS else ErrorCategory.USER

    @property
    def error_type(self) -> int:
        """AthenaError.ErrorType."""
        return _ERROR_TYPES.get(self.name, _USER_ERROR)


class QueryCancelledError(Exception):
    """StopQueryExecution reached the query before it ended."""


def syntax_error(detail: str, position: Position | None = None) -> QueryFailedError:
    """A statement that is not Athena SQL."""
    return QueryFailedError("SYNTAX_ERROR", detail, position)


def not_supported(detail: str) -> QueryFailedError:
    """A statement that Athena knows and this engine does not."""
    return QueryFailedError("NOT_SUPPORTED", detail)


def position_of(node: exp.Expression | None) -> Position | None:
    """Where `node` starts in the statement's text; sqlglot notes the last column of a word and its two offsets."""
    metas = (part.meta for part in node.walk()) if node else ()
    places = (Position(meta["line"], meta["col"] - (meta["end"] - meta["start"])) for meta in metas if "line" in meta)
    return min(places, default=None)


def from_duckdb(error: duckdb.Error, query: exp.Expression) -> QueryFailedError:
    """DuckDB's complaint about the rewritten `query` as the error Athena gives for the original one."""
    message = str(error).split("\n\nLINE ")[0]
    summary = message.split("\n", maxsplit=1)[0].partition(": ")[2] or message
    return _by_message(summary, query) or _by_class(error, summary)


def _by_message(summary: str, query: exp.Expression) -> QueryFailedError | None:
    if raised := re.match(r"([A-Z]+(?:_[A-Z]+)+): (.*)", summary):  # by a macro of ours, named already
        return QueryFailedError(raised[1], raised[2])
    for pattern in _UNRESOLVED:
        if column := re.search(pattern, summary):
            return _column_not_found(column[1], query)
    if column := re.search(r'column "?([^" ]+)"? must appear in the GROUP BY', summary):
        return QueryFailedError(
            "EXPRESSION_NOT_AGGREGATE",
            f"'{column[1]}' must be an aggregate expression or appear in GROUP BY clause",
            position_of(_find_column(column[1], query)),
        )
    for pattern, name, detail in _BY_MESSAGE:
        if found := re.search(pattern, summary):
            return QueryFailedError(
                name, re.sub(r"\w+", lambda word: _TYPE_NAMES.get(word[0], word[0]), found.expand(detail))
            )
    return None


def _by_class(error: duckdb.Error, summary: str) -> QueryFailedError:
    names = (name for kind, name in _BY_CLASS.items() if isinstance(error, kind))
    return QueryFailedError(next(names, "GENERIC_INTERNAL_ERROR"), summary)


_UNRESOLVED = [
    r'Referenced column "([^"]+)" (?:was )?not found',
    r'Referenced table "([^"]+)" not found',
    r'does not have a column named "([^"]+)"',
]
# Trino's words for the types that DuckDB's errors name otherwise.
_TYPE_NAMES = {
    "BOOL": "BOOLEAN",
    "INT16": "SMALLINT",
    "INT32": "INT",
    "INT64": "BIGINT",
    "INT8": "TINYINT",
    "INTEGER_LITERAL": "integer",
    "STRING_LITERAL": "varchar",
}
# DuckDB's first line, the error's name and its words.
_BY_MESSAGE = [
    (r'Ambiguous reference to column name "([^"]+)"', "AMBIGUOUS_NAME", r"Column '\1' is ambiguous"),
    (
        r"""Could not convert string ['"](.*)['"] to (\w+(?:\(.*\))?)""",
        "INVALID_CAST_ARGUMENT",
        r"Cannot cast '\1' to \2",
    ),
    (
        r'(date|timestamp) field (?:value out of range|format): "([^"]*)"',
        "INVALID_CAST_ARGUMENT",
        r"Value cannot be cast to \1: \2",
    ),
    (
        r"No function matches the given name and argument types '(\w+)\((.*)\)'",
        "FUNCTION_NOT_FOUND",
        r"Unexpected parameters (\2) for function \1",
    ),
    (r"Overflow in (\w+) of (\w+) \((.*)\)!", "NUMERIC_VALUE_OUT_OF_RANGE", r"\2 \1 overflow: \3"),
    (r"Date out of range: (.*)", "INVALID_FUNCTION_ARGUMENT", r"Date out of range: \1"),
    (r"with value (\S+) can't be cast .* out of range", "NUMERIC_VALUE_OUT_OF_RANGE", r"Out of range: \1"),
    (
        r'Could not choose a best candidate function for the function call "([^"]+)"',
        "TYPE_MISMATCH",
        r"Cannot apply operator or function: \1",
    ),
]
# Subclasses before their bases.
_BY_CLASS: dict[type[duckdb.Error], str] = {
    duckdb.OutOfMemoryException: "EXCEEDED_LOCAL_MEMORY_LIMIT",
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
    duckdb.TypeMismatchException: "TYPE_MISMATCH",
    duckdb.PermissionException: "PERMISSION_DENIED",
    duckdb.ParserException: "SYNTAX_ERROR",
    duckdb.BinderException: "TYPE_MISMATCH",
    duckdb.CatalogException: "TABLE_NOT_FOUND",
    duckdb.InvalidInputException: "INVALID_FUNCTION_ARGUMENT",
    duckdb.NotImplementedException: "NOT_SUPPORTED",
}


def _column_not_found(name: str, query: exp.Expression) -> QueryFailedError:
    column = _find_column(name, query)
    written = ".".join(part.name for part in column.parts) if column else name
    detail = f"Column '{written}' cannot be resolved or requester is not authorized to access requested resources"
    return QueryFailedError("COLUMN_NOT_FOUND", detail, position_of(column))


def _find_column(name: str, query: exp.Expression) -> exp.Column | None:
    wanted = name.lower()
    for column in query.find_all(exp.Column):
        if wanted in (column.name.lower(), column.table.lower(), f"{column.table}.{column.name}".lower()):
            return column
    return None
