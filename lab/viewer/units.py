"""Units: values as people read them, by Grafana's names of units."""

import math
import time
from collections.abc import Callable, Mapping

from lab.viewer.times import LATEST, moment

DIGITS = 3  # that count, where a dashboard does not say how many decimals it wants
THOUSANDS = ("", " K", " Mil", " Bil", " Tri", " Quadr")
COUNTS = ("", "K", "M", "B", "T", "Q")
BINARY = (" B", " KiB", " MiB", " GiB", " TiB", " PiB")
DECIMAL = (" B", " kB", " MB", " GB", " TB", " PB")
# Each length of time, and the one from which on the next greater is used.
LENGTHS = (
    (1e-9, 1e-6, " ns"),
    (1e-6, 1e-3, " µs"),
    (1e-3, 1, " ms"),
    (1, 60, " s"),
    (60, 3600, " min"),
    (3600, 86400, " h"),
    (86400, 604800, " d"),
    (604800, 31_536_000, " w"),
    (31_536_000, math.inf, " y"),
)
Format = Callable[[float, int | None], str]


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a value with its unit. A unit that is not known is written behind it, as Grafana does."""
    known = FORMATS.get(unit)
    if known:
        return known(value, decimals)
    return f"{number(value, decimals)} {unit.removeprefix('suffix:')}".rstrip()


def number(value: float, decimals: int | None = None) -> str:
    """Return a number with so many decimals; without that, with what is needed for three digits that count."""
    if decimals is None:
        whole_digits = math.floor(math.log10(abs(value))) + 1 if value else 0
        decimals = 0 if value == int(value) else max(0, DIGITS - whole_digits)
        text = f"{value:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{decimals}f}"


def _scaled(base: int, names: tuple[str, ...], behind: str = "") -> Format:
    def write(value: float, decimals: int | None) -> str:
        place = 0
        while abs(value) >= base and place < len(names) - 1:
            value /= base
            place += 1
        return f"{number(value, decimals)}{names[place]}{behind}"

    return write


def _percent(factor: float) -> Format:
    return lambda value, decimals: f"{number(round(value * factor, 10), decimals)}%"


def _length(factor: float) -> Format:
    def write(value: float, decimals: int | None) -> str:
        value *= factor
        size, _, name = next(length for length in LENGTHS if abs(value) < length[1] or length[1] == math.inf)
        if not value:
            return "0 s"
        return f"{number(value / size, decimals)}{name}"

    return write


def _from_now(value: float, _: int | None) -> str:
    """Milliseconds since 1970, told from now."""
    ago = time.time() - value / 1000
    if abs(ago) < 1:
        return "now"
    size, name = next((size, name) for size, end, name in LENGTHS[3:] if abs(ago) < end)
    text = f"{math.floor(abs(ago) / size)}{name}"
    return f"{text} ago" if ago > 0 else f"in {text}"


def _date(value: float, decimals: int | None) -> str:
    if not 0 <= value / 1000 <= LATEST:
        return number(value, decimals)
    return f"{moment(value / 1000):%Y-%m-%d %H:%M:%S}"


def _truth(yes: str, no: str) -> Format:
    return lambda value, _: yes if value else no


FORMATS: Mapping[str, Format] = {
    "": number,
    "none": number,
    "short": _scaled(1000, THOUSANDS),
    "percent": _percent(1),
    "percentunit": _percent(100),
    "s": _length(1),
    "ms": _length(1e-3),
    "bytes": _scaled(1024, BINARY),
    "decbytes": _scaled(1000, DECIMAL),
    "binBps": _scaled(1024, BINARY, "/s"),
    "Bps": _scaled(1000, DECIMAL, "/s"),
    "ops": _scaled(1000, COUNTS, " ops/s"),
    "reqps": _scaled(1000, COUNTS, " req/s"),
    "cps": _scaled(1000, COUNTS, " c/s"),
    "cpm": _scaled(1000, COUNTS, " c/m"),
    "rowsps": _scaled(1000, COUNTS, " rows/s"),
    "currencyUSD": lambda value, decimals: f"${_scaled(1000, COUNTS)(value, decimals)}",
    "bool": _truth("True", "False"),
    "bool_yes_no": _truth("Yes", "No"),
    "bool_on_off": _truth("On", "Off"),
    "dateTimeFromNow": _from_now,
    "dateTimeAsIso": _date,
    "dateTimeAsLocal": _date,
}
BASES: Mapping[str, tuple[float, ...]] = {
    "s": (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        14400,
        21600,
        43200,
        86400,
        172800,
        604800,
        2592000,
    ),
    "ms": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000),
}


def ticks(low: float, high: float, unit: str, most: int) -> list[float]:
    """Return round values in a unit, at most so many, for an axis from `low` to `high`."""
    step = _step((high - low) / max(1, most - 1), unit)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _step(least: float, unit: str) -> float:
    if unit in BASES and least > 0.5 * BASES[unit][0] and least <= BASES[unit][-1]:
        return next(step for step in BASES[unit] if step >= least)
    if unit in {"bytes", "binBps"} and least > 1:
        return float(2 ** math.ceil(math.log2(least)))
    magnitude = 10.0 ** math.floor(math.log10(least))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= least * (1 - 1e-9))
