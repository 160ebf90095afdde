"""Exports of orders that went wrong, each made from the right one: whatever its columns and their order are."""

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.settings import REPOSITORY

GENERATOR = REPOSITORY / "data" / "generate_orders.py"
BAD_AMOUNT = "N/A"
# One row in so many is spoilt: three times as many as the pipeline lets pass.
SPOILT_EVERY = 3
KEPT_PART = 1 / 3

Row = dict[str, str]


def dirty(source: Path, target: Path) -> None:
    """Write an export in which every third order has no amount."""

    def spoilt(rows: list[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            yield row | {"amount": BAD_AMOUNT} if number % SPOILT_EVERY == 0 else row

    _rewrite(source, target, spoilt)


def cut_off(source: Path, target: Path) -> None:
    """Write an export that ends after a third of the orders."""
    _rewrite(source, target, lambda rows: iter(rows[: int(len(rows) * KEPT_PART)]))


def of_other_habits(source: Path, target: Path) -> None:
    """Write an export of as many orders, from a shop whose prices and customers have changed."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        rows = sum(1 for _ in csv.DictReader(file))
    run_generator(target, "--drift", "1", rows=rows)


def run_generator(target: Path, *options: str, rows: int) -> None:
    """Have the generator of data/orders.csv write an export.

    Raises:
        LabError: it could not.

    """
    made = subprocess.run(
        [sys.executable, GENERATOR, "--rows", str(rows), "--output", target, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LabError(f"Orders cannot be written: {made.stderr.strip()}")


def _rewrite(source: Path, target: Path, change: Callable[[list[Row]], Iterator[Row]]) -> None:
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(change(rows))
