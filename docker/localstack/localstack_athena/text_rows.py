"""Text files read the way Hive's two CSV SerDes read them, written anew in the one form DuckDB reads exactly.

DuckDB reads most CSV files as Hive does and many times faster, so this is the way for the rest: a backslash that
escapes, a quote in the middle of a field, a line break inside quotes (a new row to Hive), bytes that are not UTF-8.
"""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Row = list[str | None]


@dataclass(frozen=True)
class TextDialect:
    """How a SerDe splits a line; `quote` is empty for LazySimpleSerDe, `null` is None for OpenCSVSerde."""

    separator: str
    quote: str
    escape: str
    null: str | None
    skipped_lines: int

    def split(self, line: str) -> Row:
        """A line's fields: backslash-like escapes resolved, quotes taken off, the null marker turned into None."""
        return self._split_quoted(line) if self.quote else self._split_plain(line)

    def _split_plain(self, line: str) -> Row:
        if not self.escape or self.escape not in line:
            return [None if field == self.null else field for field in line.split(self.separator)]
        fields, field, characters = [], "", iter(line)
        for character in characters:
            if character == self.escape:
                field += next(characters, "")
            elif character == self.separator:
                fields.append(field)
                field = ""
            else:
                field += character
        return [None if field == self.null else field for field in [*fields, field]]

    def _split_quoted(self, line: str) -> Row:
        """As opencsv 2.3, the parser behind OpenCSVSerde, does.

        An escape counts inside quotes only, and "" is a quote there. A quote in the middle of a field stays in it, but
        for one of the line's first three characters; blanks before it go. A field whose quotes the line does not close
        is lost.
        """
        fields: Row = []
        field, quoted, at = "", False, 0
        while at < len(line):
            character, following = line[at], line[at + 1 : at + 2]
            if character == self.escape and character != self.quote:
                if quoted and following and following in (self.quote, self.escape):
                    field += following
                    at += 1
            elif character == self.quote:
                if quoted and following == self.quote:
                    field += character
                    at += 1
                else:
                    if (
                        at >= _FIRST_INNER_QUOTE
                        and line[at - 1] != self.separator
                        and following not in ("", self.separator)
                    ):
                        field = "" if field.isspace() else field + character
                    quoted = not quoted
            elif character == self.separator and not quoted:
                fields.append(field)
                field = ""
            else:
                field += character
            at += 1
        return fields if quoted else [*fields, field]


_FIRST_INNER_QUOTE = 3  # opencsv's way to know a field's opening quote from one in its middle


def has_escapes(file: Path, escape: str) -> bool:
    """Whether the escape character occurs in the file."""
    wanted = escape.encode()
    with _opened(file) as raw:
        return any(wanted in chunk for chunk in iter(lambda: raw.read(1 << 20), b""))


def rewrite(source: Path, target: Path, dialect: TextDialect, width: int, check_cancelled: Callable[[], None]) -> None:
    """Write `source` as UTF-8 CSV, exactly `width` fields a row: values quoted, NULL the empty unquoted field."""
    partial = target.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        for number, row in enumerate(_rows(source, dialect)):
            if number % 10_000 == 0:
                check_cancelled()
            padded = [*row[:width], *[None] * (width - len(row))]
            file.write(csv_line(padded))
    partial.replace(target)


def csv_line(values: Iterable[str | None]) -> str:
    """A CSV line: every value quoted, NULL the empty unquoted field."""
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values) + "\n"


def _rows(source: Path, dialect: TextDialect) -> Iterator[Row]:
    with _opened(source) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline=None) as text:
        for number, line in enumerate(text):
            if number >= dialect.skipped_lines:
                yield dialect.split(line.removesuffix("\n"))


def _opened(file: Path) -> io.BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]  # both are readers
