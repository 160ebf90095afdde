import tracemalloc
from pathlib import Path

import pytest
from common.canonical_csv import UnusableCsvError, write_canonical_csv

COLUMNS = ("id", "note")


def _write(tmp_path: Path, content: bytes) -> tuple[str, int, list[str]]:
    source, target = tmp_path / "source.csv", tmp_path / "target.csv"
    source.write_bytes(content)
    written = write_canonical_csv(source, target, COLUMNS)
    return target.read_bytes().decode(), written.rows, written.ignored_columns


@pytest.mark.parametrize(
    ("content", "canonical"),
    [
        pytest.param(b"id,note\n1,a\n", '"1","a"\n', id="plain"),
        pytest.param(b"id,note\n1,a", '"1","a"\n', id="no line end"),
        pytest.param(b"\xef\xbb\xbfid,note\n1,a\n", '"1","a"\n', id="byte-order mark"),
        pytest.param(b'\xef\xbb\xbf"id","note"\r\n"1","a"\r\n', '"1","a"\n', id="mark, quotes, CRLF"),
        pytest.param(b"id,note\r1,a\r2,b\r", '"1","a"\n"2","b"\n', id="CR alone"),
        pytest.param(b"note,id\na,1\n", '"1","a"\n', id="other order"),
        pytest.param(b" ID ,Note\n1,a\n", '"1","a"\n', id="other case"),
        pytest.param(b"id,note\n 1\t,\xc2\xa0a \n", '"1","a"\n', id="white space around"),
        pytest.param(b'id,note\n1,"a, b"\n', '"1","a, b"\n', id="comma"),
        pytest.param(b'id,note\n1,"a ""b"""\n', r'"1","a \"b\""' + "\n", id="quotes"),
        pytest.param(b'id,note\n1,5" pipe\n', r'"1","5\" pipe"' + "\n", id="quote without quotes"),
        pytest.param(b"id,note\n1,C:\\new\\\n", r'"1","C:\\new\\"' + "\n", id="backslashes"),
        pytest.param(b'id,note\n1,"a\nb\r\n\r\nc\r"\n', '"1","a b c"\n', id="line breaks"),
        pytest.param("id,note\n1,São Paulo €\n".encode(), '"1","São Paulo €"\n', id="beyond ASCII"),
        pytest.param(b"id,note\n\n1,a\n\r\n\n2,b\n", '"1","a"\n"2","b"\n', id="empty lines"),
        pytest.param(b"id,note\n1\n,\n", '"1",""\n"",""\n', id="short and empty rows"),
        pytest.param(b"id,note\n1,a,b,c\n", '"1","a"\n', id="long row"),
    ],
)
def test_any_export_becomes_canonical(tmp_path: Path, content: bytes, canonical: str) -> None:
    rows = canonical.count("\n")
    assert _write(tmp_path, content) == ('"id","note"\n' + canonical, rows, [])


def test_other_columns_are_left_out_and_named(tmp_path: Path) -> None:
    assert _write(tmp_path, b"Zip,id,,note,zip\n9,1,x,a,8\n") == ('"id","note"\n"1","a"\n', 1, ["zip", "", "zip"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "There is no file {source} on the machine that runs this task.", id="no file"),
        pytest.param(b"", "{source} is empty; it must have the columns id, note.", id="empty"),
        pytest.param(b"\xef\xbb\xbf", "{source} is empty; it must have the columns id, note.", id="only a mark"),
        pytest.param(b"id,note\r\n", "{source} has a header but no rows.", id="header only"),
        pytest.param(b"id,note\n\n\n", "{source} has a header but no rows.", id="header and empty lines"),
        pytest.param(b"id;note\n1;a\n", "{source} has the columns id;note; it must have each", id="semicolons"),
        pytest.param(b"id,text\n1,a\n", "{source} has the columns id, text; it must have each of id, note", id="other"),
        pytest.param(b"id,note,ID\n1,a,2\n", "{source} has the columns id, note, id; it must", id="one column twice"),
        pytest.param(b"id,note\n1,S\xe3o Paulo\n", "{source} is not UTF-8: byte 0xe3 in line 2.", id="Latin-1"),
        pytest.param(
            b"id,note\n" + b"1,a\n" * 30_000 + b"1,\xe3\n1,a\n",
            "{source} is not UTF-8: byte 0xe3 in line 30002.",
            id="late",
        ),
        pytest.param("id,note\n1,a\n".encode("utf-16"), "{source} is not UTF-8: byte 0xff", id="UTF-16"),
        pytest.param(b'id,note\n1,"' + b"a" * 200_000, "{source} is not CSV: field larger", id="quote never closed"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    source = tmp_path / "source.csv"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(UnusableCsvError) as refusal:
        write_canonical_csv(source, tmp_path / "target.csv", COLUMNS)
    assert str(refusal.value).startswith(message.format(source=source))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    with source.open("w", encoding="utf-8") as file:
        file.write("id,note\n")
        file.writelines(f"{number},{'x' * 100}\n" for number in range(50_000))
    tracemalloc.start()
    try:
        assert write_canonical_csv(source, tmp_path / "target.csv", COLUMNS).rows == 50_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.stat().st_size > 5_000_000
    assert peak < 500_000
