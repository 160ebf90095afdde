"""The parser: one statement's text to one typed object, by Hive's grammar or by Trino's as Athena routes them."""

import re
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from localstack_athena import hive_parser
from localstack_athena.errors import Position, QueryFailedError, not_supported, syntax_error
from localstack_athena.statements import CreateTableAs, CtasProperties, Select, Statement
from localstack_athena.trino_sql import AthenaTrino, check_functions

_HIVE = ("ALTER", "CREATE", "DESC", "DESCRIBE", "DROP", "MSCK", "SHOW")
_HIVE_START = re.compile(rf"(?:\s|--[^\n]*|/\*.*?\*/)*({'|'.join(_HIVE)})\b", re.IGNORECASE | re.DOTALL)
_KNOWN_ELSEWHERE = frozenset(
    "ANALYZE DEALLOCATE DELETE EXECUTE EXPLAIN INSERT MERGE OPTIMIZE PREPARE UNLOAD UPDATE USING VACUUM".split()
)
_STARTS = sorted((*_HIVE, "(", "SELECT", "VALUES", "WITH"))
_AS_QUERY = {
    (TokenType.ALIAS, start) for start in (TokenType.L_PAREN, TokenType.SELECT, TokenType.VALUES, TokenType.WITH)
}
_CLAUSES = {
    TokenType.FROM, TokenType.GROUP_BY, TokenType.HAVING, TokenType.LIMIT, TokenType.ON, TokenType.ORDER_BY,
    TokenType.WHERE,
}  # fmt: skip
_NEEDS_MORE = _CLAUSES | {TokenType.COMMA, TokenType.SELECT}
_CANNOT_FOLLOW = _CLAUSES | {TokenType.COMMA, TokenType.R_PAREN}


def parse(sql: str, database: str, parameters: list[str]) -> Statement:
    """The statement that `sql` holds.

    Args:
        sql: one statement, with or without a last semicolon.
        database: what unqualified names belong to.
        parameters: SQL expressions for the `?` in the text, in their order.

    Raises:
        QueryFailedError: SYNTAX_ERROR with line and column, FUNCTION_NOT_FOUND, NOT_SUPPORTED.
    """
    if _is_hive(sql):
        if parameters:
            raise not_supported("Parameters are for queries only")
        return hive_parser.parse(sql, _tokens(sql, hive_parser.Tokenizer(dialect="hive")), database)
    tokens = _tokens(sql, AthenaTrino.Tokenizer(dialect=AthenaTrino))
    first = tokens[0].text.split()[0].upper()
    if first in _KNOWN_ELSEWHERE:
        raise not_supported(f"{first} is not supported")
    if first not in _STARTS:
        raise _mismatched(tokens[0], f". Expecting: {', '.join(_STARTS)}")
    _check_complete(tokens)
    tree = _tree(sql)
    check_functions(tree, sql)
    _bind(tree, parameters)
    if isinstance(tree, exp.Create):
        return _create_table_as(tree, database)
    if isinstance(tree, exp.Values):  # VALUES alone is a query in Trino
        tree = exp.select("*").from_(tree)
    if not isinstance(tree, exp.Query):
        raise not_supported(f"{first} is not supported")
    return Select(tree)


def _is_hive(sql: str) -> bool:
    """Whether the statement is read by Hive's grammar; its quotes and escapes differ from Trino's."""
    start = _HIVE_START.match(sql)
    if not start or start[1].upper() != "CREATE":
        return start is not None
    try:
        kinds = [token.token_type for token in AthenaTrino.Tokenizer(dialect=AthenaTrino).tokenize(sql)]
    except TokenError:
        return True
    return kinds[1:2] != [TokenType.TABLE] or not any(pair in _AS_QUERY for pair in pairwise(kinds))


def _tokens(sql: str, tokenizer: Tokenizer) -> list[Token]:
    try:
        tokens = tokenizer.tokenize(sql)
    except TokenError as error:
        raise _token_error(error, sql) from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise syntax_error("mismatched input '<EOF>'. Expecting: <statement>", Position(1, 1))
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise syntax_error("Only one sql statement is allowed")
    return tokens


def _check_complete(tokens: list[Token]) -> None:
    """Refuse what sqlglot overlooks: a comma or a clause's keyword with nothing behind it."""
    for token, following in pairwise([*tokens, None]):
        if token and token.token_type in _NEEDS_MORE:
            if not following:
                raise syntax_error("mismatched input '<EOF>'", Position(token.line, token.col + 1))
            if following.token_type in _CANNOT_FOLLOW:
                raise _mismatched(following)


def _mismatched(token: Token, expecting: str = "") -> QueryFailedError:
    place = Position(token.line, token.col - (token.end - token.start))
    return syntax_error(f"mismatched input '{token.text}'{expecting}", place)


def _tree(sql: str) -> exp.Expression:
    try:
        trees = sqlglot.parse(sql, dialect=AthenaTrino)
    except TokenError as error:
        raise _token_error(error, sql) from None
    except ParseError as error:
        raise _parse_error(error, sql) from None
    tree = trees[0]
    if tree is None:
        raise syntax_error("mismatched input '<EOF>'. Expecting: <statement>", Position(1, 1))
    return tree


def _parse_error(error: ParseError, sql: str) -> QueryFailedError:
    """What sqlglot points at: the word that is wrong, or the last one when the text ends too early."""
    facts = error.errors[0]
    found, line, column = facts["highlight"] or "", facts["line"] or 1, facts["col"] or 1
    if not sql.rstrip("; \n\t").endswith(found) or "Unexpected token" in (facts["description"] or ""):
        return syntax_error(f"mismatched input '{found}'", Position(line, column - len(found) + 1))
    return syntax_error("mismatched input '<EOF>'", Position(line, column + 1))


def _token_error(error: TokenError, sql: str) -> QueryFailedError:
    """A text that cannot be cut into words: a quote or a comment that does not end."""
    cause = re.search(r"Missing (.+) from \d+:(\d+)", str(error.__cause__ or error))
    if not cause:
        before = sql[: sql.rfind("/*")]
        place = Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        return (
            syntax_error("the comment that opens here has no end", place) if "/*" in sql else syntax_error(str(error))
        )
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
