"""A year of made-up e-commerce orders, as an export with the dirt that real exports carry.

    python data/generate_orders.py                                        # writes data/orders.csv again
    python data/generate_orders.py --rows 2000000 --output /tmp/orders.csv

The same arguments give the same bytes on every Python and machine: chance comes from `random.random` alone and figures
from + - * /, which IEEE 754 fixes to the last bit (logarithms and powers it does not).
"""

import argparse
import csv
import random
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
# customers from the most frequent to the rarest (a fifth of the orders comes from a hundredth of the customers).
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
CUSTOMER = ((0.0, 0.0), (0.05, 0.001), (0.2, 0.01), (0.45, 0.1), (0.7, 0.35), (1.0, 1.0))
ORDERS_PER_CUSTOMER = 4
# Spreads the frequent customers over all numbers; a prime, so that no two share one.
CUSTOMER_STRIDE = 2_654_435_761
BRAZILIANS_IN_TEN = 4
BRL_PER_USD = 5

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


def orders(rows: int, dirty: float = DIRTY, seed: int = SEED) -> Iterator[tuple[Order, str | None]]:
    """Yield the orders as time passes, each with the reason why it has to be rejected (None: it is good)."""
    chance = random.Random(seed)  # noqa: S311 - must be repeatable
    kinds, shares = DIRT, [kind.share for kind in DIRT]
    recent: deque[Order] = deque(maxlen=REPEAT_REACH)
    for order in _good_orders(rows, chance):
        if recent and chance.random() < dirty:
            kind = _weighted(kinds, shares, chance)
            spoilt = _one_of(recent, chance) if kind is REPEATED else order
            yield spoilt._replace(**{kind.column: _one_of(kind.values, chance)}), kind.reason
        else:
            recent.append(order)
            yield _untidy(order) if chance.random() < UNTIDY else order, None


def write_orders(path: Path, rows: int = ROWS, dirty: float = DIRTY, seed: int = SEED) -> Counter[str]:
    """Write the orders to `path`, completely or not at all. Returns how many rows have to be rejected, by reason."""
    rejected: Counter[str] = Counter()
    with NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline=""
    ) as file:
        try:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(Order._fields)
            for order, reason in orders(rows, dirty, seed):
                writer.writerow(order)
                if reason:
                    rejected[reason] += 1
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).chmod(0o644)  # temporary files are private to their owner
    Path(file.name).replace(path)
    return rejected


def _good_orders(rows: int, chance: random.Random) -> Iterator[Order]:
    customers = max(1, rows // ORDERS_PER_CUSTOMER)
    number = 0
    for day, orders_of_day in _calendar(rows):
        age = (FIRST_DAY + timedelta(days=DAYS) - day).days
        shares = next(shares for oldest, shares in STATUS_SHARES if age <= oldest)
        for place in range(orders_of_day):
            number += 1
            rank = int(_quantile(CUSTOMER, chance.random()) * customers)
            customer = rank * CUSTOMER_STRIDE % customers + 1
            brazilian = customer % 10 < BRAZILIANS_IN_TEN
            cents = int(_quantile(CENTS, chance.random())) * (BRL_PER_USD if brazilian else 1)
            # One order in each of equal parts of the day's quantiles: in the order of time without sorting.
            minutes, second = divmod(int(_quantile(CLOCK, (place + chance.random()) / orders_of_day)), 60)
            yield Order(
                order_id=f"O{number:08d}",
                customer_id=f"C{customer:07d}",
                order_timestamp=f"{day} {minutes // 60:02d}:{minutes % 60:02d}:{second:02d}",
                status=_weighted(STATUSES, shares, chance),
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
    upper = bisect(table, share, 1, len(table) - 1, key=lambda knot: knot[0])
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
    arguments = parser.parse_args()
    if arguments.rows < 0 or not 0 <= arguments.dirty <= 1:
        parser.error("--rows takes a number of 0 or more, --dirty a share from 0 to 1")
    rejected = write_orders(arguments.output, arguments.rows, arguments.dirty)
    print(f"{arguments.output}: {arguments.rows:,} rows, {rejected.total():,} to be rejected")
    for reason, count in rejected.most_common():
        print(f"  {reason:<20}{count:>9,}")


if __name__ == "__main__":
    main()
