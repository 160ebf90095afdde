"""Statements: what one SQL text asks for, as one typed object (parser.py makes them)."""

from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from localstack_athena.catalog import Table, TableName


class Statement:
    """One statement; the two names are those that GetQueryExecution gives."""

    statement_type: ClassVar[str] = "DDL"
    substatement_type: ClassVar[str]


@dataclass(frozen=True)
class Select(Statement):
    """A query whose rows go to the result file."""

    statement_type: ClassVar[str] = "DML"
    substatement_type: ClassVar[str] = "SELECT"

    query: exp.Query


@dataclass(frozen=True)
class CtasProperties:
    """CTAS's WITH clause; None where the statement leaves the choice to Athena."""

    format: str = "PARQUET"
    write_compression: str | None = None
    external_location: str | None = None
    partitioned_by: tuple[str, ...] = ()
    field_delimiter: str | None = None


@dataclass(frozen=True)
class CreateTableAs(Statement):
    """A new table, filled with the rows of a query unless `with_data` is false."""

    substatement_type: ClassVar[str] = "CREATE_TABLE_AS_SELECT"

    table: TableName
    query: exp.Query
    properties: CtasProperties
    if_not_exists: bool
    with_data: bool


class HiveStatement(Statement):
    """A statement about the catalog; hive_ddl.apply carries it out."""


@dataclass(frozen=True)
class CreateDatabase(HiveStatement):
    """CREATE DATABASE or SCHEMA."""

    substatement_type: ClassVar[str] = "CREATE_DATABASE"

    name: str
    if_not_exists: bool
    comment: str = ""
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DropDatabase(HiveStatement):
    """DROP DATABASE or SCHEMA; a database with tables goes only with CASCADE."""

    substatement_type: ClassVar[str] = "DROP_DATABASE"

    name: str
    if_exists: bool
    cascade: bool


@dataclass(frozen=True)
class CreateExternalTable(HiveStatement):
    """CREATE EXTERNAL TABLE: an entry in the catalog over files that exist or will."""

    substatement_type: ClassVar[str] = "CREATE_TABLE"

    table: Table
    if_not_exists: bool


@dataclass(frozen=True)
class DropTable(HiveStatement):
    """DROP TABLE: the entry goes, the files stay."""

    substatement_type: ClassVar[str] = "DROP_TABLE"

    table: TableName
    if_exists: bool


@dataclass(frozen=True)
class RepairTable(HiveStatement):
    """MSCK REPAIR TABLE: register the partitions that the folders below the table's location name."""

    substatement_type: ClassVar[str] = "MSCK_REPAIR"

    table: TableName


PartitionSpec = dict[str, str]
"""Partition key to value, as written."""


@dataclass(frozen=True)
class AddPartitions(HiveStatement):
    """ALTER TABLE … ADD PARTITION; a location of None is the folder that the values name."""

    substatement_type: ClassVar[str] = "ALTER_TABLE_ADD_PARTITION"

    table: TableName
    partitions: tuple[tuple[PartitionSpec, str | None], ...]
    if_not_exists: bool


@dataclass(frozen=True)
class DropPartitions(HiveStatement):
    """ALTER TABLE … DROP PARTITION: the entries go, the files stay."""

    substatement_type: ClassVar[str] = "ALTER_TABLE_DROP_PARTITION"

    table: TableName
    partitions: tuple[PartitionSpec, ...]
    if_exists: bool


class Show(HiveStatement):
    """A statement that only reads the catalog and returns text."""

    statement_type: ClassVar[str] = "UTILITY"


@dataclass(frozen=True)
class ShowDatabases(Show):
    """SHOW DATABASES or SCHEMAS; `pattern` is Hive's: `*` for any text, `|` between choices."""

    substatement_type: ClassVar[str] = "SHOW_DATABASES"

    pattern: str | None


@dataclass(frozen=True)
class ShowTables(Show):
    """SHOW TABLES; `pattern` as in ShowDatabases."""

    substatement_type: ClassVar[str] = "SHOW_TABLES"

    database: str
    pattern: str | None


@dataclass(frozen=True)
class ShowPartitions(Show):
    """SHOW PARTITIONS."""

    substatement_type: ClassVar[str] = "SHOW_PARTITIONS"

    table: TableName


@dataclass(frozen=True)
class ShowColumns(Show):
    """SHOW COLUMNS."""

    substatement_type: ClassVar[str] = "SHOW_COLUMNS"

    table: TableName


@dataclass(frozen=True)
class Describe(Show):
    """DESCRIBE."""

    substatement_type: ClassVar[str] = "DESCRIBE_TABLE"

    table: TableName
