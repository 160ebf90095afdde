"""SQL rewriting by files of pairs: the statement, what it must become, and what it must return."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from localstack_athena import functions, parser, results, trino_sql
from localstack_athena.catalog import Column, Table, TableName
from localstack_athena.engine import BoundQuery, Cancellation, Engine, Session, TableFiles
from localstack_athena.errors import QueryFailedError
from localstack_athena.formats import STORED_AS, PartFiles
from localstack_athena.statements import Select

PAIRS = sorted((Path(__file__).parent / "pairs").glob("*.yaml"))
Pair = dict[str, Any]

# What every pair may read: a row complete, one without day and time, one without a number as well.
ORDERS = Table(
    TableName("default", "orders"),
    columns=(
        Column("id", "string"),
        Column("amount", "decimal(10,2)"),
        Column("n", "int"),
        Column("placed", "timestamp"),
        Column("day", "date"),
    ),
    partition_keys=(),
    location="s3://nowhere/",
    format=STORED_AS["TEXTFILE"],
)
ORDERS_ROWS = [
    ("a", "1.00", "5", "2024-01-31 10:00:00", "2024-01-31"),
    ("b", "3.01", "5", "2024-02-01 10:00:00", "2024-02-01"),
    ("c", "2.50", r"\N", "", ""),
]


def _pairs() -> Iterator[Any]:
    for file in PAIRS:
        for pair in yaml.safe_load(file.read_text(encoding="utf-8")):
            yield pytest.param(pair, id=f"{file.stem}: {pair['athena'][:80]}")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("orders") / "orders.txt"
    file.write_text("".join("\x01".join(row) + "\n" for row in ORDERS_ROWS), encoding="utf-8")
    return file


@pytest.mark.parametrize("pair", _pairs())
def test_statement_becomes_and_returns(pair: Pair, engine: Engine, orders: Path) -> None:
    assert _outcome(pair, engine, orders) == pair


def _outcome(pair: Pair, engine: Engine, orders: Path) -> Pair:
    """The pair as the engine fills it in: its SQL, and its rows or its failure."""
    outcome: Pair = {"athena": pair["athena"]}
    tables = {ORDERS.name: TableFiles(ORDERS, (PartFiles((), (orders,)),))}
    file = orders.with_name("result.csv")

    def write(_session: Session, query: BoundQuery) -> None:
        if "types" in pair:
            outcome["types"] = [_type(column) for column in results.columns_of(query.relation)]
        results.write_csv(query.relation, file)

    try:
        statement = parser.parse(pair["athena"], "default", [])
        assert isinstance(statement, Select)
        outcome["duckdb"] = trino_sql.to_duckdb(statement.query, {ORDERS.name: ORDERS}, "default")
        engine.run(statement.query, "default", tables, orders.parent, Cancellation(), write)
    except QueryFailedError as error:
        return {**outcome, "fails": error.reason}
    header, *rows = results.read_csv(file.read_text(encoding="utf-8"))
    if "columns" in pair:
        outcome["columns"] = header
    return {**outcome, "returns": rows}


def _type(column: results.ResultColumn) -> str:
    name, precision, scale = column.type
    return f"{name}({precision},{scale})" if name == "decimal" else name


def test_every_known_function_stands_in_a_pair() -> None:
    statements = " ".join(
        pair["athena"]
        for file in PAIRS
        for pair in yaml.safe_load(file.read_text(encoding="utf-8"))
        if "returns" in pair
    )
    assert set(re.findall(r"\w+", statements.lower())) >= functions.KNOWN
