"""Values as Athena prints them, in the result file and in pages."""

from pathlib import Path

import duckdb
import pytest
from localstack_athena import results

SHOWN = {
    # Doubles as Java's Double.toString: plain from a thousandth to ten million, else with an exponent.
    "0::DOUBLE": "0.0",
    "-0.0::DOUBLE": "-0.0",
    "1::DOUBLE": "1.0",
    "0.1::DOUBLE": "0.1",
    "0.1::DOUBLE + 0.2::DOUBLE": "0.30000000000000004",
    "100::DOUBLE / 3": "33.333333333333336",
    "0.001::DOUBLE": "0.001",
    "0.000999::DOUBLE": "9.99E-4",
    "9999999::DOUBLE": "9999999.0",
    "9999999.9::DOUBLE": "9999999.9",
    "1e7::DOUBLE": "1.0E7",
    "-12345678.9::DOUBLE": "-1.23456789E7",
    "1e21::DOUBLE": "1.0E21",
    "1e-10::DOUBLE": "1.0E-10",
    "1.7976931348623157e308::DOUBLE": "1.7976931348623157E308",
    "'NaN'::DOUBLE": "NaN",
    "'Infinity'::DOUBLE": "Infinity",
    "'-Infinity'::DOUBLE": "-Infinity",
    "1.1::FLOAT": "1.1",
    "16777216::FLOAT": "1.6777216E7",
    "3.4028235e38::FLOAT": "3.4028235E38",
    "0.33333334::FLOAT": "0.33333334",
    "1.50::DECIMAL(10, 2)": "1.50",
    "0.0000001::DECIMAL(10, 7)": "0.0000001",
    "12345678901234567890123456789012345678::DECIMAL(38, 0)": "12345678901234567890123456789012345678",
    "-0.05::DECIMAL(3, 2)": "-0.05",
    "127::TINYINT": "127",
    "9223372036854775807": "9223372036854775807",
    "true": "true",
    "false": "false",
    "DATE '2024-02-29'": "2024-02-29",
    "DATE '0099-01-02'": "0099-01-02",
    "TIMESTAMP '2024-01-02 03:04:05'": "2024-01-02 03:04:05.000",
    "TIMESTAMP '2024-01-02 03:04:05.678912'": "2024-01-02 03:04:05.678",
    "TIME '03:04:05.5'": "03:04:05.500",
    "INTERVAL 26 HOUR": "1 02:00:00.000",
    "INTERVAL (-90) MINUTE": "-0 01:30:00.000",
    "'hi'::BLOB": "68 69",
    "''": "",
    "NULL": None,
    """'quote " comma , line\nbreak'""": 'quote " comma , line\nbreak',
    "'tab\tand\rreturn'": "tab\tand\rreturn",
    "'ünïcödé 🦆'": "ünïcödé 🦆",
    "'NULL'": "NULL",
    "[1, NULL, 3]": "[1, null, 3]",
    "[]": "[]",
    "['a', '', 'b, c']": "[a, , b, c]",
    "[[1.5::DOUBLE], []]": "[[1.5], []]",
    "MAP {'a': 1, 'b': NULL}": "{a=1, b=null}",
    "{'x': 1, 'y': ['a'], 'z': NULL}": "{x=1, y=[a], z=null}",
    "[TIMESTAMP '2024-01-02 03:04:05']": "[2024-01-02 03:04:05.000]",
}


@pytest.mark.parametrize(("value", "expected"), SHOWN.items(), ids=SHOWN)
def test_value_goes_through_the_result_file(value: str, expected: str | None, tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        count = results.write_csv(connection.sql(f"SELECT {value} AS v, 'end' AS \"e\""), file)
    assert count == 1
    assert list(results.read_csv(file.read_bytes().decode())) == [["v", "e"], [expected, "end"]]


def test_result_file_quotes_every_value_but_null(tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    with duckdb.connect() as connection:
        results.write_csv(connection.sql("""SELECT 1 AS a, NULL::TEXT AS "b ""c", '' AS d, 'x"y' AS e"""), file)
    assert file.read_text(encoding="utf-8") == '"a","b ""c","d","e"\n"1",,"","x""y"\n'


def test_long_result_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    with duckdb.connect() as connection:
        assert results.write_csv(connection.sql("SELECT range AS n FROM range(25001)"), file) == 25_001
    rows = list(results.read_csv(file.read_text(encoding="utf-8")))
    assert rows == [["n"], *([str(n)] for n in range(25_001))]
