"""Rewrites: where sqlglot's DuckDB SQL means something else than the Athena SQL did, node by node."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from localstack_athena.errors import not_supported
from localstack_athena.inference import Width, decimal_type, decimal_width, exact_width

Types = Mapping[int, exp.DataType]
Rewrite = Callable[[Any, Types], exp.Expression]


def _kind(node: exp.Expression | None, known: Types) -> exp.DataType | None:
    return known.get(id(node))


def _call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A function of DuckDB's or ours, which sqlglot is to leave as it is."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _is(node: exp.Expression | None, known: Types, *kinds: exp.DataType.Type) -> bool:
    kind = _kind(node, known)
    return kind is not None and kind.is_type(*kinds)


_INTEGERS = exp.DataType.INTEGER_TYPES
_DOUBLES = exp.DataType.FLOAT_TYPES
_DECIMAL = exp.DataType.Type.DECIMAL
_TEXTS = exp.DataType.TEXT_TYPES
_DATE = exp.DataType.Type.DATE
_ZONELESS = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.DATETIME, exp.DataType.Type.TIMESTAMPNTZ)


# Numbers.


def _number(node: exp.Literal, _known: Types) -> exp.Expression:
    """1.5 is a double in Athena and a decimal in DuckDB."""
    if node.is_string or not re.fullmatch(r"\d*\.\d*", node.name):
        return node
    return exp.cast(node.copy(), "double")


def _divide(node: exp.Div, known: Types) -> exp.Expression:
    if _is(node.left, known, *_DOUBLES) or _is(node.right, known, *_DOUBLES):
        return node
    if quotient := decimal_width(_kind(node, known)):
        _, places = quotient
        _, divisor_places = exact_width(_kind(node.right, known)) or (0, 0)
        dividend = _whole(node.left, places + divisor_places)
        divisor = _whole(_nonzero(node.right, node), divisor_places)
        return _decimal(_rounded_division(dividend, divisor), quotient)
    # Of unknown types too: // is a plain division where one of the two is a double.
    return exp.IntDiv(this=node.left, expression=_nonzero(node.right, node))


def _nonzero(divisor: exp.Expression, division: exp.Expression) -> exp.Expression:
    """The divisor, which fails when it is 0; DuckDB's TRY takes no error(), and answers NULL without it."""
    is_safe = _is_positive(divisor) or division.find_ancestor(exp.Try)
    return divisor if is_safe else _call("athena_nonzero", divisor)


def _rounded_division(dividend: exp.Expression, divisor: exp.Expression) -> exp.Expression:
    """The quotient of whole numbers, rounded half up; DuckDB divides decimals as doubles."""
    return _call("athena_round_half_up", dividend, divisor)


def _whole(value: exp.Expression, places: int) -> exp.Expression:
    """A decimal with its point moved behind its last digit."""
    moved = (
        exp.Mul(this=exp.paren(value.copy(), copy=False), expression=_power_of_ten(places)) if places else value.copy()
    )
    return exp.cast(moved, "INT128")


def _decimal(whole: exp.Expression, width: Width) -> exp.Expression:
    """The decimal whose digits are `whole`, its point moved back."""
    places = width[1]
    if not places:
        return _cast_decimal(whole, width)
    digits = _cast_decimal(whole, (38 - places, 0))
    return _cast_decimal(exp.Mul(this=digits, expression=_power_of_ten(-places)), width)


def _power_of_ten(exponent: int) -> exp.Expression:
    text = f"1{'0' * exponent}" if exponent > 0 else f"0.{'0' * (-exponent - 1)}1"
    return _cast_decimal(exp.Literal.string(text), (exponent + 1, 0) if exponent > 0 else (-exponent, -exponent))


def _cast_decimal(value: exp.Expression, width: Width) -> exp.Expression:
    return exp.cast(value, decimal_type(width))


def _average(node: exp.Expression, known: Types) -> exp.Expression:
    """The average of decimals is a decimal of the same width, rounded half up; DuckDB answers with a double."""
    average = node
    while isinstance(average, (exp.Filter, exp.Window)):
        average = average.this
    is_inner = node.arg_key == "this" and isinstance(node.parent, (exp.Filter, exp.Window))
    if is_inner or not isinstance(average, exp.Avg):
        return node
    value = average.this.expressions[0] if isinstance(average.this, exp.Distinct) else average.this
    width = decimal_width(_kind(value, known))
    if not width:
        return node

    def over_same_rows(function: type[exp.Func]) -> exp.Expression:
        replacement = function(this=average.this.copy())
        other = node.copy()
        inner = other.find(exp.Avg)
        if inner is None or inner is other:
            return replacement
        inner.replace(replacement)
        return other

    total = _whole(over_same_rows(exp.Sum), width[1])
    return _decimal(_rounded_division(total, over_same_rows(exp.Count)), width)


def _modulus(node: exp.Mod, known: Types) -> exp.Expression:
    if not _is(node.left, known, *_DOUBLES) and not _is(node.right, known, *_DOUBLES):
        node.set("expression", _nonzero(node.right, node))
    return node


def _round(node: exp.Round, known: Types) -> exp.Expression:
    """A decimal rounded to some places keeps those behind them, as zeros; DuckDB cuts them off."""
    kind = _kind(node, known)
    return exp.cast(node.copy(), kind) if kind and decimal_width(kind) else node


def _truncate(node: exp.Trunc, known: Types) -> exp.Expression:
    """Likewise; sqlglot forgets how many places."""
    places = node.args.get("decimals")
    if not places:
        return node
    cut = _call("TRUNC", node.this, places)
    width = decimal_width(_kind(node.this, known))
    return _cast_decimal(cut, width) if width else cut


def _whole_number(node: exp.Ceil | exp.Floor, known: Types) -> exp.Expression:
    """An integer is whole already; DuckDB makes a double of it."""
    return node.this if _is(node.this, known, *_INTEGERS) else node


def _sign(node: exp.Sign, known: Types) -> exp.Expression:
    """The sign is of the number's type; DuckDB's is a TINYINT."""
    kind = _kind(node, known)
    return exp.cast(node.copy(), kind) if kind else node


def _percentile(node: exp.ApproxQuantile, _known: Types) -> exp.Expression:
    """One of the values, as Trino's sketch answers; DuckDB's interpolates."""
    return _call("quantile_disc", node.this.copy(), node.args["quantile"].copy())


def _every(node: exp.Anonymous, _known: Types) -> exp.Expression:
    return exp.LogicalAnd(this=node.expressions[0].copy()) if node.name.lower() == "every" else node


# Casts.


def _cast(node: exp.Cast, known: Types) -> exp.Expression:
    target = node.args["to"]
    if target.is_type(_DECIMAL):
        if not target.expressions:
            target.replace(exp.DataType.build("DECIMAL(38, 0)"))
        if _is(node.this, known, *_DOUBLES):  # rounded as it is written, not as it is stored: 1.005 to 1.01
            node.set("this", exp.cast(node.this.copy(), "TEXT"))
        return node
    if target.is_type(*_INTEGERS):
        return _cast_to_integer(node, known)
    if target.is_type(*_TEXTS):
        return _cast_to_text(node, known)
    return node


def _cast_to_integer(node: exp.Cast, known: Types) -> exp.Expression:
    if _is(node.this, known, *_DOUBLES):  # DuckDB rounds half to even
        node.set("this", _call("round", node.this))
    elif _is(node.this, known, *_TEXTS):  # DuckDB reads '1.5' as 2 and ' 1' as 1
        if isinstance(node, exp.TryCast) or node.find_ancestor(exp.Try):
            digits = _call("regexp_full_match", node.this, exp.Literal.string("[+-]?[0-9]+"))
            node.set("this", exp.case().when(digits, node.this.copy()))
        else:
            node.set("this", _call("athena_integer", node.this, exp.Literal.string(node.to.sql("duckdb"))))
    return node


def _cast_to_text(node: exp.Cast, known: Types) -> exp.Expression:
    size, value = node.to.expressions, node.this
    node.to.replace(exp.DataType.build("TEXT"))
    text: exp.Expression = node
    if _is(value, known, *_DOUBLES):
        text = _call("athena_double_text", value)
    elif _is(value, known, *_ZONELESS):
        text = _call("STRFTIME", value, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g"))
    return _call("left", text.copy(), size[0].this.copy()) if size else text


# Dates.


def _shift_date(node: exp.Add | exp.Sub | exp.DateAdd, known: Types) -> exp.Expression:
    """A date and an interval of whole days, or more, is a date; DuckDB makes a timestamp of it."""
    dated = [_is(operand, known, _DATE) for operand in (node.this, node.expression)]
    if isinstance(node, exp.Sub) and all(dated):  # DuckDB answers with a number of days
        return _call("to_days", exp.cast(exp.paren(node.copy()), "INT"))
    if isinstance(node, (exp.Add, exp.Sub)) and not isinstance(node.this, exp.Interval):
        dated[1] = dated[1] and isinstance(node.this, exp.Interval)
        dated[0] = dated[0] and isinstance(node.expression, exp.Interval)
    return exp.cast(node.copy(), "date") if any(dated) else node


def _date_difference(node: exp.DateDiff, _known: Types) -> exp.Expression:
    """Whole units that have passed; DuckDB's date_diff counts the boundaries between the two."""
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return _call("DATE_SUB", unit, node.expression, node.this)


def _truncate_time(node: exp.TimestampTrunc, known: Types) -> exp.Expression:
    """A timestamp stays one; DuckDB makes a date of it."""
    return exp.cast(node.copy(), "timestamp") if _is(node.this, known, *_ZONELESS) else node


def _time_format(node: exp.TimeToStr | exp.StrToTime, _known: Types) -> exp.Expression:
    """The letters of MySQL's formats that sqlglot does not translate."""
    pattern = node.args["format"]
    if isinstance(pattern, exp.Literal):
        pattern.replace(exp.Literal.string(re.sub("%[rvx]", _time_letter, pattern.name)))
    return node


def _time_letter(match: re.Match[str]) -> str:
    return _TIME_LETTERS[match[0]]


_TIME_LETTERS = {"%r": "%I:%M:%S %p", "%v": "%V", "%x": "%G"}

# Trino's names for DuckDB's; its days of the week run from Monday, 1, to Sunday, 7.
_FIELDS = {
    "DAY_OF_MONTH": "DAY",
    "DAY_OF_WEEK": "ISODOW",
    "DAY_OF_YEAR": "DOY",
    "DOW": "ISODOW",
    "YEAR_OF_WEEK": "ISOYEAR",
    "YOW": "ISOYEAR",
}


def _extract(node: exp.Extract, _known: Types) -> exp.Expression:
    field = node.name.upper()
    return _call("date_part", exp.Literal.string(_FIELDS.get(field, field)), node.expression)


def _at_time_zone(_node: exp.AtTimeZone, _known: Types) -> exp.Expression:
    """DuckDB's timestamps have no zone of their own, and it takes a plain timestamp for one of the zone named."""
    raise not_supported("AT TIME ZONE is not supported; this engine's time zone is UTC")


# Strings.


def _substring(node: exp.Substring, _known: Types) -> exp.Expression:
    """From a place that is not in the text, and for a negative length, Trino answers with the empty string."""
    start, size = node.args.get("start"), node.args.get("length")
    if not start or (_is_positive(start) and (size is None or _is_positive(size))):
        return node
    return _call("athena_substr", node.this, start, *([size] if size else []))


def _is_positive(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and node.is_int and int(node.name) > 0


def _split(node: exp.Split, _known: Types) -> exp.Expression:
    limit = node.args.get("limit")
    if not limit:
        return node
    parts = _call("str_split", node.this.copy(), node.expression.copy())
    return _call("athena_split", parts, node.expression, limit)


def _split_part(node: exp.SplitPart, _known: Types) -> exp.Expression:
    """A part beyond the last is NULL in Trino and an empty string in DuckDB."""
    parts = _call("str_split", node.this.copy(), node.args["delimiter"].copy())
    return _call("list_extract", parts, node.args["part_index"].copy())


def _regexp_replace(node: exp.RegexpReplace, _known: Types) -> exp.Expression:
    r"""Groups are $1 in Trino's replacement and \1 in DuckDB's."""
    replacement = node.args.get("replacement")
    if isinstance(replacement, exp.Lambda):
        raise not_supported("regexp_replace with a function is not supported")
    if isinstance(replacement, exp.Literal):
        text = replacement.name.replace("\\", "\\\\")
        replacement.replace(exp.Literal.string(re.sub(r"\\\\\$|\$(\d)", lambda m: f"\\{m[1]}" if m[1] else "$", text)))
    return node


def _regexp_extract(node: exp.RegexpExtract, _known: Types) -> exp.Expression:
    """No match is NULL in Trino and an empty string in DuckDB."""
    matches = _call("regexp_matches", node.this.copy(), node.expression.copy())
    return exp.case().when(matches, node.copy())


# Arrays and maps.


def _through_macro(name: str) -> Rewrite:
    """The function with the same arguments under one of our names."""

    def rewrite(node: exp.Func, _known: Types) -> exp.Expression:
        return _call(name, *(node.args[key] for key in node.arg_types if node.args.get(key)))

    return rewrite


def _array_join(node: exp.ArrayToString, _known: Types) -> exp.Expression:
    """The text for NULL stands among elements of any type."""
    if node.args.get("null"):
        node.set("this", exp.cast(node.this.copy(), "TEXT[]"))
    return node


def _cardinality(node: exp.ArraySize, known: Types) -> exp.Expression:
    return _call("CARDINALITY", node.this) if _is(node.this, known, _MAP) else node


_MAP = exp.DataType.Type.MAP


def _sequence(node: exp.GenerateSeries, known: Types) -> exp.Expression:
    """Without a step it runs downwards to a smaller end; from dates it is one of dates."""
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    dated = _is(start, known, _DATE)
    if not step:
        down = exp.LT(this=exp.paren(end.copy()), expression=exp.paren(start.copy()))
        steps = ["INTERVAL (-1) DAY", "INTERVAL 1 DAY"] if dated else ["-1", "1"]
        node.set("step", exp.case().when(down, steps[0], copy=False).else_(steps[1], copy=False))
    return exp.cast(node.copy(), "DATE[]") if dated else node


REWRITES: dict[type[exp.Expression], Rewrite] = {
    exp.Add: _shift_date,
    exp.Anonymous: _every,
    exp.ApproxQuantile: _percentile,
    exp.ArrayContains: _through_macro("athena_contains"),
    exp.ArrayDistinct: _through_macro("athena_array_distinct"),
    exp.ArrayMax: _through_macro("athena_array_max"),
    exp.ArrayMin: _through_macro("athena_array_min"),
    exp.ArraySize: _cardinality,
    exp.ArraySlice: _through_macro("athena_slice"),
    exp.ArrayToString: _array_join,
    exp.AtTimeZone: _at_time_zone,
    exp.Avg: _average,
    exp.Cast: _cast,
    exp.Ceil: _whole_number,
    exp.DateAdd: _shift_date,
    exp.DateDiff: _date_difference,
    exp.Div: _divide,
    exp.Extract: _extract,
    exp.Filter: _average,
    exp.Floor: _whole_number,
    exp.GenerateSeries: _sequence,
    exp.Literal: _number,
    exp.Ln: _through_macro("athena_ln"),
    exp.Log: _through_macro("athena_log"),
    exp.Mod: _modulus,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.Round: _round,
    exp.Sign: _sign,
    exp.Split: _split,
    exp.SplitPart: _split_part,
    exp.Sqrt: _through_macro("athena_sqrt"),
    exp.StrToTime: _time_format,
    exp.Sub: _shift_date,
    exp.Substring: _substring,
    exp.TimeToStr: _time_format,
    exp.TimestampTrunc: _truncate_time,
    exp.Trunc: _truncate,
    exp.TryCast: _cast,
    exp.Window: _average,
}
