"""The pipeline's tables, computed a second time: plain Python over the file, without Athena or the DAG's code.

`make demo` and the tests hold the pipeline's result against it.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from math import isclose
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Row = Mapping[str, Any]
Computed = TypeVar("Computed")

STATUSES = frozenset({"pending", "completed", "failed", "shipped"})
USD_PER_UNIT = {"USD": Decimal(1), "BRL": Decimal("0.2")}
TIMESTAMP = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
LINE_BREAKS = re.compile(r"[\r\n]+")
CENT = Decimal("0.01")
# Relative: the last bits of an average of doubles depend on the order in which they were added.
AVERAGE_TOLERANCE = 1e-9


class Order(NamedTuple):
    """One row, tidied. Of the good rows with the same id the smallest one counts: hence the order of the fields."""

    order_id: str
    order_timestamp: str
    customer_id: str
    status: str
    amount: str
    currency: str


@dataclass
class Figures:
    """What happened to the orders of one status in one month, in US dollars."""

    total_orders: int = 0
    sum_usd: Decimal = Decimal(0)
    max_usd: Decimal = Decimal(0)

    def add(self, amount_usd: Decimal) -> None:
        """Count one more order."""
        self.total_orders += 1
        self.sum_usd += amount_usd
        self.max_usd = max(self.max_usd, amount_usd)

    @property
    def revenue_usd(self) -> Decimal:
        """The sum, in whole cents."""
        return self.sum_usd.quantize(CENT, ROUND_HALF_UP)

    @property
    def avg_order_value(self) -> float:
        """The mean, not rounded."""
        return float(self.sum_usd / self.total_orders)

    @property
    def max_order_value(self) -> Decimal:
        """The highest order, in whole cents."""
        return self.max_usd.quantize(CENT, ROUND_HALF_UP)


@dataclass
class CustomerFigures:
    """The orders of one status and currency that a customer made: each order's amount in whole cents of a US dollar."""

    orders: int = 0
    amount_usd: Decimal = Decimal(0)
    first_ordered_at: str = "9"
    last_ordered_at: str = ""

    def add(self, amount_usd: Decimal, ordered_at: str) -> None:
        """Count one more order, made at a time written as YYYY-MM-DD HH:MM:SS."""
        self.orders += 1
        self.amount_usd += amount_usd.quantize(CENT, ROUND_HALF_UP)
        self.first_ordered_at = min(self.first_ordered_at, ordered_at)
        self.last_ordered_at = max(self.last_ordered_at, ordered_at)


@dataclass
class OrdersSummary:
    """A whole file in figures.

    The keys of `groups` are (order_month, status), the month as YYYY-MM; those of `customers` are (customer_id, status,
    currency).
    """

    rows_read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    groups: defaultdict[tuple[str, ...], Figures] = field(default_factory=lambda: defaultdict(Figures))
    customers: defaultdict[tuple[str, ...], CustomerFigures] = field(
        default_factory=lambda: defaultdict(CustomerFigures)
    )

    @property
    def rows_accepted(self) -> int:
        """Rows that count in the groups."""
        return self.rows_read - self.rejected.total()

    def add(self, order: Order) -> None:
        """Count a good order in its group, and with its customer's."""
        amount_usd = Decimal(order.amount) * USD_PER_UNIT[order.currency]
        self.groups[order.order_timestamp[:7], order.status].add(amount_usd)
        self.customers[order.customer_id, order.status, order.currency].add(amount_usd, order.order_timestamp)


def summarize(path: Path) -> OrdersSummary:
    """Judge and add up every row of a CSV file of orders: about 9 s a million rows.

    The file is read twice, the first time to learn which order ids occur again. So memory holds one set of the ids, the
    few orders that share one and the customers' figures, not all orders (about 150 MB a million rows).

    Raises:
        ValueError: the file lacks a column of an order.
    """
    repeated = _repeated_ids(path)
    summary = OrdersSummary()
    first_of_repeated: dict[str, Order] = {}
    for order in _orders(path):
        summary.rows_read += 1
        if reason := _reason_to_reject(order):
            summary.rejected[reason] += 1
        elif order.order_id not in repeated:
            summary.add(order)
        elif (known := first_of_repeated.get(order.order_id)) is None:
            first_of_repeated[order.order_id] = order
        else:
            summary.rejected["duplicate_order_id"] += 1
            first_of_repeated[order.order_id] = min(known, order)
    for order in first_of_repeated.values():
        summary.add(order)
    return summary


def differences(expected: OrdersSummary, rows: Iterable[Row]) -> list[str]:
    """Compare with the rows of `orders_summary`, by column name, typed (PyAthena) or as text (boto3).

    Returns one sentence a difference, none when the two are equal: decimals to the last digit, averages to 1e-9.
    """
    return _differences(
        "orders_summary", expected.groups, rows, ("order_month", "status"), "{1} in {0}", _differing_figures
    )


def customer_differences(expected: OrdersSummary, rows: Iterable[Row]) -> list[str]:
    """Compare with what lab.datamart.read_customers returns of `customer_orders`; as `differences`."""
    columns = ("customer_id", "status", "currency")
    return _differences(
        "customer_orders", expected.customers, rows, columns, "{1} orders of {0} in {2}", _differing_customer_figures
    )


def _differences(
    table: str,
    computed: Mapping[tuple[str, ...], Computed],
    rows: Iterable[Row],
    columns: tuple[str, ...],
    group_name: str,
    differing: Callable[[Computed, Row], Iterator[str]],
) -> list[str]:
    found = []
    missing = dict(computed)
    for row in rows:
        group = tuple(row[column] for column in columns)
        name = group_name.format(*group)
        if group not in computed:
            found.append(f"{name}: {table} has this row, the file no such orders")
        elif (figures := missing.pop(group, None)) is None:
            found.append(f"{name}: {table} has this row more than once")
        else:
            found += [f"{name}: {difference}" for difference in differing(figures, row)]
    return found + [f"{group_name.format(*group)}: {table} lacks this row" for group in missing]


def _differing_figures(expected: Figures, row: Row) -> Iterator[str]:
    for column in ("total_orders", "revenue_usd", "max_order_value"):
        if row[column] is None or Decimal(row[column]) != getattr(expected, column):
            yield f"{column} is {row[column]}, not {getattr(expected, column)}"
    average = row["avg_order_value"]
    if average is None or not isclose(float(average), expected.avg_order_value, rel_tol=AVERAGE_TOLERANCE):
        yield f"avg_order_value is {average}, not {expected.avg_order_value}"


def _differing_customer_figures(expected: CustomerFigures, row: Row) -> Iterator[str]:
    figures = {
        "orders": str(expected.orders),
        "amount_usd": str(expected.amount_usd),
        # Athena's timestamps have milliseconds.
        "first_ordered_at": f"{expected.first_ordered_at}.000",
        "last_ordered_at": f"{expected.last_ordered_at}.000",
    }
    for column, figure in figures.items():
        if row[column] != figure:
            yield f"{column} is {row[column]}, not {figure}"


def _reason_to_reject(order: Order) -> str | None:
    """Name the first rule that the row breaks; duplicates are found by comparing rows, not here."""
    if not order.order_id:
        return "missing_order_id"
    if not _is_timestamp(order.order_timestamp):
        return "bad_timestamp"
    if not AMOUNT.fullmatch(order.amount):
        return "bad_amount"
    if order.status not in STATUSES:
        return "bad_status"
    if order.currency not in USD_PER_UNIT:
        return "bad_currency"
    return None


def _is_timestamp(text: str) -> bool:
    if not TIMESTAMP.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:  # 30 February, 25 o'clock
        return False
    return True


def _repeated_ids(path: Path) -> set[str]:
    seen: set[str] = set()
    repeated: set[str] = set()
    for order in _orders(path):
        (repeated if order.order_id in seen else seen).add(order.order_id)
    return repeated


def _orders(path: Path) -> Iterator[Order]:
    """Read the rows of a file whose columns may stand in any order, among others, after a byte-order mark."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        header = [name.strip().lower() for name in next(lines, [])]
        if missing := [name for name in Order._fields if name not in header]:
            raise ValueError(f"{path} has no column {', '.join(missing)}; its columns are: {', '.join(header)}")
        places = [header.index(name) for name in Order._fields]
        for line in lines:
            if not line:  # an empty line is no row
                continue
            line.extend([""] * (len(header) - len(line)))
            order_id, timestamp, customer_id, status, amount, currency = (_tidy(line[place]) for place in places)
            yield Order(order_id, timestamp, customer_id, status.lower(), amount, currency.upper())


def _tidy(value: str) -> str:
    value = value.strip()
    return LINE_BREAKS.sub(" ", value) if "\n" in value or "\r" in value else value
