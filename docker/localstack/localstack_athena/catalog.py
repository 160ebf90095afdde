"""The Glue catalog: databases, tables and partitions as the engine reads and writes them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from localstack_athena.errors import QueryFailedError

CATALOG = "awsdatacatalog"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Column:
    """A column of a Glue table; `type` is Hive's, such as `decimal(10,2)`."""

    name: str
    type: str
    comment: str = ""

    def to_glue(self) -> dict[str, str]:
        """The column as CreateTable takes it."""
        return {"Name": self.name, "Type": self.type, **({"Comment": self.comment} if self.comment else {})}


@dataclass(frozen=True)
class TableName:
    """A table's name with its database, both in lower case."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True)
class TableFormat:
    """How a table's files are written: the three class names and the SerDe's properties, as Glue holds them."""

    serde: str
    input_format: str
    output_format: str
    serde_properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A Glue table."""

    name: TableName
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    location: str
    format: TableFormat
    parameters: dict[str, str] = field(default_factory=dict)
    comment: str = ""

    @classmethod
    def from_glue(cls, name: TableName, glue: dict[str, Any]) -> "Table":
        """The table as GetTable returns it."""
        storage = glue.get("StorageDescriptor", {})
        serde = storage.get("SerdeInfo", {})
        return cls(
            name,
            columns=_columns(storage.get("Columns", [])),
            partition_keys=_columns(glue.get("PartitionKeys", [])),
            location=storage.get("Location", ""),
            format=TableFormat(
                serde.get("SerializationLibrary", ""),
                storage.get("InputFormat", ""),
                storage.get("OutputFormat", ""),
                serde.get("Parameters", {}),
            ),
            parameters=glue.get("Parameters", {}),
            comment=glue.get("Description", ""),
        )

    def to_glue(self) -> dict[str, Any]:
        """The table as CreateTable takes it."""
        return {
            "Name": self.name.table,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": self.parameters,
            "PartitionKeys": [column.to_glue() for column in self.partition_keys],
            "StorageDescriptor": self._storage(self.location),
            **({"Description": self.comment} if self.comment else {}),
        }

    def partition_to_glue(self, partition: "Partition") -> dict[str, Any]:
        """A partition of this table as BatchCreatePartition takes it."""
        return {"Values": list(partition.values), "StorageDescriptor": self._storage(partition.location)}

    def _storage(self, location: str) -> dict[str, Any]:
        return {
            "Columns": [column.to_glue() for column in self.columns],
            "Location": location,
            "InputFormat": self.format.input_format,
            "OutputFormat": self.format.output_format,
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {
                "SerializationLibrary": self.format.serde,
                "Parameters": self.format.serde_properties,
            },
        }


@dataclass(frozen=True)
class Partition:
    """A partition's values, in the order of the table's partition keys, and where its files lie."""

    values: tuple[str, ...]
    location: str


def _columns(glue: list[dict[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(c["Name"].lower(), c.get("Type", "string").lower(), c.get("Comment", "")) for c in glue)


class Catalog:
    """What the engine asks of Glue, over a boto3 Glue client of the caller's account and region."""

    def __init__(self, glue: Any) -> None:
        self._glue = glue

    def databases(self) -> list[str]:
        """Every database's name, sorted."""
        pages = self._glue.get_paginator("get_databases").paginate()
        return sorted(database["Name"] for page in pages for database in page["DatabaseList"])

    def has_database(self, name: str) -> bool:
        """Whether Glue knows the database."""
        return self._found(self._glue.get_database, Name=name) is not None

    def create_database(self, name: str, comment: str, location: str, parameters: dict[str, str]) -> bool:
        """Add a database; False when there is one of this name."""
        database: dict[str, Any] = {"Name": name, "Parameters": parameters}
        if comment:
            database["Description"] = comment
        if location:
            database["LocationUri"] = location
        try:
            self._glue.create_database(DatabaseInput=database)
        except self._glue.exceptions.AlreadyExistsException:
            return False
        return True

    def drop_database(self, name: str) -> None:
        """Remove a database and the entries of its tables; their files stay."""
        self._glue.delete_database(Name=name)

    def tables(self, database: str) -> list[Table]:
        """Every table of the database, sorted by name.

        Raises:
            QueryFailedError: SCHEMA_NOT_FOUND.
        """
        try:
            pages = list(self._glue.get_paginator("get_tables").paginate(DatabaseName=database))
        except self._glue.exceptions.EntityNotFoundException:
            raise schema_not_found(database) from None
        found = (glue for page in pages for glue in page["TableList"])
        return sorted(
            (Table.from_glue(TableName(database, glue["Name"]), glue) for glue in found),
            key=lambda table: str(table.name),
        )

    def find_table(self, name: TableName) -> Table | None:
        """The table, or None."""
        found = self._found(self._glue.get_table, DatabaseName=name.database, Name=name.table)
        return Table.from_glue(name, found["Table"]) if found else None

    def create_table(self, table: Table) -> None:
        """Add a table.

        Raises:
            QueryFailedError: SCHEMA_NOT_FOUND, or TABLE_ALREADY_EXISTS.
        """
        try:
            self._glue.create_table(DatabaseName=table.name.database, TableInput=table.to_glue())
        except self._glue.exceptions.EntityNotFoundException:
            raise schema_not_found(table.name.database) from None
        except self._glue.exceptions.AlreadyExistsException:
            raise table_already_exists(table.name) from None

    def drop_table(self, name: TableName) -> None:
        """Remove a table's entry and its partitions'; the files stay."""
        self._glue.delete_table(DatabaseName=name.database, Name=name.table)

    def partitions(self, table: Table) -> list[Partition]:
        """Every partition of the table, in the order of their values."""
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=table.name.database, TableName=table.name.table
        )
        found = (partition for page in pages for partition in page["Partitions"])
        return sorted(
            (Partition(tuple(glue["Values"]), glue["StorageDescriptor"]["Location"]) for glue in found),
            key=lambda partition: partition.values,
        )

    def add_partitions(self, table: Table, partitions: list[Partition]) -> None:
        """Register partitions, 100 a request as Glue takes them.

        Raises:
            QueryFailedError: HIVE_METASTORE_ERROR when Glue refused one.
        """
        for batch in _batches(partitions, 100):
            answer = self._glue.batch_create_partition(
                DatabaseName=table.name.database,
                TableName=table.name.table,
                PartitionInputList=[table.partition_to_glue(partition) for partition in batch],
            )
            if errors := answer.get("Errors"):
                detail = errors[0]["ErrorDetail"].get("ErrorMessage", errors[0]["ErrorDetail"]["ErrorCode"])
                raise QueryFailedError(
                    "HIVE_METASTORE_ERROR", f"Partition {errors[0]['PartitionValues']} of {table.name}: {detail}"
                )

    def drop_partitions(self, table: Table, values: list[tuple[str, ...]]) -> None:
        """Forget partitions, 25 a request as Glue takes them; their files stay."""
        for batch in _batches(values, 25):
            self._glue.batch_delete_partition(
                DatabaseName=table.name.database,
                TableName=table.name.table,
                PartitionsToDelete=[{"Values": list(one)} for one in batch],
            )

    def _found(self, read: Any, **names: str) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = read(**names)
        except self._glue.exceptions.EntityNotFoundException:
            return None
        except ClientError as error:
            raise QueryFailedError("HIVE_METASTORE_ERROR", error.response["Error"]["Message"]) from error
        return answer


def _batches(items: list[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def schema_not_found(database: str) -> QueryFailedError:
    """A database that Glue does not know."""
    return QueryFailedError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")


def table_already_exists(name: TableName) -> QueryFailedError:
    """A table that CREATE found in its way."""
    return QueryFailedError("TABLE_ALREADY_EXISTS", f"Table '{CATALOG}.{name}' already exists")
