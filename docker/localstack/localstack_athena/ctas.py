"""CREATE TABLE AS: a query's rows written as files, then uploaded and entered in the catalog, all or nothing."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from localstack_athena import formats, types
from localstack_athena.catalog import Catalog, Column, Partition, Table, schema_not_found, table_already_exists
from localstack_athena.engine import BoundQuery, Cancellation, Session
from localstack_athena.errors import QueryFailedError
from localstack_athena.formats import literal, quoted
from localstack_athena.hive_ddl import partition_folder
from localstack_athena.statements import CreateTableAs
from localstack_athena.storage import S3Location, Storage

_MAX_PARTITIONS = 100  # of one CTAS (docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html)

# write_compression to DuckDB's name for it, by format; the first is Athena's default for the format.
_COMPRESSIONS = {
    "PARQUET": {
        "GZIP": "gzip",
        "SNAPPY": "snappy",
        "ZSTD": "zstd",
        "LZ4": "lz4_raw",
        "NONE": "uncompressed",
        "UNCOMPRESSED": "uncompressed",
    },
    "TEXTFILE": {"GZIP": "gzip", "NONE": "none", "UNCOMPRESSED": "none"},
}


@dataclass(frozen=True)
class NewTable:
    """What a CTAS wrote: the table's entry, how many rows, and the local file of each object to be."""

    table: Table
    rows: int
    objects: tuple[tuple[Path, S3Location], ...]
    partitions: tuple[Partition, ...]


class TableWriter:
    """Writes one CTAS: checked first, then filled by the engine, then committed."""

    def __init__(
        self, statement: CreateTableAs, default_location: S3Location, catalog: Catalog, storage: Storage
    ) -> None:
        self._statement = statement
        self._catalog = catalog
        self._storage = storage
        external = statement.properties.external_location
        self._folder = S3Location.folder(external) if external else default_location
        self._compression = _compression(statement)
        self._written: NewTable | None = None

    def exists_already(self) -> bool:
        """Whether there is nothing to do: the table is there and the statement says IF NOT EXISTS.

        Raises:
            QueryFailedError: SCHEMA_NOT_FOUND, TABLE_ALREADY_EXISTS or HIVE_PATH_ALREADY_EXISTS.
        """
        name = self._statement.table
        if self._catalog.find_table(name):
            if self._statement.if_not_exists:
                return True
            raise table_already_exists(name)
        if not self._catalog.has_database(name.database):
            raise schema_not_found(name.database)
        if self._storage.list_all(self._folder):
            raise QueryFailedError(
                "HIVE_PATH_ALREADY_EXISTS",
                f"Target directory for table '{name}' already exists: {self._folder}."
                " Delete its objects, or choose another external_location, and run the query again",
            )
        return False

    def write(self, session: Session, query: BoundQuery, local: Path) -> None:
        """Run the query into files below `local`."""
        table = self._table(query)
        if not self._statement.with_data:
            self._written = NewTable(table, 0, (), ())
            return
        keys = [quoted(key.name) for key in table.partition_keys]
        if keys:
            local.mkdir(parents=True, exist_ok=True)
        else:
            local.parent.mkdir(parents=True, exist_ok=True)
        options = [*self._options(), *([f"PARTITION_BY ({', '.join(keys)}), OVERWRITE"] if keys else [])]
        rows = session.copy(_with_folder_names(query, keys), local, ", ".join(options))
        files = sorted(path for path in local.rglob("*") if path.is_file()) if keys else [local]
        self._written = self._place(table, rows, files if rows else [], local)

    def _place(self, table: Table, rows: int, files: list[Path], local: Path) -> NewTable:
        suffix = ".gz" if self._compression == "gzip" and self._statement.properties.format == "TEXTFILE" else ""
        stamp = f"{datetime.now(UTC):%Y%m%d_%H%M%S}"
        objects, partitions = [], {}
        for number, file in enumerate(files):
            folder = self._folder
            if table.partition_keys:
                folders = file.parent.relative_to(local).parts
                values = tuple(unquote(name.partition("=")[2]) for name in folders)
                partitions[values] = Partition(values, partition_folder(table, values))
                folder = S3Location.parse(partitions[values].location)
            objects.append((file, folder.child(f"{stamp}_{number:05d}_{uuid.uuid4()}{suffix}")))
        if len(partitions) > _MAX_PARTITIONS:
            raise QueryFailedError(
                "HIVE_TOO_MANY_OPEN_PARTITIONS",
                f"Exceeded limit of {_MAX_PARTITIONS} open writers for partitions: the query has {len(partitions)}",
            )
        return NewTable(table, rows, tuple(objects), tuple(partitions.values()))

    def commit(self, cancellation: Cancellation) -> NewTable:
        """Upload the files and enter the table; on any failure, or a cancellation, nothing of it stays."""
        written = self._written
        if written is None:
            raise RuntimeError("commit before write")
        with self._undone_on_failure(written), ThreadPoolExecutor(4, thread_name_prefix="athena-upload") as pool:
            for _ in pool.map(lambda placed: self._storage.upload(*placed), written.objects):
                cancellation.check()
            self._catalog.create_table(written.table)
            self._catalog.add_partitions(written.table, list(written.partitions))
            cancellation.check()
        return written

    @contextmanager
    def _undone_on_failure(self, written: NewTable) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._storage.delete([location for _, location in written.objects])
            found = self._catalog.find_table(written.table.name)
            if found and found.location == written.table.location:  # not one that another query made meanwhile
                self._catalog.drop_table(written.table.name)
            raise

    def _table(self, query: BoundQuery) -> Table:
        properties = self._statement.properties
        columns = [
            Column(name.lower(), types.hive_type(kind))
            for name, kind in zip(query.relation.columns, query.relation.types, strict=True)
        ]
        if properties.format.upper() == "TEXTFILE":
            for column in columns:
                formats.check_fits_text(column)
        names = [column.name for column in columns]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise QueryFailedError("DUPLICATE_COLUMN_NAME", f"Column name '{repeated[0]}' specified more than once")
        keys = list(properties.partitioned_by)
        if keys and names[len(names) - len(keys) :] != keys:
            raise QueryFailedError(
                "INVALID_TABLE_PROPERTY",
                "Partition keys must be the last columns in the table and in the same order as the table properties:"
                f" {keys}",
            )
        if keys and len(keys) == len(names):
            raise QueryFailedError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
        split = len(columns) - len(keys)
        file_format = formats.glue_properties(properties.format, properties.field_delimiter)
        parameters = {"EXTERNAL": "TRUE", "classification": _CLASSIFICATIONS[properties.format.upper()]}
        if properties.format.upper() == "PARQUET":
            parameters["parquet.compression"] = (properties.write_compression or "GZIP").upper()
        return Table(
            self._statement.table,
            tuple(columns[:split]),
            tuple(columns[split:]),
            str(self._folder),
            file_format,
            parameters,
        )

    def _options(self) -> list[str]:
        if self._statement.properties.format.upper() == "PARQUET":
            return ["FORMAT parquet", f"COMPRESSION {self._compression}"]
        delimiter = self._statement.properties.field_delimiter or "\x01"
        return [
            "FORMAT csv, HEADER false, QUOTE '', ESCAPE ''",
            f"NULLSTR {literal(chr(92) + 'N')}, DELIMITER {literal(delimiter)}, COMPRESSION {self._compression}",
        ]


def _with_folder_names(query: BoundQuery, keys: list[str]) -> BoundQuery:
    """The query with its partition keys as they name folders; DuckDB would write NULL like the text 'NULL'."""
    if not keys:
        return query
    default = literal(formats.NULL_PARTITION)
    names = ", ".join(f"coalesce(nullif(CAST({key} AS VARCHAR), ''), {default}) AS {key}" for key in keys)
    return BoundQuery(f"SELECT * REPLACE ({names}) FROM ({query.sql})", query.relation)


_CLASSIFICATIONS = {"PARQUET": "parquet", "TEXTFILE": "csv"}


def _compression(statement: CreateTableAs) -> str:
    properties = statement.properties
    formats.glue_properties(properties.format, properties.field_delimiter)  # refuses a format it does not know
    known = _COMPRESSIONS[properties.format.upper()]
    wanted = (properties.write_compression or next(iter(known))).upper()
    if wanted not in known:
        raise QueryFailedError(
            "INVALID_TABLE_PROPERTY",
            f"Compression {wanted} is not supported for {properties.format}; choose one of {', '.join(known)}",
        )
    return known[wanted]
