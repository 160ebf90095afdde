"""The engine: one query in one DuckDB connection that can reach nothing but the files of the query's tables."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from localstack_athena import formats, macros, text_rows, trino_sql, types
from localstack_athena.catalog import Table, TableName
from localstack_athena.errors import QueryCancelledError, from_duckdb
from localstack_athena.formats import PartFiles, literal, quoted
from localstack_athena.text_rows import TextDialect

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": False,  # a table name must never mean a variable of this process
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "4GB",
}


class Cancellation:
    """A query's stop signal: set once by StopQueryExecution, minded by whatever the query is doing."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._finished = threading.Event()
        self._interrupts: list[Callable[[], None]] = []

    def request(self) -> None:
        """Ask the query to stop, and go on asking: DuckDB forgets an interrupt that arrives between two statements."""
        self._requested.set()
        threading.Thread(target=self._insist, name="athena-cancel", daemon=True).start()

    def _insist(self) -> None:
        while not self._finished.wait(0.05):
            for interrupt in list(self._interrupts):
                interrupt()

    def check(self) -> None:
        """Raise QueryCancelledError when the query was asked to stop."""
        if self._requested.is_set():
            raise QueryCancelledError

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Within the block, a request calls `interrupt` as well."""
        self._interrupts.append(interrupt)
        try:
            yield
        finally:
            self._interrupts.remove(interrupt)

    def finish(self) -> None:
        """The query has ended, whichever way."""
        self._finished.set()

    def finished_within(self, seconds: float) -> bool:
        """Wait for the query's end, at most so long; whether it has come."""
        return self._finished.wait(seconds)


@dataclass(frozen=True)
class TableFiles:
    """A table with the local copies of its files; one part without values when it has no partitions."""

    table: Table
    parts: tuple[PartFiles, ...]


class Session:
    """One query's connection: first the tables are added, then the engine locks it, then the query runs."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cancellation: Cancellation) -> None:
        self._connection = connection
        self._cancellation = cancellation

    def add_table(self, files: TableFiles, *, rewritten: bool) -> None:
        """Make a view of the table's name; `rewritten` reads its text files through text_rows.rewrite."""
        name = files.table.name
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.database)}")
        self._connection.execute(
            f"CREATE VIEW {quoted(name.database)}.{quoted(name.table)} AS {self._select(files, rewritten=rewritten)}"
        )

    def bind(self, sql: str) -> "BoundQuery":
        """The query bound and not yet run, its columns cast to types that Athena knows."""
        relation = self._connection.sql(sql)
        casts = [types.narrowed(kind) for kind in relation.types]
        if not any(casts):
            return BoundQuery(sql, relation)
        columns = ", ".join(
            f"CAST(c{number} AS {cast}) AS {quoted(name)}" if cast else f"c{number} AS {quoted(name)}"
            for number, (name, cast) in enumerate(zip(relation.columns, casts, strict=True))
        )
        aliases = ", ".join(f"c{number}" for number in range(len(casts)))
        narrowed = f"SELECT {columns} FROM ({sql}) AS narrowed({aliases})"
        return BoundQuery(narrowed, self._connection.sql(narrowed))

    def copy(self, query: "BoundQuery", to: Path, options: str) -> int:
        """Run the query into files at `to`, which lies in the query's folder; returns how many rows."""
        copied = self._connection.execute(f"COPY ({query.sql}) TO {literal(str(to))} ({options})").fetchone()
        return int(copied[0]) if copied else 0

    def _select(self, files: TableFiles, *, rewritten: bool) -> str:
        table, parts = files.table, [part for part in files.parts if part.files]
        dialect = formats.text_dialect(table)
        if not parts:
            return formats.no_rows(table)
        if dialect is None:
            every_file = [file for part in parts for file in part.files]
            present = {
                name.lower() for name in self._connection.sql(f"FROM {formats.parquet_scan(every_file)}").columns
            }
            columns = formats.parquet_columns(table, present)
            scans = [formats.parquet_scan(part.files) for part in parts]
        else:
            columns = formats.text_columns(table)
            scans = [self._text_scan(part, len(table.columns), dialect, rewritten=rewritten) for part in parts]
        return " UNION ALL ".join(
            f"SELECT {', '.join([*columns, *formats.partition_columns(table, part.values)])} FROM {scan}"
            for part, scan in zip(parts, scans, strict=True)
        )

    def _text_scan(self, part: PartFiles, width: int, dialect: TextDialect, *, rewritten: bool) -> str:
        has_own_escape = dialect.escape and dialect.escape != dialect.quote
        if not rewritten and not (
            has_own_escape and any(text_rows.has_escapes(file, dialect.escape) for file in part.files)
        ):
            return formats.text_scan(part.files, width, dialect)
        copies = []
        for file in part.files:
            copy = file.with_name(f"{file.name}.rewritten.csv")
            text_rows.rewrite(file, copy, dialect, width, self._cancellation.check)
            copies.append(copy)
        return formats.rewritten_scan(copies, width)


@dataclass(frozen=True)
class BoundQuery:
    """A query that DuckDB has resolved: its SQL, and the relation that knows its columns and runs it when read."""

    sql: str
    relation: duckdb.DuckDBPyRelation


Use = Callable[[Session, BoundQuery], None]


class Engine:
    """Runs queries: one that reads or writes files in a new in-memory database, all others in one locked for good.

    Opening a database takes longer than `SELECT 1` does, so another stands ready.
    """

    def __init__(self) -> None:
        self._without_files = _connect()
        _lock(self._without_files, None)
        self._ready: duckdb.DuckDBPyConnection | None = None
        self._taking = threading.Lock()

    def run(
        self,
        query: exp.Query,
        database: str,
        tables: dict[TableName, TableFiles],
        folder: Path | None,
        cancellation: Cancellation,
        use: Use,
    ) -> None:
        """Bind the query and hand it to `use`, which reads its rows or copies them to files in `folder`.

        The files of `tables` lie in `folder` too; it is None for a query that touches no file. A text file that DuckDB
        cannot read exactly makes the query start over on rewritten files, so `use` may be called twice.

        Raises:
            QueryFailedError: in Athena's words.
            QueryCancelledError: `cancellation` was requested.
        """
        sql = trino_sql.to_duckdb(query, {name: files.table for name, files in tables.items()}, database)
        try:
            try:
                self._attempt(sql, tables, folder, cancellation, use, rewritten=False)
            except _UnreadableTextError:
                self._attempt(sql, tables, folder, cancellation, use, rewritten=True)
        except duckdb.Error as error:
            cancellation.check()
            raise from_duckdb(error, query) from error

    def _attempt(
        self,
        sql: str,
        tables: dict[TableName, TableFiles],
        folder: Path | None,
        cancellation: Cancellation,
        use: Use,
        *,
        rewritten: bool,
    ) -> None:
        connection = self._take() if folder else self._without_files.cursor()
        try:
            with cancellation.interrupting(connection.interrupt):
                session = Session(connection, cancellation)
                if folder:
                    for files in tables.values():
                        session.add_table(files, rewritten=rewritten)
                    _lock(connection, folder)
                cancellation.check()
                use(session, session.bind(sql))
                cancellation.check()
        except duckdb.Error as error:
            if not rewritten and _is_csv_error(error):
                raise _UnreadableTextError from error
            raise
        finally:
            connection.close()

    def _take(self) -> duckdb.DuckDBPyConnection:
        with self._taking:
            ready, self._ready = self._ready, None
        return ready or _connect()

    def prepare(self) -> None:
        """Have a connection ready for the next query."""
        if self._ready is None:
            connection = _connect()
            with self._taking:
                self._ready = connection


class _UnreadableTextError(Exception):
    """DuckDB met a line that it would read otherwise than Hive does."""


def _is_csv_error(error: duckdb.Error) -> bool:
    return re.search(r"CSV Error|not utf-8 encoded|Invalid unicode", str(error), re.IGNORECASE) is not None


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    connection.execute(macros.MACROS)
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, folder: Path | None) -> None:
    """From here on: no file outside the query's own folder, no extension, no setting."""
    folders = literal(str(folder)) if folder else ""
    connection.execute(
        f"SET allowed_directories = [{folders}]; SET enable_external_access = false; SET lock_configuration = true"
    )
