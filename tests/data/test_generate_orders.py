import csv
from collections import Counter
from datetime import date
from pathlib import Path
from typing import NoReturn

import generate_orders
import pytest

from lab.orders import summarize


def test_the_committed_file_is_what_the_generator_writes(tmp_path: Path) -> None:
    regenerated = tmp_path / "orders.csv"
    generate_orders.write_orders(regenerated)
    # Not `==` alone: pytest would explain the difference of three megabytes.
    same = regenerated.read_bytes() == generate_orders.OUTPUT.read_bytes()
    assert same, "run python data/generate_orders.py and commit data/orders.csv"


@pytest.mark.parametrize(
    ("rows", "dirty"),
    [
        pytest.param(50_000, generate_orders.DIRTY, id="as committed"),
        pytest.param(20_000, 0.2, id="a fifth is dirty"),
        pytest.param(5_000, 0.0, id="spotless"),
        pytest.param(1, 1.0, id="one row"),
        pytest.param(0, 0.5, id="no row"),
    ],
)
def test_dirt_is_found_for_the_reason_it_was_made_and_in_the_share_asked_for(
    tmp_path: Path, rows: int, dirty: float
) -> None:
    path = tmp_path / "orders.csv"
    made = generate_orders.write_orders(path, rows, dirty)
    summary = summarize(path)
    assert summary.rows_read == rows
    assert summary.rejected == made
    if rows > 1:
        assert made.total() / rows == pytest.approx(dirty, abs=0.01)
        assert (set(made) == {kind.reason for kind in generate_orders.DIRT}) is (dirty > 0)


def test_orders_follow_weekday_and_season_and_customers_come_back() -> None:
    good = [order for order, reason in generate_orders.orders(50_000, dirty=0) if not reason]
    assert [order.order_timestamp for order in good] == sorted(order.order_timestamp for order in good)

    days = [date.fromisoformat(order.order_timestamp[:10]) for order in good]
    assert {day.month for day in days} == set(range(1, 13))
    assert sum(day.weekday() == 4 for day in days) > 1.2 * sum(day.weekday() == 6 for day in days)
    assert sum(day.month == 12 for day in days) > 1.6 * sum(day.month == 2 for day in days)

    orders_by_customer = sorted(Counter(order.customer_id for order in good).values(), reverse=True)
    frequent = orders_by_customer[: len(orders_by_customer) // 100]
    assert 0.1 < sum(frequent) / len(good) < 0.3
    assert orders_by_customer.count(1) > len(orders_by_customer) / 10

    recent = [order.status for order, day in zip(good, days, strict=True) if day >= date(2025, 12, 30)]
    assert Counter(recent)["pending"] > len(recent) / 3
    assert Counter(order.status for order in good)["pending"] < len(good) / 20
    assert set(Counter(order.currency.upper() for order in good)) == {"USD", "BRL"}


def test_an_interrupted_run_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("yesterday's")
    monkeypatch.setattr(generate_orders, "_untidy", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        generate_orders.write_orders(path, rows=1_000)
    assert path.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("arguments", [["--rows", "-1"], ["--dirty", "1.5"], ["--dirty", "-0.1"]])
def test_senseless_arguments_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["generate_orders.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        generate_orders.main()
    assert "--rows takes a number of 0 or more, --dirty a share from 0 to 1" in capsys.readouterr().err


def test_the_command_writes_the_file_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.csv"
    monkeypatch.setattr("sys.argv", ["generate_orders.py", "--rows", "300", "--output", str(path), "--dirty", "0.5"])
    generate_orders.main()
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert f"{path}: 300 rows, {summarize(path).rejected.total()} to be rejected" in capsys.readouterr().out


def _interrupt(_: object) -> NoReturn:
    raise KeyboardInterrupt
