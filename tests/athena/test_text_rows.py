"""Text files read exactly as Hive's two SerDes read them, and by DuckDB alone wherever that comes to the same."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from localstack_athena import formats, text_rows
from localstack_athena.text_rows import TextDialect

OPEN_CSV = TextDialect(separator=",", quote='"', escape="\\", null=None, skipped_lines=0)
LAZY = TextDialect(separator=",", quote="", escape="", null=r"\N", skipped_lines=0)
LAZY_ESCAPED = TextDialect(separator="|", quote="", escape="\\", null=r"\N", skipped_lines=0)
HEADED = TextDialect(separator=",", quote='"', escape="\\", null=None, skipped_lines=1)
WIDTH = 2

Rows = list[tuple[str | None, ...]]

EXACT = {
    "plain": (OPEN_CSV, b"1,a\n2,b\n", [("1", "a"), ("2", "b")]),
    "no last line break": (OPEN_CSV, b"1,a\n2,b", [("1", "a"), ("2", "b")]),
    "quoted separator": (OPEN_CSV, b'"a,b",c\n', [("a,b", "c")]),
    "doubled quotes": (OPEN_CSV, b'"say ""hi""",c\n', [('say "hi"', "c")]),
    "escaped quote": (OPEN_CSV, b'"say \\"hi\\"","c\\\\d"\n', [('say "hi"', "c\\d")]),
    "escape outside quotes is lost": (OPEN_CSV, b"a\\,b\n", [("a", "b")]),
    "empty quotes": (OPEN_CSV, b'"",\n', [("", "")]),
    "quote in the middle": (OPEN_CSV, b'7in,5"x"6\n', [("7in", '5"x"6')]),
    "quote among the first three characters": (OPEN_CSV, b'a"b"c,d\n', [('ab"c', "d")]),
    "blanks before a quote": (OPEN_CSV, b'abc,  "d"\n', [("abc", "d")]),
    "quote that the line does not close": (OPEN_CSV, b'a,"b\nc,d\n', [("a", None), ("c", "d")]),
    "line break in quotes": (OPEN_CSV, b'a,"b\nlost",c\nd,e\n', [("a", None), (None, None), ("d", "e")]),
    "null marker is text": (OPEN_CSV, b"NULL,null\n", [("NULL", "null")]),
    "short row": (OPEN_CSV, b"a\n", [("a", None)]),
    "long row": (OPEN_CSV, b"a,b,c\n", [("a", "b")]),
    "blank line": (OPEN_CSV, b"a,b\n\nc,d\n", [("a", "b"), ("", None), ("c", "d")]),
    "CRLF": (OPEN_CSV, b'a,b\r\n"c","d"\r\n', [("a", "b"), ("c", "d")]),
    "byte-order mark": (OPEN_CSV, b"\xef\xbb\xbfa,b\n", [("a", "b")]),
    "not UTF-8": (OPEN_CSV, b"caf\xe9,b\n", [("caf�", "b")]),
    "umlauts": (OPEN_CSV, "ä,ö\n".encode(), [("ä", "ö")]),
    "header": (HEADED, b"id,name\n1,a\n", [("1", "a")]),
    "header alone": (HEADED, b"id,name\n", []),
    "empty file": (OPEN_CSV, b"", []),
    "quotes mean nothing": (LAZY, b'"a,b"\n', [('"a', 'b"')]),
    "null marker": (LAZY, b"\\N,x\n", [(None, "x")]),
    "empty is no null": (LAZY, b",x\n", [("", "x")]),
    "backslash without ESCAPED BY": (LAZY, b"a\\,b\n", [("a\\", "b")]),
    "blanks stay": (LAZY, b" a , b \n", [(" a ", " b ")]),
    "lazy short row": (LAZY, b"a\n", [("a", None)]),
    "lazy long row": (LAZY, b"a,b,c\n", [("a", "b")]),
    "escaped separator": (LAZY_ESCAPED, b"a\\|b|c\\\\d\n", [("a|b", "c\\d")]),
}

# What real exports hold; DuckDB reads it alone.
ORDINARY = [
    "plain", "no last line break", "quoted separator", "doubled quotes", "empty quotes", "null marker is text",
    "short row", "CRLF", "byte-order mark", "umlauts", "header", "header alone", "empty file", "quotes mean nothing",
    "null marker", "empty is no null", "backslash without ESCAPED BY", "blanks stay", "lazy short row",
]  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("dialect", "content", "expected"), EXACT.values(), ids=EXACT)
def test_rewritten_rows_are_exact(
    dialect: TextDialect,
    content: bytes,
    expected: Rows,
    compressed: bool,  # noqa: FBT001 - a parameter of the table
    tmp_path: Path,
) -> None:
    source = _stored(content, tmp_path / ("rows.csv.gz" if compressed else "rows.csv"))
    target = tmp_path / "rewritten.csv"
    text_rows.rewrite(source, target, dialect, WIDTH, lambda: None)
    assert _read(formats.rewritten_scan([target], WIDTH)) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, target.name])


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ORDINARY)
def test_duckdb_alone_reads_ordinary_rows_alike(
    name: str,
    compressed: bool,  # noqa: FBT001 - a parameter of the table
    tmp_path: Path,
) -> None:
    dialect, content, expected = EXACT[name]
    source = _stored(content, tmp_path / ("rows.csv.gz" if compressed else "rows.csv"))
    assert _read(formats.text_scan([source], WIDTH, dialect)) == expected


@pytest.mark.parametrize(
    "name", ["quote that the line does not close", "line break in quotes", "long row", "not UTF-8", "lazy long row"]
)
def test_duckdb_alone_refuses_what_it_would_misread(name: str, tmp_path: Path) -> None:
    dialect, content, _ = EXACT[name]
    source = _stored(content, tmp_path / "rows.csv")
    with pytest.raises(duckdb.Error, match=r"CSV Error"):
        _read(formats.text_scan([source], WIDTH, dialect))


def test_rewriting_can_be_stopped(tmp_path: Path) -> None:
    source = _stored(b"1,a\n", tmp_path / "rows.csv")

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        text_rows.rewrite(source, tmp_path / "rewritten.csv", OPEN_CSV, WIDTH, stop)
    assert not (tmp_path / "rewritten.csv").exists()


def _stored(content: bytes, file: Path) -> Path:
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def _read(scan: str) -> Sequence[tuple[str | None, ...]]:
    with duckdb.connect() as connection:
        return connection.sql(f"FROM {scan}").fetchall()
