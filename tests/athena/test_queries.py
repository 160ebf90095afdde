"""SELECT over tables: joins, windows, subqueries, names, and how it fails."""

from collections.abc import Iterator

import pytest
from athena_client import Athena, Row, new_athena
from localstack_process import LocalStackProcess

ORDERS = (
    "id,customer,amount,placed\n"
    "1,ann,10.00,2024-01-05 10:00:00\n"
    "2,bob,20.50,2024-01-20 11:00:00\n"
    "3,ann,5.25,2024-02-01 12:00:00\n"
    "4,cid,,2024-02-03 13:00:00\n"
)
CUSTOMERS = "ann,br\nbob,us\ndee,us\n"


@pytest.fixture(scope="module")
def shop(localstack: LocalStackProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Athena]:
    """A CSV table of orders and a Parquet one of customers, which no test here changes."""
    with new_athena(localstack, tmp_path_factory.mktemp("shop")) as athena:
        _fill(athena)
        yield athena


def _fill(athena: Athena) -> None:
    athena.put("orders/a.csv", ORDERS)
    athena.run(
        "CREATE EXTERNAL TABLE orders (id int, customer string, amount decimal(10,2), placed timestamp)"
        " ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' LOCATION 's3://{bucket}/orders/'"
        " TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    athena.put("raw/a.csv", CUSTOMERS)
    athena.run(
        "CREATE EXTERNAL TABLE raw (name string, country string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
        " LOCATION 's3://{bucket}/raw/'"
    )
    athena.run("CREATE TABLE customers AS SELECT * FROM raw")


QUERIES: dict[str, list[Row]] = {
    "SELECT count(*), count(amount), sum(amount), avg(amount) FROM orders": [["4", "3", "35.75", "11.92"]],
    "SELECT o.id, c.country FROM orders o JOIN customers c ON o.customer = c.name ORDER BY o.id": [
        ["1", "br"],
        ["2", "us"],
        ["3", "br"],
    ],
    "SELECT o.id, c.country FROM orders o LEFT JOIN customers c ON o.customer = c.name WHERE o.id > 2 ORDER BY 1": [
        ["3", "br"],
        ["4", None],
    ],
    "SELECT name, count(o.id) FROM orders o RIGHT JOIN customers c ON o.customer = c.name GROUP BY name ORDER BY 1": [
        ["ann", "2"],
        ["bob", "1"],
        ["dee", "0"],
    ],
    "SELECT count(*) FROM orders CROSS JOIN customers": [["12"]],
    "SELECT id, sum(amount) OVER (PARTITION BY customer ORDER BY placed) FROM orders ORDER BY id": [
        ["1", "10.00"],
        ["2", "20.50"],
        ["3", "15.25"],
        ["4", None],
    ],
    "SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY customer ORDER BY placed DESC) AS n FROM orders) AS t"
    " WHERE n = 1 ORDER BY id": [["2"], ["3"], ["4"]],
    "WITH months AS (SELECT date_format(placed, '%Y-%m') AS month, amount FROM orders)"
    " SELECT month, sum(amount), max(amount) FROM months GROUP BY month ORDER BY month": [
        ["2024-01", "30.50", "20.50"],
        ["2024-02", "5.25", "5.25"],
    ],
    "SELECT name FROM customers WHERE name NOT IN (SELECT customer FROM orders)": [["dee"]],
    "SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.name AND o.amount > 15)": [
        ["bob"]
    ],
    "SELECT customer FROM orders UNION SELECT name FROM customers ORDER BY 1": [["ann"], ["bob"], ["cid"], ["dee"]],
    "SELECT customer FROM orders EXCEPT SELECT name FROM customers": [["cid"]],
    "SELECT customer, n FROM orders CROSS JOIN unnest(sequence(1, id)) AS t(n) WHERE id = 2 ORDER BY n": [
        ["bob", "1"],
        ["bob", "2"],
    ],
    "SELECT (SELECT max(id) FROM orders), (SELECT min(name) FROM customers)": [["4", "ann"]],
    'SELECT ORDERS.ID FROM Orders WHERE "ID" = 1': [["1"]],
    "SELECT orders.id FROM {db}.orders WHERE orders.id = 1": [["1"]],
    'SELECT count(*) FROM "{db}"."orders"': [["4"]],
    'SELECT count(*) FROM "awsdatacatalog"."{db}"."orders"': [["4"]],
    "SELECT count(*) FROM AwsDataCatalog.{db}.orders": [["4"]],
    "SELECT date_trunc('month', placed), placed + interval '1' day FROM orders WHERE id = 3": [
        ["2024-02-01 00:00:00.000", "2024-02-02 12:00:00.000"]
    ],
    "SELECT id FROM orders WHERE placed >= timestamp '2024-02-01 00:00:00' AND amount IS NOT NULL": [["3"]],
    "SELECT id FROM orders WHERE placed BETWEEN date '2024-01-01' AND date '2024-01-31' ORDER BY id DESC LIMIT 1": [
        ["2"]
    ],
    "SELECT count(*) FROM raw WHERE name = ''": [["0"]],
    "SELECT * FROM orders WHERE false": [],
}


@pytest.mark.parametrize(("sql", "expected"), QUERIES.items(), ids=QUERIES)
def test_query(sql: str, expected: list[Row], shop: Athena) -> None:
    assert shop.rows(sql) == expected


FAILURES = {
    "SELECT nosuch FROM orders": "COLUMN_NOT_FOUND: line 1:8: Column 'nosuch' cannot be resolved",
    "SELECT id,\n  o.nosuch\nFROM orders o": "COLUMN_NOT_FOUND: line 2:3: Column 'o.nosuch' cannot be resolved",
    "SELECT id FROM orders o WHERE orders.id = 1": "COLUMN_NOT_FOUND: line 1:31: Column 'orders.id' cannot be resolved",
    "SELECT id FROM nosuch": "TABLE_NOT_FOUND: line 1:16: Table 'awsdatacatalog.{db}.nosuch' does not exist",
    "SELECT 1\nFROM orders JOIN {db}.nosuch ON true": "TABLE_NOT_FOUND: line 2:18: Table 'awsdatacatalog.{db}.nosuch'",
    "SELECT id FROM nodb.orders": "SCHEMA_NOT_FOUND: line 1:16: Schema 'nodb' does not exist",
    "SELECT id FROM other.{db}.orders": "CATALOG_NOT_FOUND: Catalog 'other' does not exist",
    "SELECT nosuch(id) FROM orders": "FUNCTION_NOT_FOUND: line 1:8: Function 'nosuch' not registered",
    "SELECT lower(id) FROM orders": "FUNCTION_NOT_FOUND: Unexpected parameters (INTEGER) for function lower",
    "SELECT id FORM orders": "SYNTAX_ERROR: line 1:16: mismatched input 'orders'",
    "SELECT id FROM orders\nWHERE id >": "SYNTAX_ERROR: line 2:11: mismatched input '<EOF>'",
    "SELECT id, FROM orders": "SYNTAX_ERROR: line 1:12: mismatched input 'FROM'",
    "SELEC 1": "SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'",
    "SELECT amount / (id - 1) FROM orders": "DIVISION_BY_ZERO: Division by zero",
    "SELECT id % (id - 4) FROM orders": "DIVISION_BY_ZERO: Division by zero",
    "SELECT cast(customer AS integer) FROM orders": "INVALID_CAST_ARGUMENT: Cannot cast 'ann' to INT",
    "SELECT cast(customer AS date) FROM orders": "INVALID_CAST_ARGUMENT: Value cannot be cast to date: ann",
    "SELECT customer, count(*) FROM orders": "EXPRESSION_NOT_AGGREGATE: line 1:8: 'customer' must be an aggregate",
    "SELECT customer, id, count(*) FROM orders GROUP BY customer": "EXPRESSION_NOT_AGGREGATE: line 1:18: 'id' must be",
    "SELECT id FROM orders WHERE customer = 5": "TYPE_MISMATCH: line 1:29: Cannot apply operator: varchar = integer",
    "SELECT id FROM orders WHERE placed > '2024-01-01'": "TYPE_MISMATCH: line 1:29: Cannot apply operator: timestamp >",
    "SELECT customer + 1 FROM orders": "TYPE_MISMATCH: line 1:8: Cannot apply operator: varchar + integer",
    "SELECT name FROM customers a, customers b": "AMBIGUOUS_NAME: Column 'name' is ambiguous",
    "SELECT 1 WHERE date_parse('x', '%Y') IS NULL": "INVALID_FUNCTION_ARGUMENT: ",
    "SELECT sum(id * 9223372036854775807) FROM orders": "NUMERIC_VALUE_OUT_OF_RANGE: ",
    "TABLE orders": "SYNTAX_ERROR: line 1:1: mismatched input 'TABLE'",
}


@pytest.mark.parametrize(("sql", "expected"), FAILURES.items(), ids=FAILURES)
def test_failure(sql: str, expected: str, shop: Athena) -> None:
    outcome = shop.assert_fails(sql, expected.replace("{db}", shop.database))
    assert shop.keys(f"results/{outcome.id}") == []


def test_parameters(shop: Athena) -> None:
    outcome = shop.run(
        "SELECT id FROM orders WHERE customer = ? AND amount > ? AND placed < ?",
        ExecutionParameters=["'ann'", "DECIMAL '6.00'", "timestamp '2024-02-01 00:00:00'"],
    )
    assert outcome.rows == [["1"]]
    assert outcome.execution["ExecutionParameters"][0] == "'ann'"
    shop.assert_fails("SELECT ?", "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0")
    shop.assert_fails("SELECT ?", "INVALID_PARAMETER_USAGE: Not a constant: id", ExecutionParameters=["id"])


def test_unknown_database_of_the_context_matters_only_to_tables(athena: Athena) -> None:
    context = {"Database": "nosuch"}
    assert athena.run("SELECT 1", QueryExecutionContext=context).rows == [["1"]]
    athena.assert_fails(
        "SELECT * FROM t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nosuch' does not exist", QueryExecutionContext=context
    )
