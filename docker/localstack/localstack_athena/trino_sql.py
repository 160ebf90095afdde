"""Athena SQL rewritten to DuckDB SQL: sqlglot's transpiler, and our rewrites where the two engines differ."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from localstack_athena import functions, types
from localstack_athena.catalog import Table, TableName
from localstack_athena.errors import QueryFailedError, position_of

Types = Mapping[int, exp.DataType]
Rewrite = Callable[[Any, Types], exp.Expression]

# DuckDB answers x // 0 and x % 0 with NULL, Trino with an error.
MACROS = """
CREATE MACRO athena_divide(dividend, divisor) AS
    CASE WHEN divisor = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE dividend // divisor END;
CREATE MACRO athena_modulus(dividend, divisor) AS
    CASE WHEN divisor = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE dividend % divisor END;
CREATE MACRO athena_integer(digits, kind) AS
    CASE WHEN regexp_full_match(digits, '[+-]?[0-9]+') THEN digits
         ELSE error('INVALID_CAST_ARGUMENT: Cannot cast ''' || digits || ''' to ' || kind) END;
"""


def _decimal_literal(parser: Trino.Parser, this: exp.Expression, _type: exp.DataType) -> exp.Expression:
    """DECIMAL '1.20' is a decimal(3,2): as wide as it is written."""
    whole, _, fraction = this.name.lstrip("+-").partition(".")
    scale = len(fraction)
    precision = max(len(whole.lstrip("0")) + scale, scale, 1)
    return parser.expression(exp.Cast, this=this, to=exp.DataType.build(f"DECIMAL({precision}, {scale})"))


class AthenaTrino(Trino):
    """Trino's dialect as Athena speaks it."""

    class Parser(Trino.Parser):
        """Trino's parser, which takes DECIMAL '0.2' for a cast to the default decimal."""

        TYPE_LITERAL_PARSERS = {  # noqa: RUF012  # as sqlglot declares it
            **Trino.Parser.TYPE_LITERAL_PARSERS,
            exp.DataType.Type.DECIMAL: _decimal_literal,
        }


def table_references(query: exp.Expression) -> Iterator[exp.Table]:
    """The tables of the catalog that the query names; not its CTEs, VALUES or UNNESTs."""
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                yield source


def check_functions(query: exp.Expression, sql: str) -> None:
    """Refuse what is not in functions.KNOWN; `sql` is the text that `query` was parsed from.

    A function is known by the name it has in the text, for sqlglot gives several names one class.

    Raises:
        QueryFailedError: FUNCTION_NOT_FOUND with its place.
    """
    for function in query.find_all(exp.Func):
        meta = function.meta
        if "start" in meta:
            name = sql[meta["start"] : meta["end"] + 1].strip('"').lower()
        elif isinstance(function, exp.Anonymous):
            name = function.name.lower()
        else:
            continue  # an operator or a construct with a syntax of its own, such as CASE
        if name not in functions.KNOWN:
            raise QueryFailedError("FUNCTION_NOT_FOUND", f"Function '{name}' not registered", position_of(function))


def to_duckdb(query: exp.Query, tables: Mapping[TableName, Table], database: str) -> str:
    """The query in DuckDB SQL, its tables named `"database"."table"`.

    `tables` are those that the query reads, for the types of their columns; unqualified names belong to `database`.
    """
    rewritten = query.copy()
    for table in table_references(rewritten):
        table.set("catalog", None)
        table.set("db", exp.to_identifier((table.db or database).lower(), quoted=True))
        table.set("this", exp.to_identifier(table.name.lower(), quoted=True))
    _name_columns(rewritten)
    known = _types(rewritten, tables) if rewritten.find(*_TYPED) else {}
    # Children first, so that a rewrite sees its operands done; ids stay valid because nodes are replaced, not copied.
    for node in reversed(list(rewritten.walk(bfs=True))):
        if rewrite := _REWRITES.get(type(node)):
            replacement = rewrite(node, known)
            if replacement is not node:
                if id(node) in known:
                    known[id(replacement)] = known[id(node)]
                node.replace(replacement)
    return rewritten.sql("duckdb")


def _name_columns(query: exp.Expression) -> None:
    """Give columns without a name Trino's: _col and the position, from 0."""
    for select in query.find_all(exp.Select):
        for position, projection in enumerate(select.expressions):
            if not isinstance(projection, (exp.Alias, exp.Column, exp.Dot)) and not projection.is_star:
                projection.replace(exp.alias_(projection.copy(), f"_col{position}"))


def _types(query: exp.Expression, tables: Mapping[TableName, Table]) -> dict[int, exp.DataType]:
    """The types that sqlglot infers, by the id of the node in `query`; a node it cannot type is missing."""
    schema = MappingSchema(dialect="duckdb")
    for table in tables.values():
        columns = {column.name: types.duckdb_type(column.type) for column in (*table.columns, *table.partition_keys)}
        schema.add_table(exp.table_(table.name.table, db=table.name.database), columns, dialect="duckdb")
    nodes = list(query.walk())
    for number, node in enumerate(nodes):
        node.meta["number"] = number
    inferred: dict[int, exp.DataType] = {}
    try:
        qualified = qualify_columns(
            qualify_tables(query.copy()), schema, expand_alias_refs=False, expand_stars=False, infer_schema=True
        )
        for node in annotate_types(qualified, schema).walk():
            if node.type and not node.type.is_type(exp.DataType.Type.UNKNOWN) and "number" in node.meta:
                inferred[id(nodes[node.meta["number"]])] = node.type
    except SqlglotError:
        return {}  # a column or table that is not there: DuckDB says which
    return inferred


def _divide(node: exp.Div, known: Types) -> exp.Expression:
    left, right = known.get(id(node.left)), known.get(id(node.right))
    if not left or not right:
        return node
    if left.is_type(*exp.DataType.INTEGER_TYPES) and right.is_type(*exp.DataType.INTEGER_TYPES):
        if node.find_ancestor(exp.Try):  # DuckDB's TRY takes no volatile error(); NULL is what TRY would answer
            return exp.IntDiv(this=node.left, expression=node.right)
        return exp.func("athena_divide", node.left, node.right)
    quotient = _decimal_quotient(left, right)
    return exp.cast(exp.Paren(this=exp.Div(this=node.left, expression=node.right)), quotient) if quotient else node


def _decimal_quotient(left: exp.DataType, right: exp.DataType) -> exp.DataType | None:
    """Trino's type for a division of decimals; None when one of the two is no exact number, or of unknown width."""
    widths = [_decimal_width(kind) for kind in (left, right)]
    if None in widths or not (left.is_type(exp.DataType.Type.DECIMAL) or right.is_type(exp.DataType.Type.DECIMAL)):
        return None
    (precision, scale), (_, other) = (width or (0, 0) for width in widths)
    wide = min(38, precision + other + max(other - scale, 0))
    return exp.DataType.build(f"DECIMAL({wide}, {max(scale, other)})")


_INTEGER_DIGITS = {
    exp.DataType.Type.TINYINT: 3,
    exp.DataType.Type.SMALLINT: 5,
    exp.DataType.Type.INT: 10,
    exp.DataType.Type.BIGINT: 19,
}


def _decimal_width(kind: exp.DataType) -> tuple[int, int] | None:
    """Precision and scale."""
    if kind.is_type(exp.DataType.Type.DECIMAL) and kind.expressions:
        sizes = [int(parameter.name) for parameter in kind.expressions]
        return sizes[0], sizes[1] if len(sizes) > 1 else 0
    digits = _INTEGER_DIGITS.get(kind.this)
    return (digits, 0) if digits else None


def _modulus(node: exp.Mod, known: Types) -> exp.Expression:
    right = known.get(id(node.right))
    if not right or right.is_type(*exp.DataType.REAL_TYPES) or node.find_ancestor(exp.Try):
        return node
    return exp.func("athena_modulus", node.left, node.right)


def _cast(node: exp.Cast, known: Types) -> exp.Expression:
    target = node.args["to"]
    if target.is_type(exp.DataType.Type.DECIMAL) and not target.expressions:
        target.replace(exp.DataType.build("DECIMAL(38, 0)"))
        return node
    source = known.get(id(node.this))
    if not source or not target.is_type(*exp.DataType.INTEGER_TYPES):
        return node
    if source.is_type(*exp.DataType.FLOAT_TYPES, exp.DataType.Type.DOUBLE):  # DuckDB rounds half to even
        node.set("this", exp.func("round", node.this))
    elif source.is_type(*exp.DataType.TEXT_TYPES):  # DuckDB reads '1.5' as 2 and ' 1' as 1
        if isinstance(node, exp.TryCast) or node.find_ancestor(exp.Try):
            digits = exp.func("regexp_full_match", node.this, exp.Literal.string("[+-]?[0-9]+"))
            node.set("this", exp.case().when(digits, node.this.copy()))
        else:
            node.set("this", exp.func("athena_integer", node.this, exp.Literal.string(target.sql("trino").lower())))
    return node


def _number(node: exp.Literal, _known: Types) -> exp.Expression:
    """1.5 is a double in Athena and a decimal in DuckDB."""
    if node.is_string or not re.fullmatch(r"\d*\.\d*", node.name):
        return node
    return exp.cast(node.copy(), "double")


def _shift_date(node: exp.Add | exp.Sub | exp.DateAdd, known: Types) -> exp.Expression:
    """A date and an interval of whole days, or more, is a date; DuckDB makes a timestamp of it."""
    operands = [node.this, node.expression]
    dated = any(
        kind and kind.is_type(exp.DataType.Type.DATE) for kind in (known.get(id(operand)) for operand in operands)
    )
    if isinstance(node, (exp.DateAdd, exp.DateSub)):
        shifts = dated
    else:
        shifts = dated and any(isinstance(operand, exp.Interval) for operand in operands)
    return exp.cast(node.copy(), "date") if shifts else node


def _average(node: exp.Avg, known: Types) -> exp.Expression:
    """The average of decimals is a decimal of the same width; DuckDB answers with a double."""
    kind = known.get(id(node.this))
    if not kind or not kind.is_type(exp.DataType.Type.DECIMAL) or not kind.expressions:
        return node
    outer = node.parent if isinstance(node.parent, (exp.Filter, exp.Window)) else node
    return exp.cast(node.copy(), kind) if outer is node else node


def _regexp_replace(node: exp.RegexpReplace, _known: Types) -> exp.Expression:
    r"""Groups are $1 in Trino's replacement and \1 in DuckDB's."""
    replacement = node.args.get("replacement")
    if isinstance(replacement, exp.Literal):
        text = replacement.name.replace("\\", "\\\\")
        replacement.replace(exp.Literal.string(re.sub(r"\\\\\$|\$(\d)", lambda m: f"\\{m[1]}" if m[1] else "$", text)))
    return node


def _regexp_extract(node: exp.RegexpExtract, _known: Types) -> exp.Expression:
    """No match is NULL in Trino and an empty string in DuckDB."""
    matches = exp.func("regexp_matches", node.this.copy(), node.expression.copy())
    return exp.case().when(matches, node.copy())


def _split_part(node: exp.SplitPart, _known: Types) -> exp.Expression:
    """A part beyond the last is NULL in Trino and an empty string in DuckDB."""
    parts = exp.func("str_split", node.this.copy(), node.args["delimiter"].copy())
    return exp.Bracket(this=parts, expressions=[node.args["part_index"].copy()])


def _percentile(node: exp.ApproxQuantile, _known: Types) -> exp.Expression:
    """One of the values, as Trino's sketch answers; DuckDB's interpolates."""
    return exp.func("quantile_disc", node.this.copy(), node.args["quantile"].copy())


def _every(node: exp.Anonymous, _known: Types) -> exp.Expression:
    return exp.LogicalAnd(this=node.expressions[0].copy()) if node.name.lower() == "every" else node


_REWRITES: dict[type[exp.Expression], Rewrite] = {
    exp.Add: _shift_date,
    exp.Anonymous: _every,
    exp.ApproxQuantile: _percentile,
    exp.Avg: _average,
    exp.Cast: _cast,
    exp.DateAdd: _shift_date,
    exp.Div: _divide,
    exp.Literal: _number,
    exp.Mod: _modulus,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.SplitPart: _split_part,
    exp.Sub: _shift_date,
    exp.TryCast: _cast,
}
# The rewrites that look at types.
_TYPED = (exp.Add, exp.Avg, exp.Cast, exp.DateAdd, exp.Div, exp.Mod, exp.Sub, exp.TryCast)
