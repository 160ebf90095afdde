"""Athena SQL functions that the engine knows, by name; any other name fails with FUNCTION_NOT_FOUND.

Each stands in tests/athena/pairs with what it returns. Those that sqlglot turns into DuckDB's wrongly have a rewrite
in rewrites.py.
"""

AGGREGATES = frozenset(
    "any_value approx_distinct approx_percentile arbitrary array_agg avg bool_and bool_or corr count count_if covar_pop"
    " every geometric_mean histogram listagg max max_by min min_by stddev stddev_pop stddev_samp sum var_pop var_samp"
    " variance".split()
)
WINDOW = frozenset(
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number".split()
)
MATH = frozenset(
    "abs ceil ceiling degrees exp floor greatest least ln log log10 log2 mod pi pow power radians round sign sqrt"
    " truncate".split()
)
STRINGS = frozenset(
    "chr concat concat_ws length lower lpad ltrim position regexp_extract regexp_like regexp_replace replace reverse"
    " rpad rtrim split split_part starts_with strpos substr substring translate trim upper".split()
)
DATES = frozenset(
    "current_date date date_add date_diff date_format date_parse date_trunc day day_of_month day_of_week day_of_year"
    " dow doy extract hour last_day_of_month minute month now quarter second to_unixtime week year".split()
)
CONDITIONALS = frozenset("case cast coalesce exists if nullif try try_cast".split())
ARRAYS = frozenset(
    "array_distinct array_join array_max array_min array_sort cardinality contains element_at filter map map_keys"
    " sequence slice transform unnest".split()
)

KNOWN = AGGREGATES | WINDOW | MATH | STRINGS | DATES | CONDITIONALS | ARRAYS
