"""The viewer's units and axes: values as people read them."""

import time

import pytest

from lab.viewer.units import FORMATS, ticks, written


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.0, "short", None, "0"),
        (48_559.0, "short", None, "48.6 K"),
        (999.0, "short", None, "999"),
        (1_000_000.0, "short", 1, "1.0 Mil"),
        (-2_500.0, "short", None, "-2.5 K"),
        (0.000123456, "none", None, "0.000123"),
        (123_456.7, "none", None, "123457"),
        (0.975, "percentunit", None, "97.5%"),
        (1.0, "percentunit", 1, "100.0%"),
        (0.2 + 0.1, "percentunit", None, "30%"),
        (12.0, "percent", None, "12%"),
        (0.0, "s", None, "0 s"),
        (0.00042, "s", None, "420 µs"),
        (0.25, "s", None, "250 ms"),
        (59.9, "s", None, "59.9 s"),
        (90.0, "s", None, "1.5 min"),
        (7_200.0, "s", None, "2 h"),
        (1e12, "s", 0, "31710 y"),
        (1_500.0, "ms", None, "1.5 s"),
        (920.0, "bytes", None, "920 B"),
        (1_536.0, "bytes", None, "1.5 KiB"),
        (1_500.0, "decbytes", None, "1.5 kB"),
        (2_500.0, "ops", None, "2.5K ops/s"),
        (3.0, "cps", None, "3 c/s"),
        (1.0, "bool_yes_no", None, "Yes"),
        (7.0, "suffix: boxes", None, "7  boxes"),
        (7.0, "unheard-of", None, "7 unheard-of"),
    ],
)
def test_a_value_has_its_unit(value: float, unit: str, decimals: int | None, text: str) -> None:
    assert written(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("ago", "text"), [(0, "now"), (75, "1 min ago"), (7_300, "2 h ago"), (-100, "in 1 min"), (400 * 86400, "1 y ago")]
)
def test_a_time_is_told_from_now(ago: float, text: str) -> None:
    assert written((time.time() - ago) * 1000, "dateTimeFromNow") == text


@pytest.mark.parametrize("unit", [*FORMATS, "unheard-of"])
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 1e300, 123.456])
def test_no_value_is_too_odd_for_a_unit(unit: str, value: float) -> None:
    assert written(value, unit)


@pytest.mark.parametrize(
    ("low", "high", "unit", "expected"),
    [
        (0, 10, "short", [0, 2.5, 5, 7.5, 10]),
        (0, 1, "percentunit", [0, 0.25, 0.5, 0.75, 1]),
        (0, 70, "s", [0, 30, 60]),
        (0, 0.4, "s", [0, 0.1, 0.2, 0.3, 0.4]),
        (0, 4000, "bytes", [0, 1024, 2048, 3072]),
        (-10, 10, "short", [-10, -5, 0, 5, 10]),
        (5e5, 6e5, "s", [518400, 561600]),
    ],
)
def test_ticks_are_round_in_their_unit(low: float, high: float, unit: str, expected: list[float]) -> None:
    assert ticks(low, high, unit, most=5)[: len(expected)] == expected
