"""Made-up applications for credit, those of the last month still without an outcome.

    python data/generate_credit_applications.py     # writes data/credit_applications.csv again

The same bytes every time. Late payments, debt, short employment and large loans make a default more likely; the
country does not.
"""

import csv
import random
from pathlib import Path

ROWS = 6_000
UNDECIDED = 600
SEED = 2025
OUTPUT = Path(__file__).with_name("credit_applications.csv")
COLUMNS = (
    *("application_id", "country", "age", "months_employed", "income_usd", "requested_usd", "debt_usd"),
    *("late_payments", "defaulted"),
)


def application(number: int, chance: random.Random) -> tuple[object, ...]:
    """Return the fields of one application, in the order of COLUMNS; chance comes from `random.random` alone."""
    draw = chance.random
    age = 21 + int(draw() * 30 + draw() * 20)
    employed = int(draw() * draw() * (age - 18) * 12)
    income = 12_000 + int((draw() + draw() * draw() * 3) * 40_000)
    requested = 500 + int(draw() * draw() * income)
    debt = int(draw() * draw() * 1.2 * income)
    late = int(draw() * draw() * draw() * 8)
    risk = 0.02 + 0.06 * late + 0.25 * (debt / income) ** 2 + 0.15 * requested / income - 0.0004 * min(employed, 120)
    defaulted = "" if number > ROWS - UNDECIDED else str(draw() < risk).lower()
    country = "BR" if draw() < 2 / 5 else "US"
    return f"A{number:06d}", country, age, employed, income, requested, debt, late, defaulted


def main() -> None:
    """Write the file."""
    chance = random.Random(SEED)  # noqa: S311 - must be repeatable
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(application(number, chance) for number in range(1, ROWS + 1))


if __name__ == "__main__":
    main()
