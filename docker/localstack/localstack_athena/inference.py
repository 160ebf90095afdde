"""Inference: the type of every expression of a query, by Trino's rules; sqlglot's own know no width of a decimal."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import Schema

Width = tuple[int, int]
"""A decimal's precision and scale."""
Kind = exp.DataType | exp.DataType.Type

_MAX_DIGITS = 38
_DECIMAL = exp.DataType.Type.DECIMAL
_INTEGER_DIGITS = {
    exp.DataType.Type.TINYINT: 3,
    exp.DataType.Type.SMALLINT: 5,
    exp.DataType.Type.INT: 10,
    exp.DataType.Type.BIGINT: 19,
}


def infer_types(query: exp.Expression, schema: Schema) -> exp.Expression:
    """Set the type of every node of a qualified query, UNKNOWN where there is no telling; returns the query."""
    return _Annotator(schema, expression_metadata=_METADATA).annotate(query)


def decimal_width(kind: exp.DataType | None) -> Width | None:
    """A decimal's width; None for other types."""
    if kind is None or not kind.is_type(_DECIMAL) or not kind.expressions:
        return None
    sizes = [int(parameter.name) for parameter in kind.expressions]
    return sizes[0], sizes[1] if len(sizes) > 1 else 0


def exact_width(kind: exp.DataType | None) -> Width | None:
    """The width of a decimal, or of the one that an integer becomes beside it; None for other types."""
    digits = _INTEGER_DIGITS.get(kind.this) if kind else None
    return (digits, 0) if digits else decimal_width(kind)


def decimal_type(width: Width) -> exp.DataType:
    """The type of this width."""
    return exp.DataType.build(f"DECIMAL({min(width[0], _MAX_DIGITS)}, {width[1]})")


class _Annotator(TypeAnnotator):
    """sqlglot's, with Trino's common type of several: CASE, coalesce, UNION and the like."""

    def _maybe_coerce(self, type1: Kind, type2: Kind) -> Kind:
        one, other = (kind if isinstance(kind, exp.DataType) else exp.DataType(this=kind) for kind in (type1, type2))
        if exp.DataType.Type.UNKNOWN in (one.this, other.this):
            return exp.DataType.Type.UNKNOWN
        if not decimal_width(one) and not decimal_width(other):
            return super()._maybe_coerce(type1, type2)
        left, right = exact_width(one), exact_width(other)
        if left and right:
            places = max(left[1], right[1])
            return decimal_type((max(left[0] - left[1], right[0] - right[1]) + places, places))
        return next((kind for kind in (one, other) if kind.this in exp.DataType.FLOAT_TYPES), one if left else other)


Combine = Callable[[Width, Width], Width]
Annotate = Callable[[Any, Any], exp.Expression]


def _typed(annotator: Any, node: exp.Expression, kind: Kind | None) -> exp.Expression:
    annotator._set_type(node, kind)  # noqa: SLF001  # what sqlglot's own annotators call
    return node


def _arithmetic(combine: Combine) -> Annotate:
    """Two exact numbers, one of them a decimal, make one of the width that `combine` gives."""

    def annotate(annotator: Any, node: exp.Binary) -> exp.Expression:
        kinds = [node.left.type, node.right.type]
        left, right = (exact_width(kind) for kind in kinds)
        if left and right and any(decimal_width(kind) for kind in kinds):
            return _typed(annotator, node, decimal_type(combine(left, right)))
        (annotator._annotate_div if isinstance(node, exp.Div) else annotator._annotate_binary)(node)  # noqa: SLF001
        return node

    return annotate


def _of_argument(width: Callable[[Width], Width] = lambda width: width, integer: Kind | None = None) -> Annotate:
    """The type of the first argument, a decimal's width changed, an integer turned into `integer`."""

    def annotate(annotator: Any, node: exp.Expression) -> exp.Expression:
        kind = (node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this).type
        if known := decimal_width(kind):
            kind = decimal_type(width(known))
        elif integer and kind and kind.is_type(*exp.DataType.INTEGER_TYPES):
            kind = integer
        return _typed(annotator, node, kind)

    return annotate


def _sum(one: Width, other: Width) -> Width:
    places = max(one[1], other[1])
    return max(one[0] - one[1], other[0] - other[1]) + places + 1, places


def _product(one: Width, other: Width) -> Width:
    return one[0] + other[0], one[1] + other[1]


def _quotient(one: Width, other: Width) -> Width:
    return one[0] + other[1] + max(other[1] - one[1], 0), max(one[1], other[1])


def _remainder(one: Width, other: Width) -> Width:
    places = max(one[1], other[1])
    return min(one[0] - one[1], other[0] - other[1]) + places, places


def _one_digit_more(width: Width) -> Width:
    return width[0] + 1, width[1]


def _whole(width: Width) -> Width:
    return width[0] - width[1] + min(width[1], 1), 0


def _rounded(annotator: Any, node: exp.Round) -> exp.Expression:
    return _of_argument(_one_digit_more if node.args.get("decimals") else _whole)(annotator, node)


_ANNOTATE: dict[type[exp.Expression], Annotate] = {
    exp.Add: _arithmetic(_sum),
    exp.Avg: _of_argument(integer=exp.DataType.Type.DOUBLE),
    exp.Ceil: _of_argument(_whole),
    exp.Div: _arithmetic(_quotient),
    exp.Floor: _of_argument(_whole),
    exp.Mod: _arithmetic(_remainder),
    exp.Mul: _arithmetic(_product),
    exp.Round: _rounded,
    exp.Sign: _of_argument(lambda _width: (1, 0)),
    exp.Sub: _arithmetic(_sum),
    exp.Sum: _of_argument(lambda width: (_MAX_DIGITS, width[1]), exp.DataType.Type.BIGINT),
    **dict.fromkeys(
        (
            exp.Abs, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.FirstValue, exp.Lag, exp.LastValue, exp.Lead,
            exp.NthValue, exp.Nullif, exp.Trunc, exp.Try,
        ),
        _of_argument(),
    ),
}  # fmt: skip
_METADATA = {**Trino.EXPRESSION_METADATA, **{kind: {"annotator": annotate} for kind, annotate in _ANNOTATE.items()}}
