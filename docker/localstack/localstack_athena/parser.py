"""The parser: one statement's text to one typed object, by Hive's grammar or by Trino's as Athena routes them."""

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from localstack_athena import hive_parser
from localstack_athena.errors import Position, QueryFailedError, not_supported, syntax_error
from localstack_athena.statements import CreateTableAs, CtasProperties, Select, Statement
from localstack_athena.trino_sql import AthenaTrino, check_functions

_HIVE = {"ALTER", "CREATE", "DESC", "DESCRIBE", "DROP", "MSCK", "SHOW"}
_KNOWN_ELSEWHERE = frozenset(
    "ANALYZE DEALLOCATE DELETE EXECUTE EXPLAIN INSERT MERGE OPTIMIZE PREPARE UNLOAD UPDATE USING VACUUM".split()
)
_STARTS = sorted(_HIVE | {"(", "SELECT", "VALUES", "WITH"})


def parse(sql: str, database: str, parameters: list[str]) -> Statement:
    """The statement that `sql` holds.

    Args:
        sql: one statement, with or without a last semicolon.
        database: what unqualified names belong to.
        parameters: SQL expressions for the `?` in the text, in their order.

    Raises:
        QueryFailedError: SYNTAX_ERROR with line and column, FUNCTION_NOT_FOUND, NOT_SUPPORTED.
    """
    tokens = _tokens(sql)
    words = [token.text.upper() for token in tokens[:2]]
    first = words[0].split()[0]
    if first in _HIVE and not _is_create_as(tokens):
        if parameters:
            raise not_supported("Parameters are for queries only")
        return hive_parser.parse(sql, tokens, database)
    if first in _KNOWN_ELSEWHERE:
        raise not_supported(f"{first} is not supported")
    if first not in _STARTS:
        raise syntax_error(f"mismatched input '{tokens[0].text}'. Expecting: {', '.join(_STARTS)}", Position(1, 1))
    tree = _tree(sql)
    _bind(tree, parameters)
    check_functions(tree, sql)
    if isinstance(tree, exp.Create):
        return _create_table_as(tree, database)
    if isinstance(tree, exp.Values):  # VALUES alone is a query in Trino
        tree = exp.select("*").from_(tree)
    if not isinstance(tree, exp.Query):
        raise not_supported(f"{first} is not supported")
    return Select(tree)


def _tokens(sql: str) -> list[Token]:
    try:
        tokens = hive_parser.Tokenizer(dialect="hive").tokenize(sql)
    except TokenError as error:
        raise _token_error(error, sql) from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise syntax_error("mismatched input '<EOF>'. Expecting: <statement>", Position(1, 1))
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise syntax_error("Only one sql statement is allowed")
    return tokens


def _is_create_as(tokens: list[Token]) -> bool:
    words = [token.text.upper() for token in tokens[:2]]
    return words == ["CREATE", "TABLE"] and any(token.token_type == TokenType.SELECT for token in tokens)


def _tree(sql: str) -> exp.Expression:
    try:
        trees = sqlglot.parse(sql, dialect=AthenaTrino)
    except TokenError as error:
        raise _token_error(error, sql) from None
    except ParseError as error:
        facts = error.errors[0]
        found = facts["highlight"] or "<EOF>"
        column = (facts["col"] or 1) - len(facts["highlight"] or "") + 1
        raise syntax_error(f"mismatched input '{found}'", Position(facts["line"] or 1, column)) from None
    tree = trees[0]
    if tree is None:
        raise syntax_error("mismatched input '<EOF>'. Expecting: <statement>", Position(1, 1))
    return tree


def _token_error(error: TokenError, sql: str) -> QueryFailedError:
    """A text that cannot be cut into words: a quote or a comment that does not end."""
    cause = re.search(r"Missing (.+) from \d+:(\d+)", str(error.__cause__ or error))
    if not cause:
        return syntax_error(str(error))
    before = sql[: int(cause[2])]
    place = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    return syntax_error(f"the text that opens here has no closing {cause[1]}", place)


def _bind(tree: exp.Expression, parameters: list[str]) -> None:
    placeholders = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(placeholders) != len(parameters):
        raise QueryFailedError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(placeholders)} but found {len(parameters)}",
        )
    for placeholder, parameter in zip(placeholders, parameters, strict=True):
        placeholder.replace(_constant(parameter))


def _constant(parameter: str) -> exp.Expression:
    """An execution parameter: a literal, NULL, or a typed literal such as DATE '2024-01-31'."""
    value = _tree(f"SELECT {parameter}")
    kinds = (exp.Literal, exp.Null, exp.Boolean, exp.Neg, exp.Cast, exp.DataType, exp.DataTypeParam)
    if isinstance(value, exp.Select) and len(value.expressions) == 1:
        constant: exp.Expression = value.expressions[0]
        if all(isinstance(node, kinds) for node in constant.walk()):
            return constant
    raise QueryFailedError("INVALID_PARAMETER_USAGE", f"Not a constant: {parameter}")


def _create_table_as(tree: exp.Create, database: str) -> CreateTableAs:
    query = tree.expression
    if tree.kind != "TABLE" or not isinstance(query, exp.Query) or not isinstance(tree.this, exp.Table):
        raise not_supported(f"CREATE {tree.kind} AS is not supported")
    if tree.args.get("replace"):
        raise syntax_error("mismatched input 'OR'. Expecting: 'EXTERNAL', 'TABLE'")
    properties: dict[str, str | tuple[str, ...] | None] = {}
    with_data = True
    for clause in tree.args["properties"].expressions if tree.args.get("properties") else ():
        if isinstance(clause, exp.WithDataProperty):
            with_data = not clause.args.get("no")
        else:
            name, value = _ctas_property(clause)
            properties[name] = value
    return CreateTableAs(
        table=hive_parser.table_name([part.name for part in tree.this.parts], database),
        query=query,
        properties=CtasProperties(**properties),  # type: ignore[arg-type]  # _ctas_property checks name and type
        if_not_exists=bool(tree.args.get("exists")),
        with_data=with_data,
    )


_TEXT_PROPERTIES = {"format", "write_compression", "parquet_compression", "external_location", "field_delimiter"}


def _ctas_property(clause: exp.Expression) -> tuple[str, str | tuple[str, ...]]:
    if isinstance(clause, exp.PartitionedByProperty):
        return "partitioned_by", tuple(_text(item, "partitioned_by").lower() for item in clause.this.expressions)
    if isinstance(clause, exp.FileFormatProperty):
        return "format", _text(clause.this, "format").upper()
    if not isinstance(clause, exp.Property):
        raise not_supported(f"CREATE TABLE AS with {clause.sql('trino')} is not supported")
    name = clause.name.lower()
    if name not in _TEXT_PROPERTIES:
        raise QueryFailedError("INVALID_TABLE_PROPERTY", f"Table property '{name}' does not exist or is not supported")
    value = _text(clause.args["value"], name)
    return ("write_compression", value.upper()) if name.endswith("_compression") else (name, value)


def _text(node: exp.Expression, name: str) -> str:
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise QueryFailedError(
            "INVALID_TABLE_PROPERTY", f"Invalid value for table property '{name}': {node.sql('trino')}"
        )
    return node.name
