"""DDL, SHOW and DESCRIBE applied to the Glue catalog."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from localstack_athena.catalog import (
    CATALOG,
    Catalog,
    Column,
    Partition,
    Table,
    TableName,
    schema_not_found,
    table_already_exists,
)
from localstack_athena.errors import QueryFailedError
from localstack_athena.results import ResultColumn, text_column
from localstack_athena.statements import (
    AddPartitions,
    CreateDatabase,
    CreateExternalTable,
    Describe,
    DropDatabase,
    DropPartitions,
    DropTable,
    HiveStatement,
    PartitionSpec,
    RepairTable,
    ShowColumns,
    ShowDatabases,
    ShowPartitions,
    ShowTables,
)
from localstack_athena.storage import S3Location, Storage


@dataclass(frozen=True)
class TextResult:
    """What a statement says: lines of fields apart by tabs, under the columns that name them."""

    columns: tuple[ResultColumn, ...] = ()
    lines: tuple[str, ...] = ()


def apply(statement: HiveStatement, catalog: Catalog, storage: Storage) -> TextResult:
    """Carry out one statement.

    Raises:
        QueryFailedError: in Athena's words; the catalog is then as it was.
    """
    carry_out: Callable[[Any, Catalog, Storage], TextResult] = _APPLY[type(statement)]
    return carry_out(statement, catalog, storage)


def existing_table(name: TableName, catalog: Catalog) -> Table:
    """The table.

    Raises:
        QueryFailedError: SCHEMA_NOT_FOUND or TABLE_NOT_FOUND.
    """
    table = catalog.find_table(name)
    if not table:
        if not catalog.has_database(name.database):
            raise schema_not_found(name.database)
        raise QueryFailedError("TABLE_NOT_FOUND", f"Table '{CATALOG}.{name}' does not exist")
    return table


def partition_folder(table: Table, values: tuple[str, ...]) -> str:
    """Where a partition's files lie by Hive's rule: `key=value/` a level below the table's location."""
    folders = "".join(
        f"{key.name}={quote(value, safe=_SAFE_IN_FOLDER)}/"
        for key, value in zip(table.partition_keys, values, strict=True)
    )
    return f"{S3Location.folder(table.location)}{folders}"


_SAFE_IN_FOLDER = " !$&()+,-.;<>@_`|~"  # Hive escapes others, such as / : = % and quotes


def _create_database(statement: CreateDatabase, catalog: Catalog, _storage: Storage) -> TextResult:
    created = catalog.create_database(statement.name, statement.comment, statement.location, statement.properties)
    if not created and not statement.if_not_exists:
        raise QueryFailedError("SCHEMA_ALREADY_EXISTS", f"Schema '{statement.name}' already exists")
    return TextResult()


def _drop_database(statement: DropDatabase, catalog: Catalog, _storage: Storage) -> TextResult:
    if not catalog.has_database(statement.name):
        if statement.if_exists:
            return TextResult()
        raise schema_not_found(statement.name)
    if not statement.cascade and (tables := catalog.tables(statement.name)):
        raise QueryFailedError(
            "SCHEMA_NOT_EMPTY", f"Schema '{statement.name}' holds {len(tables)} tables; DROP … CASCADE drops them too"
        )
    catalog.drop_database(statement.name)
    return TextResult()


def _create_table(statement: CreateExternalTable, catalog: Catalog, _storage: Storage) -> TextResult:
    S3Location.folder(statement.table.location)
    if catalog.find_table(statement.table.name):
        if statement.if_not_exists:
            return TextResult()
        raise table_already_exists(statement.table.name)
    catalog.create_table(statement.table)
    return TextResult()


def _drop_table(statement: DropTable, catalog: Catalog, _storage: Storage) -> TextResult:
    if catalog.find_table(statement.table):
        catalog.drop_table(statement.table)
    elif not statement.if_exists:
        existing_table(statement.table, catalog)
    return TextResult()


def _repair(statement: RepairTable, catalog: Catalog, storage: Storage) -> TextResult:
    table = _partitioned_table(statement.table, catalog)
    known = {partition.values for partition in catalog.partitions(table)}
    folder = S3Location.folder(table.location)
    found = {
        values
        for stored in storage.list_all(folder)
        if (values := _values_in_path(stored.location.key[len(folder.key) :], table.partition_keys))
    }
    new = sorted(found - known)
    catalog.add_partitions(table, [Partition(values, partition_folder(table, values)) for values in new])
    lines = (
        [f"Partitions not in metastore:\t{' '.join(_spec(table, values, table.name.table) for values in new)}"]
        if new
        else []
    )
    lines += [f"Repair: Added partition to metastore {_spec(table, values, str(table.name))}" for values in new]
    return TextResult((text_column("result"),), tuple(lines))


def _values_in_path(path: str, keys: tuple[Column, ...]) -> tuple[str, ...] | None:
    folders = path.split("/")[:-1]
    if len(folders) < len(keys):
        return None
    pairs = [folder.partition("=") for folder in folders[: len(keys)]]
    if [name.lower() for name, _, _ in pairs] != [key.name for key in keys]:
        return None
    return tuple(unquote(value) for _, _, value in pairs)


def _spec(table: Table, values: tuple[str, ...], name: str) -> str:
    return f"{name}:{_path(table, values)}"


def _path(table: Table, values: tuple[str, ...]) -> str:
    return "/".join(f"{key.name}={value}" for key, value in zip(table.partition_keys, values, strict=True))


def _add_partitions(statement: AddPartitions, catalog: Catalog, _storage: Storage) -> TextResult:
    table = _partitioned_table(statement.table, catalog)
    known = {partition.values for partition in catalog.partitions(table)}
    new = []
    for spec, location in statement.partitions:
        values = _values(table, spec)
        if values not in known:
            new.append(
                Partition(values, str(S3Location.folder(location)) if location else partition_folder(table, values))
            )
        elif not statement.if_not_exists:
            raise QueryFailedError("ALREADY_EXISTS", f"Partition already exists: {_path(table, values)}")
    catalog.add_partitions(table, new)
    return TextResult()


def _drop_partitions(statement: DropPartitions, catalog: Catalog, _storage: Storage) -> TextResult:
    table = _partitioned_table(statement.table, catalog)
    known = {partition.values for partition in catalog.partitions(table)}
    gone = [_values(table, spec) for spec in statement.partitions]
    if not statement.if_exists and (missing := [values for values in gone if values not in known]):
        raise QueryFailedError("NOT_FOUND", f"Partition does not exist: {_path(table, missing[0])}")
    catalog.drop_partitions(table, [values for values in gone if values in known])
    return TextResult()


def _partitioned_table(name: TableName, catalog: Catalog) -> Table:
    table = existing_table(name, catalog)
    if not table.partition_keys:
        raise QueryFailedError("INVALID_TABLE_PROPERTY", f"Table {name} is not a partitioned table")
    return table


def _values(table: Table, spec: PartitionSpec) -> tuple[str, ...]:
    keys = [key.name for key in table.partition_keys]
    if sorted(spec) != sorted(keys):
        raise QueryFailedError(
            "INVALID_PARTITION_VALUE", f"Partition keys are {', '.join(keys)}; the statement gives {', '.join(spec)}"
        )
    return tuple(spec[key] for key in keys)


def _show_databases(statement: ShowDatabases, catalog: Catalog, _storage: Storage) -> TextResult:
    return TextResult((text_column("database_name"),), _matching(catalog.databases(), statement.pattern))


def _show_tables(statement: ShowTables, catalog: Catalog, _storage: Storage) -> TextResult:
    names = [table.name.table for table in catalog.tables(statement.database)]
    return TextResult((text_column("tab_name"),), _matching(names, statement.pattern))


def _matching(names: list[str], pattern: str | None) -> tuple[str, ...]:
    """Hive's patterns: `*` for any text, `|` between choices, the rest as it is."""
    if pattern is None:
        return tuple(names)
    choices = "|".join(".*".join(map(re.escape, choice.split("*"))) for choice in pattern.lower().split("|"))
    return tuple(name for name in names if re.fullmatch(choices, name))


def _show_partitions(statement: ShowPartitions, catalog: Catalog, _storage: Storage) -> TextResult:
    table = _partitioned_table(statement.table, catalog)
    paths = (_path(table, partition.values) for partition in catalog.partitions(table))
    return TextResult((text_column("partition"),), tuple(paths))


def _show_columns(statement: ShowColumns, catalog: Catalog, _storage: Storage) -> TextResult:
    table = existing_table(statement.table, catalog)
    names = (f"{column.name:<20}" for column in (*table.columns, *table.partition_keys))
    return TextResult((text_column("field"),), tuple(names))


def _describe(statement: Describe, catalog: Catalog, _storage: Storage) -> TextResult:
    table = existing_table(statement.table, catalog)
    lines = [_described(column) for column in (*table.columns, *table.partition_keys)]
    if table.partition_keys:
        heading = f"# {'col_name':<18}\t{'data_type':<20}\t{'comment':<20}"
        keys = map(_described, table.partition_keys)
        lines += ["\t \t ", "# Partition Information\t \t ", heading, "\t \t ", *keys]
    return TextResult((text_column("col_name"), text_column("data_type"), text_column("comment")), tuple(lines))


def _described(column: Column) -> str:
    return f"{column.name:<20}\t{column.type:<20}\t{column.comment:<20}"


_APPLY: dict[type[HiveStatement], Callable[[Any, Catalog, Storage], TextResult]] = {
    AddPartitions: _add_partitions,
    CreateDatabase: _create_database,
    CreateExternalTable: _create_table,
    Describe: _describe,
    DropDatabase: _drop_database,
    DropPartitions: _drop_partitions,
    DropTable: _drop_table,
    RepairTable: _repair,
    ShowColumns: _show_columns,
    ShowDatabases: _show_databases,
    ShowPartitions: _show_partitions,
    ShowTables: _show_tables,
}
