"""DuckDB macros that the rewrites call, in the SQL that prepares a connection.

Numbers: DuckDB answers x // 0 and x % 0 with NULL, Trino with an error; DuckDB fails where Java answers NaN or
-Infinity; a double as text is SQL's 1.5E0. Arrays: a NULL in one makes Trino's answer NULL.
"""

MACROS = r"""
SET TimeZone = 'UTC';
CREATE MACRO athena_nonzero(divisor) AS
    CASE WHEN divisor = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE divisor END;
CREATE MACRO athena_round_half_up(dividend, divisor) AS
    sign(dividend) * sign(divisor) * ((2 * abs(dividend) + abs(divisor)) // (2 * abs(divisor)));
CREATE MACRO athena_integer(digits, kind) AS
    CASE WHEN regexp_full_match(digits, '[+-]?[0-9]+') THEN digits
         ELSE error('INVALID_CAST_ARGUMENT: Cannot cast ''' || digits || ''' to ' || kind) END;
CREATE MACRO athena_sqrt(x) AS CASE WHEN x < 0 THEN 'NaN'::DOUBLE ELSE sqrt(x) END;
CREATE MACRO athena_ln(x) AS
    CASE WHEN x < 0 THEN 'NaN'::DOUBLE WHEN x = 0 THEN '-Infinity'::DOUBLE ELSE ln(x) END;
CREATE MACRO athena_log(base, x) AS
    CASE WHEN x < 0 THEN 'NaN'::DOUBLE WHEN x = 0 THEN '-Infinity'::DOUBLE ELSE log(base, x) END;
CREATE MACRO athena_scientific(digits, exponent) AS
    digits[1] || '.' || coalesce(nullif(digits[2:], ''), '0') || 'E' || exponent;
CREATE MACRO athena_double_text(x) AS
    CASE WHEN isnan(x) THEN 'NaN'
         WHEN isinf(x) THEN if(x > 0, 'Infinity', '-Infinity')
         WHEN x = 0 THEN if(signbit(x), '-0E0', '0E0')
         ELSE if(x < 0, '-', '') || athena_scientific(
             trim(replace(split_part(abs(x)::VARCHAR, 'e', 1), '.', ''), '0'),
             floor(log10(abs(x)))::INTEGER) END;
CREATE MACRO athena_substr(text, start) AS
    CASE WHEN start = 0 OR start < -length(text) THEN '' ELSE substring(text, start) END,
    (text, start, size) AS
    CASE WHEN start = 0 OR start < -length(text) OR size <= 0 THEN '' ELSE substring(text, start, size) END;
CREATE MACRO athena_split(parts, separator, most) AS
    CASE WHEN len(parts) > most THEN parts[:most - 1] || [array_to_string(parts[most:], separator)] ELSE parts END;
CREATE MACRO athena_array_max(items) AS CASE WHEN list_count(items) = len(items) THEN list_max(items) END;
CREATE MACRO athena_array_min(items) AS CASE WHEN list_count(items) = len(items) THEN list_min(items) END;
CREATE MACRO athena_contains(items, item) AS
    CASE WHEN list_contains(items, item) THEN true
         WHEN list_count(items) = len(items) AND item IS NOT NULL THEN false END;
CREATE MACRO athena_array_distinct(items) AS
    list_filter(items, (item, place) -> list_position(items, item) = place);
CREATE MACRO athena_slice(items, start, size) AS
    CASE WHEN start < 0 THEN list_slice(items, len(items) + start + 1, len(items) + start + size)
         ELSE list_slice(items, start, start + size - 1) END;
"""
