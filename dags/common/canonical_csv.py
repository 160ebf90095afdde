"""Canonical CSV: the one form that Athena reads without loss, made from the many forms that people export.

Exports start with a byte-order mark, end lines with CRLF, order columns as they like and add others, and hold quotes,
commas and line breaks inside fields; none of Athena's serializers reads a line break inside a field. In canonical form
a file is UTF-8 without a mark, has a header, the wanted columns in the wanted order, one line a row that ends in a line
feed, every field in double quotes without surrounding white space, and a backslash before any quote or backslash inside
(the defaults of OpenCSVSerde).
"""

import csv
import re
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

LINE_BREAKS = re.compile(r"[\r\n]+")


class UnusableCsvError(ValueError):
    """A file that cannot become the wanted table, however often it is read."""


class CanonicalCsv(NamedTuple):
    """What was written: the number of rows without the header, and the columns of the source that were left out."""

    rows: int
    ignored_columns: list[str]


def write_canonical_csv(source: Path, target: Path, columns: Sequence[str]) -> CanonicalCsv:
    """Write `source` to `target` in canonical form, row by row: a file of any size in constant memory.

    Column names are found whatever their case. Fields that a short row lacks are empty; fields beyond the header and
    empty lines are left out; a line break inside a field becomes a space.

    Raises:
        UnusableCsvError: the file is missing, empty, not UTF-8, not CSV, without rows, or has not the wanted columns.

    """
    if not source.is_file():
        raise UnusableCsvError(f"There is no file {source} on the machine that runs this task.")
    with source.open(encoding="utf-8-sig", newline="") as lines, target.open("w", encoding="utf-8", newline="") as out:
        reader = csv.reader(lines)
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, doublequote=False, escapechar="\\", lineterminator="\n")
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            wanted = itemgetter(*_places(columns, header, source))
            writer.writerow(columns)
            rows = 0
            for row in reader:
                if row:
                    row.extend([""] * (len(header) - len(row)))
                    writer.writerow(map(_clean, wanted(row)))
                    rows += 1
        except UnicodeDecodeError as error:
            # Text is decoded in chunks: error.object starts in the line after those that were read.
            line = reader.line_num + 1 + error.object.count(b"\n", 0, error.start)
            raise UnusableCsvError(
                f"{source} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}. "
                "Convert it first, for example with: iconv -f LATIN1 -t UTF-8"
            ) from error
        except csv.Error as error:
            raise UnusableCsvError(f"{source} is not CSV: {error}, near line {reader.line_num}.") from error
    if not rows:
        raise UnusableCsvError(f"{source} has a header but no rows.")
    return CanonicalCsv(rows, [name for name in header if name not in columns])


def _places(columns: Sequence[str], header: list[str], source: Path) -> list[int]:
    if not header:
        raise UnusableCsvError(f"{source} is empty; it must have the columns {', '.join(columns)}.")
    if not all(header.count(column) == 1 for column in columns):
        raise UnusableCsvError(
            f"{source} has the columns {', '.join(header)}; it must have each of {', '.join(columns)} once."
        )
    return [header.index(column) for column in columns]


def _clean(value: str) -> str:
    value = value.strip()
    return LINE_BREAKS.sub(" ", value) if "\n" in value or "\r" in value else value
