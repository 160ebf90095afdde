"""Made-up applications for credit from a partner, in the order of time; the last ones have no outcome yet.

    python data/generate_credit_applications.py     # writes data/credit_applications.csv again

Late payments, debt, a large loan and a short employment make a default more likely; the country does not. The same
bytes on every Python and machine, as of generate_orders.py and for the same reason.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROWS = 6_000
UNDECIDED = 600
SEED = 2025
OUTPUT = Path(__file__).with_name("credit_applications.csv")

BRAZILIAN = 0.4


class Application(NamedTuple):
    """One line of the file; the fields are its columns. `defaulted` is empty where the loan has not ended yet."""

    application_id: str
    country: str
    age: int
    months_employed: int
    income_usd: int
    requested_usd: int
    debt_usd: int
    late_payments: int
    defaulted: str


def applications() -> Iterator[Application]:
    """Yield the applications as time passes."""
    draw = random.Random(SEED).random  # noqa: S311 - must be repeatable
    for number in range(1, ROWS + 1):
        age = 21 + int(draw() * 30 + draw() * 20)
        months_employed = int(draw() * draw() * (age - 18) * 12)
        income = 12_000 + int((draw() + draw() * draw() * 3) * 40_000)
        requested = 500 + int(draw() * draw() * income)
        debt = int(draw() * draw() * 1.2 * income)
        late_payments = int(draw() * draw() * draw() * 8)
        burden = debt / income
        risk = 0.02 + 0.06 * late_payments + 0.25 * burden * burden + 0.15 * requested / income
        risk -= 0.0004 * min(months_employed, 120)
        defaulted = draw() < risk
        yield Application(
            application_id=f"A{number:06d}",
            country="BR" if draw() < BRAZILIAN else "US",
            age=age,
            months_employed=months_employed,
            income_usd=income,
            requested_usd=requested,
            debt_usd=debt,
            late_payments=late_payments,
            defaulted="" if number > ROWS - UNDECIDED else str(defaulted).lower(),
        )


def write_applications(path: Path) -> None:
    """Write the applications to `path`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Application._fields)
        writer.writerows(applications())


if __name__ == "__main__":
    write_applications(OUTPUT)
