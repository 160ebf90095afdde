"""Athena SQL rewritten to DuckDB SQL: sqlglot's transpiler, and rewrites.py where the two engines differ."""

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel, SqlglotError, UnsupportedError
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from localstack_athena import functions, types
from localstack_athena.catalog import Table, TableName
from localstack_athena.errors import QueryFailedError, not_supported, position_of
from localstack_athena.inference import infer_types
from localstack_athena.rewrites import REWRITES
from localstack_athena.type_checks import refuse_mixed_types


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

    Raises:
        QueryFailedError: TYPE_MISMATCH with its place, or NOT_SUPPORTED.
    """
    rewritten = query.copy()
    for table in table_references(rewritten):
        table.set("catalog", None)
        table.set("db", exp.to_identifier((table.db or database).lower(), quoted=True))
        table.set("this", exp.to_identifier(table.name.lower(), quoted=True))
    _name_columns(rewritten)
    known = _types(rewritten, tables) if rewritten.find(exp.Func, exp.Binary, exp.Between, exp.In) else {}
    refuse_mixed_types(rewritten, known)
    nodes: list[exp.Expression] = list(rewritten.walk(bfs=True))
    for node in reversed(nodes):  # children first, so that a rewrite sees its operands done
        if rewrite := REWRITES.get(type(node)):
            replacement = rewrite(node, known)
            if replacement is not node:
                nodes.append(replacement)  # kept, for `known` goes by id
                if id(node) in known:
                    known[id(replacement)] = known[id(node)]
                node.replace(replacement)
    try:
        return rewritten.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise not_supported(str(error)) from error


def _name_columns(query: exp.Expression) -> None:
    """Give columns without a name Trino's: _col and the position, from 0."""
    for select in query.find_all(exp.Select):
        for position, projection in enumerate(select.expressions):
            if not isinstance(projection, (exp.Alias, exp.Column, exp.Dot)) and not projection.is_star:
                projection.replace(exp.alias_(projection.copy(), f"_col{position}"))
    for values in query.find_all(exp.Values):
        alias = values.args.get("alias")
        if isinstance(values.parent, (exp.From, exp.Join)) and not (alias and alias.columns):
            names = [exp.to_identifier(f"_col{position}") for position in range(len(values.expressions[0].expressions))]
            values.set(
                "alias", exp.TableAlias(this=(alias and alias.this) or exp.to_identifier("_values"), columns=names)
            )


def _types(query: exp.Expression, tables: Mapping[TableName, Table]) -> dict[int, exp.DataType]:
    """The types of expressions, by the id of the node in `query`; one without a known type is missing."""
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
        for node in infer_types(qualified, schema).walk():
            if node.type and not node.type.is_type(exp.DataType.Type.UNKNOWN) and "number" in node.meta:
                inferred[id(nodes[node.meta["number"]])] = node.type
    except SqlglotError:
        return {}  # a column or table that is not there: DuckDB says which
    return inferred
