"""A year of made-up e-commerce orders, as an export with the dirt that real exports carry.

    python data/generate_orders.py                                        # writes data/orders.csv again
    python data/generate_orders.py --rows 2000000 --output /tmp/orders.csv

Customers join, buy each at a pace of their own, pause, and leave: not on a day, but ever more rarely and for less and
less money until then; often after an order that failed, which many good orders before it make easier to forgive. The
country has no part in it.

The same arguments give the same bytes on every Python and machine: chance comes from `random.random` alone and figures
from + - * /, which IEEE 754 fixes to the last bit (logarithms and powers it does not).
"""

import argparse
import csv
import random
from array import array
from bisect import bisect
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple, TypeVar

T = TypeVar("T")

ROWS = 50_000
DIRTY = 0.03
SEED = 2025
OUTPUT = Path(__file__).with_name("orders.csv")

FIRST_DAY = date(2025, 1, 1)
DAYS = 365
# January to December: Black Friday is in November, Christmas in December.
SEASON = (0.82, 0.80, 0.90, 0.94, 1.06, 0.98, 0.92, 0.96, 0.98, 1.06, 1.46, 1.52)
# Monday to Sunday
WEEKDAY = (1.08, 1.04, 0.98, 0.98, 1.12, 0.96, 0.84)

# Quantiles, joined by straight lines: the second of the day; the amount in US cents; the customer, as a part of all
# customers from the most frequent to the rarest (while all are there, a fifth of the orders comes from a hundredth of
# the customers, and a tenth from the rarer half).
CLOCK = ((0.0, 0), (0.06, 21_600), (0.16, 32_400), (0.44, 46_800), (0.70, 64_800), (0.93, 79_200), (1.0, 86_399))
CENTS = (
    (0.0, 600),
    (0.1, 1_900),
    (0.3, 3_900),
    (0.5, 6_800),
    (0.75, 13_500),
    (0.9, 27_000),
    (0.98, 62_000),
    (1, 480_000),
)
CUSTOMER = ((0.0, 0.0), (0.05, 0.001), (0.2, 0.01), (0.55, 0.1), (0.8, 0.3), (0.91, 0.5), (1.0, 1.0))
ORDERS_PER_CUSTOMER = 8
# Spreads the frequent customers over all numbers; a prime, so that no two share one.
CUSTOMER_STRIDE = 2_654_435_761
BRAZILIANS_IN_TEN = 4
BRL_PER_USD = 5

# Quantiles again, in days: of the year, on which a customer joins (half of them before it); from then until they leave
# if no order fails; of a pause, which a fifth of them make.
JOINED = ((0.0, 0), (0.5, 0), (1.0, DAYS))
STAY = ((0.0, 180), (1.0, 4_000))
PAUSE = ((0.0, 0), (0.8, 0), (1.0, 90))
# Days before leaving in which a customer buys less and less often, and the share of the usual amount at the end.
FADING = 60
FADED_AMOUNT = 0.5
# A failed order makes one customer in two leave if it comes after this many others, nearly all if it is the first.
PATIENCE = 8
# How often the shop looks for somebody who wants to buy before it takes whoever it asked last: matters to tiny files.
ASKED = 200
# At full drift, what is paid for an order on top of the usual amount, in parts of that.
DRIFTED_AMOUNT = 2

STATUSES = ("pending", "shipped", "completed", "failed")
# Age of an order at the end of the year, in days and less, and how far orders of that age have come.
STATUS_SHARES = (
    (2, (0.55, 0.30, 0.11, 0.04)),
    (7, (0.22, 0.46, 0.27, 0.05)),
    (30, (0.06, 0.19, 0.70, 0.05)),
    (DAYS, (0.01, 0.02, 0.91, 0.06)),
)

# Share of the good rows in odd case or with stray blanks.
UNTIDY = 0.01
# A repeated row is one of this many before it: an export that was resumed, a client that sent twice.
REPEAT_REACH = 200


class Order(NamedTuple):
    """One line of the file; the fields are its columns."""

    order_id: str
    customer_id: str
    order_timestamp: str
    status: str
    amount: str
    currency: str


class Dirt(NamedTuple):
    """One kind of bad row: the pipeline's name for it, its share of the bad rows, and what stands in which column."""

    reason: str
    share: float
    column: str
    values: tuple[str, ...]


REPEATED = Dirt("duplicate_order_id", 0.35, "status", STATUSES)
DIRT = (
    REPEATED,
    Dirt("bad_amount", 0.30, "amount", ("", "", "", "N/A", "12,50", "-35.00")),
    Dirt("bad_timestamp", 0.15, "order_timestamp", ("", "2025-02-30 10:15:00", "03/14/2025 09:26", "1741944360")),
    Dirt("bad_status", 0.10, "status", ("complete", "shiped", "refunded", "")),
    Dirt("bad_currency", 0.07, "currency", ("EUR", "R$", "US", "")),
    Dirt("missing_order_id", 0.03, "order_id", ("", " ")),
)


class Customers:
    """The shop's customers by rank, 0 the most frequent: who buys on a day, and how much is left of their zeal.

    A dozen bytes each: there may be millions. Days count from the first of the year.
    """

    def __init__(self, count: int, drift: float, chance: random.Random) -> None:
        self.count = count
        self._drift = drift
        self._chance = chance
        self._orders = array("I", [0]) * count
        self._joins, self._leaves, self._pauses, self._returns = (array("h", [0]) * count for _ in range(4))
        for rank in range(count):
            stay = int(_quantile(STAY, chance.random()))
            self._joins[rank] = int(_quantile(JOINED, chance.random()))
            self._leaves[rank] = self._joins[rank] + stay
            self._pauses[rank] = self._joins[rank] + int(DAYS * chance.random())
            self._returns[rank] = self._pauses[rank] + int(_quantile(PAUSE, chance.random()))

    def buyer(self, day: int) -> int:
        """Return the rank of somebody who buys on a day."""
        for _ in range(ASKED):
            share = self._chance.random()
            part = _quantile(CUSTOMER, share)
            # Drift: the frequent ones lose their lead.
            rank = int((part + (share - part) * self._drift) * self.count)
            is_there = self._joins[rank] <= day and not self._pauses[rank] <= day < self._returns[rank]
            if is_there and self._chance.random() < self.zeal(rank, day):
                break
        self._orders[rank] += 1
        return rank

    def zeal(self, rank: int, day: int) -> float:
        """Return how much a customer still cares for the shop: 1, and from the time of fading on less, down to 0."""
        return max(0.0, min(1.0, (self._leaves[rank] - day) / FADING))

    def disappoint(self, rank: int, day: int) -> None:
        """Take note that a customer's order has failed, which may make them leave."""
        if self._chance.random() * (PATIENCE + self._orders[rank]) < PATIENCE:
            self._leaves[rank] = min(self._leaves[rank], day + int(self._chance.random() * FADING))


def orders(rows: int, dirty: float = DIRTY, drift: float = 0, seed: int = SEED) -> Iterator[tuple[Order, str | None]]:
    """Yield the orders as time passes, each with the reason why it has to be rejected (None: it is good)."""
    chance = random.Random(seed)  # noqa: S311 - must be repeatable
    kinds, shares = DIRT, [kind.share for kind in DIRT]
    recent: deque[Order] = deque(maxlen=REPEAT_REACH)
    for order in _good_orders(rows, drift, chance):
        if recent and chance.random() < dirty:
            kind = _weighted(kinds, shares, chance)
            spoilt = _one_of(recent, chance) if kind is REPEATED else order
            yield spoilt._replace(**{kind.column: _one_of(kind.values, chance)}), kind.reason
        else:
            recent.append(order)
            yield _untidy(order) if chance.random() < UNTIDY else order, None


def write_orders(
    path: Path, rows: int = ROWS, dirty: float = DIRTY, drift: float = 0, seed: int = SEED
) -> Counter[str]:
    """Write the orders to `path`, completely or not at all. Returns how many rows have to be rejected, by reason."""
    rejected: Counter[str] = Counter()
    with NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline=""
    ) as file:
        try:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Order._fields)
            for order, reason in orders(rows, dirty, drift, seed):
                writer.writerow(order)
                if reason:
                    rejected[reason] += 1
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).chmod(0o644)  # temporary files are private to their owner
    Path(file.name).replace(path)
    return rejected


def _good_orders(rows: int, drift: float, chance: random.Random) -> Iterator[Order]:
    customers = Customers(max(1, rows // ORDERS_PER_CUSTOMER), drift, chance)
    number = 0
    for day, (date_of_day, orders_of_day) in enumerate(_calendar(rows)):
        shares = next(shares for oldest, shares in STATUS_SHARES if DAYS - day <= oldest)
        for place in range(orders_of_day):
            number += 1
            rank = customers.buyer(day)
            customer = rank * CUSTOMER_STRIDE % customers.count + 1
            brazilian = customer % 10 < BRAZILIANS_IN_TEN
            amount = FADED_AMOUNT + (1 - FADED_AMOUNT) * customers.zeal(rank, day) + DRIFTED_AMOUNT * drift
            cents = int(_quantile(CENTS, chance.random()) * amount) * (BRL_PER_USD if brazilian else 1)
            # One order in each of equal parts of the day's quantiles: in the order of time without sorting.
            minutes, second = divmod(int(_quantile(CLOCK, (place + chance.random()) / orders_of_day)), 60)
            status = _weighted(STATUSES, shares, chance)
            if status == "failed":
                customers.disappoint(rank, day)
            yield Order(
                order_id=f"O{number:08d}",
                customer_id=f"C{customer:07d}",
                order_timestamp=f"{date_of_day} {minutes // 60:02d}:{minutes % 60:02d}:{second:02d}",
                status=status,
                amount=f"{cents // 100}.{cents % 100:02d}",
                currency="BRL" if brazilian else "USD",
            )


def _calendar(rows: int) -> Iterator[tuple[date, int]]:
    """Share the rows out among the days of the year, by season and weekday."""
    days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
    until = list(accumulate(SEASON[day.month - 1] * WEEKDAY[day.weekday()] for day in days))
    given = 0
    for day, weight in zip(days, until, strict=True):
        due = int(rows * weight / until[-1] + 0.5)
        yield day, due - given
        given = due


def _quantile(table: Sequence[tuple[float, float]], share: float) -> float:
    upper = bisect(table, (share,), 1, len(table) - 1)
    (left, low), (right, high) = table[upper - 1], table[upper]
    return low + (high - low) * (share - left) / (right - left)


def _weighted(values: Sequence[T], shares: Sequence[float], chance: random.Random) -> T:
    return values[bisect(list(accumulate(shares)), chance.random(), hi=len(values) - 1)]


def _one_of(values: Sequence[T], chance: random.Random) -> T:
    return values[int(chance.random() * len(values))]


def _untidy(order: Order) -> Order:
    return order._replace(status=f" {order.status.title()}", amount=f"{order.amount} ", currency=order.currency.lower())


def main() -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows without the header (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default: %(default)s)")
    parser.add_argument("--dirty", type=float, default=DIRTY, help="share of bad rows (default: %(default)s)")
    parser.add_argument(
        "--drift", type=float, default=0, help="how far prices and habits have moved, 0 to 1 (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.rows < 0 or not (0 <= arguments.dirty <= 1 and 0 <= arguments.drift <= 1):
        parser.error("--rows takes a number of 0 or more, --dirty and --drift a share from 0 to 1")
    rejected = write_orders(arguments.output, arguments.rows, arguments.dirty, arguments.drift)
    print(f"{arguments.output}: {arguments.rows:,} rows, {rejected.total():,} to be rejected")
    for reason, count in rejected.most_common():
        print(f"  {reason:<20}{count:>9,}")


if __name__ == "__main__":
    main()
