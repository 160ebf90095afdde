"""Partitions: registered by ALTER TABLE and MSCK REPAIR, shown, read and dropped."""

import pytest
from athena_client import Athena

ODD_VALUES = ["a/b", "a:b", "a=b", "50%", "a b", "ümlaut", "a+b", 'a"b', "a#b?", "2024-01-31", "*"]


@pytest.fixture
def events(athena: Athena) -> Athena:
    """A table with two keys and files in four folders, none of them registered."""
    for year, country in (("2023", "br"), ("2024", "br"), ("2024", "us")):
        athena.put(f"events/year={year}/country={country}/data.csv", f"{year}-{country}\n")
    athena.put("events/extra/data.csv", "extra\n")
    athena.run(
        "CREATE EXTERNAL TABLE events (name string) PARTITIONED BY (year int, country string)"
        " LOCATION 's3://{bucket}/events/'"
    )
    return athena


def test_no_partition_is_no_row(events: Athena) -> None:
    assert events.rows("SELECT * FROM events") == []
    assert events.run("SHOW PARTITIONS events").text == []


def test_repair_finds_the_folders(events: Athena) -> None:
    events.put("events/year=2024/country=__HIVE_DEFAULT_PARTITION__/data.csv", "nowhere\n")
    events.put("events/country=us/year=2024/swapped.csv", "swapped\n")
    repaired = events.run("MSCK REPAIR TABLE events")
    assert len(repaired.text) > 0
    assert events.run("SHOW PARTITIONS events").text == [
        "year=2023/country=br",
        "year=2024/country=__HIVE_DEFAULT_PARTITION__",
        "year=2024/country=br",
        "year=2024/country=us",
    ]
    assert events.rows("SELECT name, year, country FROM events WHERE year = 2024 ORDER BY name") == [
        ["2024-br", "2024", "br"],
        ["2024-us", "2024", "us"],
        ["nowhere", "2024", None],
    ]
    events.put("events/year=2025/country=br/data.csv", "2025-br\n")
    events.run("MSCK REPAIR TABLE events")
    assert events.rows("SELECT count(*), count(DISTINCT year) FROM events") == [["5", "3"]]


def test_add_and_drop(events: Athena) -> None:
    events.run("ALTER TABLE events ADD PARTITION (year=2023, country='br') PARTITION (country='us', year='2024')")
    assert events.partitions("events") == {
        ("2023", "br"): events.location("events/year=2023/country=br/"),
        ("2024", "us"): events.location("events/year=2024/country=us/"),
    }
    events.assert_fails(
        "ALTER TABLE events ADD PARTITION (year=2023, country='br')",
        "ALREADY_EXISTS: Partition already exists: year=2023/country=br",
    )
    events.run(
        "ALTER TABLE events ADD IF NOT EXISTS PARTITION (year=2023, country='br')"
        " PARTITION (year=1999, country='xx') LOCATION 's3://{bucket}/events/extra'"
    )
    assert events.rows("SELECT name, year FROM events ORDER BY name") == [
        ["2023-br", "2023"],
        ["2024-us", "2024"],
        ["extra", "1999"],
    ]

    events.run("ALTER TABLE events DROP PARTITION (year=2023, country='br'), PARTITION (year=1999, country='xx')")
    assert list(events.partitions("events")) == [("2024", "us")]
    assert "events/year=2023/country=br/data.csv" in events.keys("events/")
    events.assert_fails("ALTER TABLE events DROP PARTITION (year=2023, country='br')", "NOT_FOUND: Partition does not")
    events.run("ALTER TABLE events DROP IF EXISTS PARTITION (year=2023, country='br')")


REFUSED = {
    "ALTER TABLE events ADD PARTITION (year=2023)": "INVALID_PARTITION_VALUE: Partition keys are year, country",
    "ALTER TABLE events ADD PARTITION (year=2023, town='x')": "INVALID_PARTITION_VALUE: ",
    "ALTER TABLE nosuch ADD PARTITION (year=2023)": "TABLE_NOT_FOUND: ",
    "ALTER TABLE whole ADD PARTITION (year=2023)": "INVALID_TABLE_PROPERTY: Table {db}.whole is not",
    "SHOW PARTITIONS whole": "INVALID_TABLE_PROPERTY: ",
    "SHOW PARTITIONS nosuch": "TABLE_NOT_FOUND: ",
    "MSCK REPAIR TABLE whole": "INVALID_TABLE_PROPERTY: ",
    "MSCK REPAIR TABLE nosuch": "TABLE_NOT_FOUND: ",
}


@pytest.mark.parametrize(("sql", "expected"), REFUSED.items(), ids=REFUSED)
def test_refused(sql: str, expected: str, events: Athena) -> None:
    events.run("CREATE EXTERNAL TABLE whole (a int) LOCATION 's3://{bucket}/whole/'")
    events.assert_fails(sql, expected.replace("{db}", events.database))


def test_odd_values_name_their_folders(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE t (a string) PARTITIONED BY (p string) LOCATION 's3://{bucket}/t/'")
    clauses = " ".join(f"PARTITION (p='{value}')" for value in ODD_VALUES)
    athena.run(f"ALTER TABLE t ADD {clauses}")
    registered = athena.partitions("t")
    assert sorted(registered) == sorted((value,) for value in ODD_VALUES)
    assert registered[("a/b",)] == athena.location("t/p=a%2Fb/")
    assert registered[("50%",)] == athena.location("t/p=50%25/")
    for (value,), location in registered.items():
        athena.put(location.removeprefix(athena.location()) + "data.txt", f"{value}\n")
    assert athena.rows("SELECT count(*) FROM t WHERE a = p") == [[str(len(ODD_VALUES))]]

    athena.run("DROP TABLE t")
    athena.run("CREATE EXTERNAL TABLE t (a string) PARTITIONED BY (p string) LOCATION 's3://{bucket}/t/'")
    athena.run("MSCK REPAIR TABLE t")
    assert athena.partitions("t") == registered


def test_hundreds_of_partitions(athena: Athena) -> None:
    """More than Glue returns, and takes, at a time."""
    for number in range(230):
        athena.put(f"t/p={number:03d}/a.txt", f"{number}\n")
    athena.run("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (p string) LOCATION 's3://{bucket}/t/'")
    athena.run("MSCK REPAIR TABLE t")
    assert athena.rows("SELECT count(*), sum(a), max(p) FROM t") == [["230", str(sum(range(230))), "229"]]
    athena.run("ALTER TABLE t DROP " + ", ".join(f"PARTITION (p='{number:03d}')" for number in range(60)))
    assert len(athena.run("SHOW PARTITIONS t").text) == 170
