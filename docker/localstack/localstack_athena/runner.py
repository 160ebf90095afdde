"""The runner: one statement carried out, from its tables' files to its result at the output location."""

import csv
import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from localstack_athena import hive_ddl, hive_parser, results, trino_sql
from localstack_athena.catalog import CATALOG, Catalog, TableName, schema_not_found
from localstack_athena.ctas import TableWriter
from localstack_athena.engine import BoundQuery, Cancellation, Engine, Session, TableFiles
from localstack_athena.errors import QueryFailedError, position_of
from localstack_athena.executions import Execution, Statistics
from localstack_athena.formats import PartFiles
from localstack_athena.results import ResultColumn
from localstack_athena.statements import CreateTableAs, HiveStatement, Select, Statement
from localstack_athena.storage import S3Location, Storage


@dataclass
class Stopwatch:
    """How long each phase of a query took, in milliseconds; what was measured is at least one."""

    phases: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the block's time to the phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0) + milliseconds_since(start)


def milliseconds_since(start: float) -> int:
    """Whole milliseconds since `start`, a value of time.perf_counter; at least one."""
    return max(1, round((time.perf_counter() - start) * 1000))


class Run:
    """One statement's run; `statistics` may be read at any time, also after a failure."""

    def __init__(
        self,
        execution: Execution,
        engine: Engine,
        catalog: Catalog,
        storage: Storage,
        folder: Path,
        cancellation: Cancellation,
    ) -> None:
        self._execution = execution
        self._engine = engine
        self._catalog = catalog
        self._storage = storage
        self._folder = folder
        self._cancellation = cancellation
        self._watch = Stopwatch()
        self._scanned_bytes = 0
        self._manifest: str | None = None

    @property
    def statistics(self) -> Statistics:
        """What was measured so far; queue and total are the caller's to add."""
        phases = self._watch.phases
        return Statistics(
            planning=phases.get("planning", 0),
            engine=phases.get("engine", 0),
            publishing=phases.get("publishing", 0),
            scanned_bytes=self._scanned_bytes,
            manifest=self._manifest,
        )

    def carry_out(self, statement: Statement) -> tuple[tuple[ResultColumn, ...], int | None]:
        """Run the statement and store its result.

        Returns:
            The result's columns, and the number of rows written to a table if it wrote one.

        Raises:
            QueryFailedError: in Athena's words.
            QueryCancelledError: the cancellation was requested in time; nothing was written.
        """
        self._folder.mkdir(parents=True)
        try:
            match statement:
                case Select():
                    return self._select(statement), None
                case CreateTableAs():
                    return (), self._create_table_as(statement)
                case HiveStatement():
                    return self._hive(statement), None
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        raise TypeError(f"no way to run {type(statement).__name__}")

    def _select(self, statement: Select) -> tuple[ResultColumn, ...]:
        rows = self._folder / "result.csv"
        columns: tuple[ResultColumn, ...] = ()

        def write(_session: Session, query: BoundQuery) -> None:
            nonlocal columns
            columns = results.columns_of(query.relation)
            results.write_csv(query.relation, rows)

        tables = self._load_tables(statement.query)
        folder = self._folder if tables else None
        with self._watch.phase("engine"):
            self._engine.run(statement.query, self._execution.database, tables, folder, self._cancellation, write)
        self._publish(rows, columns)
        return columns

    def _create_table_as(self, statement: CreateTableAs) -> int:
        writer = TableWriter(statement, self._execution.output.child("/"), self._catalog, self._storage)
        if writer.exists_already():
            self._write_manifest([])
            return 0
        local = self._folder / "table"

        def write(session: Session, query: BoundQuery) -> None:
            writer.write(session, query, local)

        tables = self._load_tables(statement.query)
        with self._watch.phase("engine"):
            self._engine.run(statement.query, self._execution.database, tables, self._folder, self._cancellation, write)
            written = writer.commit(self._cancellation)
        self._write_manifest([location for _, location in written.objects])
        return written.rows

    def _hive(self, statement: HiveStatement) -> tuple[ResultColumn, ...]:
        with self._watch.phase("engine"):
            result = hive_ddl.apply(statement, self._catalog, self._storage)
        lines = self._folder / "result.txt"
        lines.write_text("".join(f"{line}\n" for line in result.lines), encoding="utf-8")
        self._publish(lines, result.columns)
        return result.columns

    def _load_tables(self, query: exp.Query) -> dict[TableName, TableFiles]:
        """The tables that the query names, with their files fetched."""
        tables: dict[TableName, TableFiles] = {}
        with self._watch.phase("planning"):
            for reference in trino_sql.table_references(query):
                name = hive_parser.table_name([part.name for part in reference.parts], self._execution.database)
                if name not in tables:
                    tables[name] = self._load_table(name, reference, self._folder / f"table-{len(tables)}")
        return tables

    def _load_table(self, name: TableName, reference: exp.Table, folder: Path) -> TableFiles:
        table = self._catalog.find_table(name)
        if table is None:
            place = position_of(reference)
            if not self._catalog.has_database(name.database):
                missing = schema_not_found(name.database)
                raise QueryFailedError(missing.name, missing.detail, place)
            raise QueryFailedError("TABLE_NOT_FOUND", f"Table '{CATALOG}.{name}' does not exist", place)
        if table.partition_keys:
            places = [(partition.values, partition.location) for partition in self._catalog.partitions(table)]
        else:
            places = [((), table.location)]
        parts = []
        for number, (values, location) in enumerate(places):
            self._cancellation.check()
            stored = self._storage.list_data(S3Location.folder(location))
            self._scanned_bytes += sum(one.size for one in stored)
            files = self._storage.download(stored, folder / str(number), self._cancellation.check)
            parts.append(PartFiles(values, tuple(files)))
        return TableFiles(table, tuple(parts))

    def _publish(self, file: Path, columns: tuple[ResultColumn, ...]) -> None:
        with self._watch.phase("publishing"):
            self._storage.upload(file, self._execution.output)
            self._write_metadata(columns)

    def _write_manifest(self, objects: list[S3Location]) -> None:
        with self._watch.phase("publishing"):
            lines = io.StringIO()
            csv.writer(lines, lineterminator="\n").writerows([str(location)] for location in objects)
            manifest = self._folder / "manifest.csv"
            manifest.write_text(lines.getvalue(), encoding="utf-8")
            output = self._execution.output
            target = S3Location(output.bucket, f"{output.key}-manifest.csv")
            self._storage.upload(manifest, target)
            self._manifest = str(target)
            self._write_metadata(())

    def _write_metadata(self, columns: tuple[ResultColumn, ...]) -> None:
        file = self._folder / "result.metadata"
        file.write_text(results.metadata(columns), encoding="utf-8")
        self._storage.upload(file, self._execution.metadata)
