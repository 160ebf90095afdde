"""A registry and a datamart for the session; machines of the ML team that share them or have their own."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import generate_orders
import pytest
from machine import CREDIT_APPLICATIONS, HOST, Machine, free_port, new_machine, tracking_server

DATAMART = """
COPY (
    SELECT
        trim(order_id) AS order_id,
        customer_id,
        CAST(trim(order_timestamp) AS TIMESTAMP) AS ordered_at,
        lower(trim(status)) AS status,
        upper(trim(currency)) AS currency,
        CAST(CAST(trim(amount) AS decimal(18, 2)) * CASE upper(trim(currency)) WHEN 'BRL' THEN 0.2 ELSE 1 END
            AS decimal(18, 2)) AS amount_usd
    FROM read_csv($orders, all_varchar = true)
) TO '{path}' (FORMAT parquet)
"""


def write_datamart(folder: Path, rows: int) -> Path:
    """The shop's orders, without the bad ones, as the data team's pipeline hands them over."""
    orders = folder / "orders.csv"
    generate_orders.write_orders(orders, rows, dirty=0)
    path = folder / "customer_orders.parquet"
    duckdb.connect().execute(DATAMART.format(path=path), {"orders": str(orders)})
    return path


@pytest.fixture(scope="session")
def datamart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_datamart(tmp_path_factory.mktemp("datamart"), generate_orders.ROWS)


@pytest.fixture(scope="session")
def registry_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    with tracking_server(new_machine(folder), folder, port):
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="session")
def champions(tmp_path_factory: pytest.TempPathFactory, registry_uri: str, datamart: Path) -> Machine:
    """A machine whose registry has a champion of both projects."""
    machine = new_machine(tmp_path_factory.mktemp("state"), MLFLOW_TRACKING_URI=registry_uri)
    for project, source in (("churn", datamart), ("credit_risk", CREDIT_APPLICATIONS)):
        promoted = machine.promote("first", source, project)
        assert promoted.code == 0, promoted.complaint
    return machine


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Machine]:
    """A machine with a registry of its own, in which nothing is yet."""
    port = free_port()
    machine = new_machine(tmp_path / "state", MLFLOW_TRACKING_URI=f"http://{HOST}:{port}")
    with tracking_server(machine, tmp_path, port):
        yield machine
