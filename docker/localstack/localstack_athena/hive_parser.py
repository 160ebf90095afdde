"""Athena's Hive statements (DDL, SHOW, DESCRIBE, MSCK) read from their text.

sqlglot leaves half of them unparsed, so they are read here by its tokens; column types are parsed by sqlglot.
"""

import re
from collections.abc import Callable
from typing import ClassVar, TypeVar

from sqlglot import exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token, TokenType

from localstack_athena import formats, types
from localstack_athena.catalog import CATALOG, Column, Table, TableFormat, TableName
from localstack_athena.errors import Position, QueryFailedError, not_supported, syntax_error
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

Item = TypeVar("Item")


class Tokenizer(Hive.Tokenizer):
    """Hive's tokens; SHOW and MSCK too, which sqlglot takes as opaque commands."""

    COMMANDS: ClassVar[set[TokenType]] = set()


def parse(sql: str, tokens: list[Token], database: str) -> HiveStatement:
    """The statement that `tokens` of `sql` spell; unqualified names belong to `database`.

    Raises:
        QueryFailedError: SYNTAX_ERROR with line and column, or NOT_SUPPORTED.
    """
    return _Reader(sql, tokens, database).statement()


class _Reader:
    """A recursive-descent reader: each method takes one construct from the tokens, or fails at the token it minds."""

    def __init__(self, sql: str, tokens: list[Token], database: str) -> None:
        self._sql = sql
        self._tokens = tokens
        self._at = 0
        self._database = database

    def statement(self) -> HiveStatement:
        for words, read in self._statements().items():
            if self._accept(*words.split()):
                statement = read()
                if self._at < len(self._tokens):
                    raise self._unexpected("end of statement")
                return statement
        for words in _KNOWN_ELSEWHERE:
            if self._accept(*words.split()):
                raise not_supported(f"{words} is not supported")
        first = self._tokens[0].text.upper().split()[0]
        self._at = 1
        raise self._unexpected(*(words.partition(" ")[2] for words in self._statements() if words.startswith(first)))

    def _statements(self) -> dict[str, Callable[[], HiveStatement]]:
        return {
            "CREATE DATABASE": self._create_database,
            "CREATE SCHEMA": self._create_database,
            "CREATE EXTERNAL TABLE": self._create_external_table,
            "CREATE TABLE": self._create_managed_table,
            "DROP DATABASE": self._drop_database,
            "DROP SCHEMA": self._drop_database,
            "DROP TABLE": self._drop_table,
            "ALTER TABLE": self._alter_table,
            "MSCK REPAIR TABLE": lambda: RepairTable(self._table_name()),
            "SHOW DATABASES": self._show_databases,
            "SHOW SCHEMAS": self._show_databases,
            "SHOW TABLES": self._show_tables,
            "SHOW PARTITIONS": lambda: ShowPartitions(self._table_name()),
            "SHOW COLUMNS": self._show_columns,
            "DESCRIBE": self._describe,
            "DESC": self._describe,
        }

    # Statements, after their first words.

    def _create_database(self) -> CreateDatabase:
        if_not_exists = self._accept("IF", "NOT", "EXISTS")
        name = self._name()
        comment = self._string() if self._accept("COMMENT") else ""
        location = self._string() if self._accept("LOCATION") else ""
        properties = self._properties() if self._accept("WITH", "DBPROPERTIES") else {}
        return CreateDatabase(name, if_not_exists, comment, location, properties)

    def _drop_database(self) -> DropDatabase:
        if_exists = self._accept("IF", "EXISTS")
        name = self._name()
        cascade = self._accept("CASCADE")
        if not cascade:
            self._accept("RESTRICT")
        return DropDatabase(name, if_exists, cascade)

    def _create_managed_table(self) -> HiveStatement:
        raise not_supported("CREATE TABLE without EXTERNAL or AS SELECT makes an Iceberg table; use one of the two")

    def _create_external_table(self) -> CreateExternalTable:
        if_not_exists = self._accept("IF", "NOT", "EXISTS")
        name = self._table_name()
        columns = self._column_list()
        comment = self._string() if self._accept("COMMENT") else ""
        partition_keys = self._column_list() if self._accept("PARTITIONED", "BY") else ()
        if self._accept("CLUSTERED", "BY"):
            raise not_supported("CLUSTERED BY is not supported")
        file_format = self._table_format()
        if not self._accept("LOCATION"):
            raise self._unexpected("LOCATION")
        location = self._string()
        parameters = {"EXTERNAL": "TRUE", **(self._properties() if self._accept("TBLPROPERTIES") else {})}
        self._check_distinct((*columns, *partition_keys))
        table = Table(name, columns, partition_keys, location, file_format, parameters, comment)
        return CreateExternalTable(table, if_not_exists)

    def _drop_table(self) -> DropTable:
        if_exists = self._accept("IF", "EXISTS")
        name = self._table_name()
        self._accept("PURGE")
        return DropTable(name, if_exists)

    def _alter_table(self) -> HiveStatement:
        table = self._table_name()
        if self._peek("ADD") and not self._peek("ADD", "COLUMNS"):
            self._accept("ADD")
            if_not_exists = self._accept("IF", "NOT", "EXISTS")
            partitions = [self._partition_with_location()]
            while self._peek("PARTITION"):
                partitions.append(self._partition_with_location())
            return AddPartitions(table, tuple(partitions), if_not_exists)
        if self._accept("DROP"):
            if_exists = self._accept("IF", "EXISTS")
            return DropPartitions(table, self._separated(self._partition), if_exists)
        raise not_supported("ALTER TABLE: only ADD PARTITION and DROP PARTITION are supported")

    def _show_databases(self) -> ShowDatabases:
        self._accept("LIKE")
        return ShowDatabases(self._optional_string())

    def _show_tables(self) -> ShowTables:
        database = self._name() if self._accept("IN") or self._accept("FROM") else self._database
        return ShowTables(database, self._optional_string())

    def _show_columns(self) -> ShowColumns:
        if not (self._accept("IN") or self._accept("FROM")):
            raise self._unexpected("IN", "FROM")
        table = self._table_name()
        if self._accept("IN") or self._accept("FROM"):
            return ShowColumns(TableName(self._name(), table.table))
        return ShowColumns(table)

    def _describe(self) -> Describe:
        if self._accept("EXTENDED") or self._accept("FORMATTED"):
            raise not_supported("DESCRIBE EXTENDED and DESCRIBE FORMATTED are not supported; use DESCRIBE")
        self._accept("TABLE")
        return Describe(self._table_name())

    # Parts of statements.

    def _table_format(self) -> TableFormat:
        serde = ""
        properties: dict[str, str] = {}
        if self._accept("ROW", "FORMAT", "SERDE"):
            serde = self._string()
            if self._accept("WITH", "SERDEPROPERTIES"):
                properties = self._properties()
        elif self._accept("ROW", "FORMAT", "DELIMITED"):
            serde, properties = formats.LAZY_SIMPLE_SERDE, self._delimiters()
        if self._accept("STORED", "AS", "INPUTFORMAT"):
            input_format = self._string()
            if not self._accept("OUTPUTFORMAT"):
                raise self._unexpected("OUTPUTFORMAT")
            return TableFormat(serde or formats.LAZY_SIMPLE_SERDE, input_format, self._string(), properties)
        stored = formats.STORED_AS["TEXTFILE"]
        if self._accept("STORED", "AS"):
            name = self._name().upper()
            if name not in formats.STORED_AS:
                raise not_supported(f"STORED AS {name}: this engine reads {', '.join(formats.STORED_AS)}")
            stored = formats.STORED_AS[name]
        if serde == formats.PARQUET_SERDE:
            stored = formats.STORED_AS["PARQUET"]
        properties.setdefault("serialization.format", "1")
        return TableFormat(serde or stored.serde, stored.input_format, stored.output_format, properties)

    def _delimiters(self) -> dict[str, str]:
        properties: dict[str, str] = {}
        while True:
            if self._accept("FIELDS", "TERMINATED", "BY"):
                separator = _unescaped(self._string())
                properties |= {"field.delim": separator, "serialization.format": separator}
                if self._accept("ESCAPED", "BY"):
                    properties["escape.delim"] = _unescaped(self._string())
            elif self._accept("COLLECTION", "ITEMS", "TERMINATED", "BY"):
                properties["collection.delim"] = _unescaped(self._string())
            elif self._accept("MAP", "KEYS", "TERMINATED", "BY"):
                properties["mapkey.delim"] = _unescaped(self._string())
            elif self._accept("LINES", "TERMINATED", "BY"):
                properties["line.delim"] = _unescaped(self._string())
            elif self._accept("NULL", "DEFINED", "AS"):
                properties["serialization.null.format"] = _unescaped(self._string())
            else:
                return properties

    def _column_list(self) -> tuple[Column, ...]:
        return self._parenthesized(self._column)

    def _column(self) -> Column:
        name = self._name()
        self._accept_symbol(TokenType.COLON)
        start, depth = self._current("a column type"), 0
        end = start
        while depth or not (self._peek("COMMENT") or self._current("')'").token_type in _TYPE_ENDS):
            end = self._current("')'")
            depth += _DEPTH.get(end.token_type, 0)
            self._at += 1
        text = self._sql[start.start : end.end + 1]
        try:
            parsed = exp.DataType.build(text, dialect="hive")
        except ParseError:
            raise syntax_error(f"no viable column type '{text}' for column '{name}'", _place(start)) from None
        return Column(name, types.hive_text(parsed), self._string() if self._accept("COMMENT") else "")

    def _check_distinct(self, columns: tuple[Column, ...]) -> None:
        names = [column.name for column in columns]
        for name in names:
            if names.count(name) > 1:
                raise QueryFailedError("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")

    def _properties(self) -> dict[str, str]:
        return dict(self._parenthesized(self._property))

    def _property(self) -> tuple[str, str]:
        key = self._string()
        self._symbol(TokenType.EQ, "'='")
        return key, self._string()

    def _partition_with_location(self) -> tuple[PartitionSpec, str | None]:
        return self._partition(), self._string() if self._accept("LOCATION") else None

    def _partition(self) -> PartitionSpec:
        if not self._accept("PARTITION"):
            raise self._unexpected("PARTITION")
        return dict(self._parenthesized(self._partition_value))

    def _partition_value(self) -> tuple[str, str]:
        key = self._name()
        self._symbol(TokenType.EQ, "'='")
        token = self._current("a value")
        if token.token_type not in (TokenType.STRING, TokenType.NUMBER):
            raise self._unexpected("a string", "a number")
        self._at += 1
        return key, token.text

    def _table_name(self) -> TableName:
        parts = [self._name()]
        while self._accept_symbol(TokenType.DOT):
            parts.append(self._name())
        return table_name(parts, self._database)

    # Tokens.

    def _name(self) -> str:
        token = self._current("a name")
        is_word = token.token_type not in _NOT_WORDS and (token.text[0].isalpha() or token.text[0] == "_")
        if not is_word and token.token_type != TokenType.IDENTIFIER:
            raise self._unexpected("a name")
        self._at += 1
        return token.text.lower()

    def _string(self) -> str:
        if self._current("a string").token_type != TokenType.STRING:
            raise self._unexpected("a string")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _optional_string(self) -> str | None:
        return self._string() if self._at < len(self._tokens) else None

    def _parenthesized(self, read: Callable[[], Item]) -> tuple[Item, ...]:
        self._symbol(TokenType.L_PAREN, "'('")
        items = self._separated(read)
        self._symbol(TokenType.R_PAREN, "')'")
        return items

    def _separated(self, read: Callable[[], Item]) -> tuple[Item, ...]:
        items = [read()]
        while self._accept_symbol(TokenType.COMMA):
            items.append(read())
        return tuple(items)

    def _symbol(self, kind: TokenType, name: str) -> None:
        if not self._accept_symbol(kind):
            raise self._unexpected(name)

    def _accept_symbol(self, kind: TokenType) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at].token_type == kind
        self._at += found
        return found

    def _peek(self, *words: str) -> int:
        """How many tokens spell `words` from here on; 0 when the next tokens are others."""
        spelled: list[str] = []
        for count, token in enumerate(self._tokens[self._at :], start=1):
            if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
                return 0
            spelled += token.text.upper().split()
            if spelled == list(words):
                return count
            if spelled != list(words[: len(spelled)]):
                return 0
        return 0

    def _accept(self, *words: str) -> bool:
        count = self._peek(*words)
        self._at += count
        return count > 0

    def _current(self, wanted: str) -> Token:
        if self._at == len(self._tokens):
            raise self._unexpected(wanted)
        return self._tokens[self._at]

    def _unexpected(self, *wanted: str) -> QueryFailedError:
        expecting = f"Expecting: {', '.join(wanted)}"
        if self._at == len(self._tokens):
            last = self._tokens[-1]
            return syntax_error(f"mismatched input '<EOF>'. {expecting}", Position(last.line, last.col + 1))
        token = self._tokens[self._at]
        return syntax_error(f"mismatched input '{token.text}'. {expecting}", _place(token))


_KNOWN_ELSEWHERE = (
    "ALTER DATABASE", "ALTER SCHEMA", "ALTER VIEW", "CREATE OR REPLACE VIEW", "CREATE VIEW", "DESCRIBE VIEW",
    "DROP VIEW", "SHOW CREATE TABLE", "SHOW CREATE VIEW", "SHOW TBLPROPERTIES", "SHOW VIEWS",
)  # fmt: skip
_NOT_WORDS = {TokenType.STRING, TokenType.NUMBER}
_TYPE_ENDS = {TokenType.COMMA, TokenType.R_PAREN}
_DEPTH = {TokenType.L_PAREN: 1, TokenType.LT: 1, TokenType.R_PAREN: -1, TokenType.GT: -1}


def table_name(parts: list[str], database: str) -> TableName:
    """The table that one to three dotted names mean.

    Raises:
        QueryFailedError: CATALOG_NOT_FOUND, the only catalog is awsdatacatalog.
    """
    *qualifiers, table = (part.lower() for part in parts)
    if len(qualifiers) > 1 and qualifiers[0] != CATALOG:
        raise QueryFailedError("CATALOG_NOT_FOUND", f"Catalog '{qualifiers[0]}' does not exist")
    return TableName(qualifiers[-1] if qualifiers else database, table)


def _place(token: Token) -> Position:
    return Position(token.line, token.col - (token.end - token.start))


def _unescaped(text: str) -> str:
    r"""A delimiter as written in DDL: `\001`, `\u0001` or the character itself; `\t` and `\\` came resolved."""
    code = re.fullmatch(r"\\(?:u([0-9a-fA-F]{4})|([0-7]{1,3}))", text)
    if not code:
        return text
    return chr(int(code[1], 16) if code[1] else int(code[2], 8))
