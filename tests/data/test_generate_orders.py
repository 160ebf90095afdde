import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from statistics import mean
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


def _customers(drift: float = 0) -> dict[str, list[generate_orders.Order]]:
    """The orders of each customer, none of them bad, as time passes."""
    made: defaultdict[str, list[generate_orders.Order]] = defaultdict(list)
    for order, _ in generate_orders.orders(50_000, dirty=0, drift=drift):
        made[order.customer_id].append(order)
    return made


class Past:
    """What there is to know of a customer on the day from which on they buy again or stay away for two months."""

    TODAY = date(2025, 11, 2)

    def __init__(self, orders: list[generate_orders.Order]) -> None:
        half_a_year, soon = str(self.TODAY - timedelta(days=180)), str(self.TODAY + timedelta(days=60))
        bought = [order for order in orders if order.status.strip().lower() != "failed"]
        before = [order for order in bought if half_a_year <= order.order_timestamp < str(self.TODAY)]
        recent = str(self.TODAY - timedelta(days=60))
        self.orders = len(before)
        self.currency = orders[0].currency.upper()
        self.last_failed = [order for order in orders if order.order_timestamp < str(self.TODAY)][-1:] != before[-1:]
        last = date.fromisoformat((before or orders)[-1].order_timestamp[:10])
        self.silent_days = (self.TODAY - last).days
        self.recent_amounts = [_usd(order) for order in before if order.order_timestamp >= recent]
        self.stays_away = not any(str(self.TODAY) <= order.order_timestamp < soon for order in bought)


def _usd(order: generate_orders.Order) -> float:
    return float(order.amount) / (5 if order.currency.upper() == "BRL" else 1)


def test_customers_join_and_leave_and_show_it_before() -> None:
    made = _customers()
    joined = [orders[0].order_timestamp for orders in made.values()]
    assert sum(first >= "2025-07-01" for first in joined) > len(joined) / 5

    pasts = [past for past in map(Past, made.values()) if past.orders]

    def leaving(of: Callable[[Past], bool]) -> float:
        return mean(past.stays_away for past in pasts if of(past))

    assert 0.2 < leaving(lambda _: True) < 0.5
    # The country tells nothing.
    assert leaving(lambda past: past.currency == "BRL") == pytest.approx(
        leaving(lambda past: past.currency == "USD"), abs=0.05
    )
    # Silence tells something, but not the same of everybody; a failed order tells more.
    assert leaving(lambda past: past.silent_days > 60) > leaving(lambda past: past.silent_days <= 15) + 0.2
    for is_silent, difference in ((True, 0.1), (False, -0.2)):
        silent = [past for past in pasts if (past.silent_days > 60) is is_silent]
        often, seldom = (
            mean(past.stays_away for past in silent if (past.orders > 5) is frequent) for frequent in (True, False)
        )
        assert (often - seldom) / difference > 1
    assert leaving(lambda past: past.last_failed) > leaving(lambda past: not past.last_failed) + 0.1
    # Who goes spends less and less.
    staying, going = (
        mean(amount for past in pasts if past.stays_away is away for amount in past.recent_amounts)
        for away in (False, True)
    )
    assert going < 0.95 * staying


def test_drift_moves_prices_and_habits() -> None:
    then, now = _customers(), _customers(drift=1)

    def amount(customers: Iterable[list[generate_orders.Order]]) -> float:
        return mean(_usd(order) for orders in customers for order in orders)

    def most(customers: Iterable[list[generate_orders.Order]]) -> int:
        return max(map(len, customers))

    assert amount(now.values()) > 2 * amount(then.values())
    assert most(now.values()) < most(then.values()) / 4


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


@pytest.mark.parametrize("arguments", [["--rows", "-1"], ["--dirty", "1.5"], ["--dirty", "-0.1"], ["--drift", "2"]])
def test_senseless_arguments_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["generate_orders.py", *arguments])
    with pytest.raises(SystemExit, match="2"):
        generate_orders.main()
    assert "--rows takes a number of 0 or more, --dirty and --drift a share from 0 to 1" in capsys.readouterr().err


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
