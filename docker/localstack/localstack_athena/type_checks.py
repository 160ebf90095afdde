"""Type checks: operators between types that Athena refuses and DuckDB would cast without a word."""

from collections.abc import Mapping

from sqlglot import exp

from localstack_athena.errors import QueryFailedError, position_of

_FAMILIES = [
    exp.DataType.TEXT_TYPES,
    exp.DataType.NUMERIC_TYPES,
    exp.DataType.TEMPORAL_TYPES,
    {exp.DataType.Type.BOOLEAN},
]
_OPERATORS: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Div: "/",
    exp.EQ: "=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Mod: "%",
    exp.Mul: "*",
    exp.NEQ: "<>",
    exp.Sub: "-",
}


def refuse_mixed_types(query: exp.Expression, known: Mapping[int, exp.DataType]) -> None:
    """Fail where a text meets a number or a date; `known` gives types by the ids of nodes of `query`.

    Raises:
        QueryFailedError: TYPE_MISMATCH with its place.
    """
    for node in query.find_all(*_OPERATORS, exp.Between, exp.In):
        operands = [known.get(id(operand)) for operand in _operands(node)]
        for other in operands[1:]:
            if _differ(operands[0], other):
                raise QueryFailedError("TYPE_MISMATCH", _complaint(node, operands[0], other), position_of(node))


def _operands(node: exp.Expression) -> list[exp.Expression]:
    if isinstance(node, exp.In):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    return [] if isinstance(node.expression, (exp.All, exp.Any)) else [node.this, node.expression]


def _differ(one: exp.DataType | None, other: exp.DataType | None) -> bool:
    families = [
        next((number for number, family in enumerate(_FAMILIES) if kind and kind.is_type(*family)), None)
        for kind in (one, other)
    ]
    return None not in families and families[0] != families[1]


def _complaint(node: exp.Expression, one: exp.DataType | None, other: exp.DataType | None) -> str:
    left, right = (kind.sql("trino").lower() if kind else "unknown" for kind in (one, other))
    if isinstance(node, exp.In):
        return f"IN value and list items must be the same type: {left}, {right}"
    if isinstance(node, exp.Between):
        return f"Cannot check if {left} is BETWEEN {right}"
    return f"Cannot apply operator: {left} {_OPERATORS[type(node)]} {right}"
