"""Times: ranges and lengths in Grafana's words (now-30m, 10s, 1700000000000), as seconds since 1970."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 30 * 86400, "y": 365 * 86400}
NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "y": "year"}
QUICK = ("5m", "15m", "30m", "1h", "3h", "6h", "12h", "24h", "2d", "7d")
LATEST = 253_402_300_799  # the end of the year 9999
# Prometheus returns at most 11,000 points a series.
MOST_POINTS = 5_000
NICE = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)


@dataclass(frozen=True)
class Range:
    """A range of times, as it is written and as it is now."""

    since: str
    until: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    @property
    def title(self) -> str:
        """How people say it."""
        if self.until == "now" and (length := re.fullmatch(r"now-(\d+)([smhdwMy])", self.since)):
            number, unit = length.groups()
            return f"Last {number} {NAMES[unit]}{'s' * (number != '1')}"
        return f"{moment(self.start):%Y-%m-%d %H:%M:%S} to {moment(self.end):%Y-%m-%d %H:%M:%S}"

    def step(self, points: int, least: float) -> float:
        """Return the seconds between two points: a round number for about so many points, never below `least`."""
        points = max(1, min(points, MOST_POINTS))
        wanted = max(self.seconds / points, least)
        # Grafana rounds to the nearest of its lengths; below that, Prometheus would refuse too many points.
        return next((length for length in _lengths(least) if length >= wanted * 0.75), wanted)


def parse_range(since: str, until: str, now: float | None = None) -> Range:
    """Return the range between two times.

    Raises:
        ValueError: one of them is no time, or they stand in the wrong order.

    """
    now = time.time() if now is None else now
    start, end = _instant(since, now), _instant(until, now)
    if start >= end:
        raise ValueError(f"{since} is not before {until}")
    return Range(since, until, start, end)


def seconds(length: str) -> float:
    """Return the seconds of a length such as 10s or 1m30s; 0 for none.

    Raises:
        ValueError: it is no length.

    """
    if not length:
        return 0
    if not re.fullmatch(r"(?:\d+(?:ms|[smhdwMy]))+", length):
        raise ValueError(f"{length!r} is no length of time")
    parts = re.findall(r"(\d+)(ms|[smhdwMy])", length)
    return float(sum(int(number) * (0.001 if unit == "ms" else SECONDS[unit]) for number, unit in parts))


def moment(instant: float) -> datetime:
    """Return a time as this machine's clock shows it: it is the one of whoever looks at 127.0.0.1."""
    return datetime.fromtimestamp(instant).astimezone()


def plotly_times(instants: Sequence[float]) -> list[float]:
    """Return times for an axis of dates: milliseconds, which Plotly shows as UTC, moved to this machine's zone."""
    offset = moment(instants[-1]).utcoffset() if instants else None
    return [round((instant + (offset or timedelta()).total_seconds()) * 1000) for instant in instants]


def _lengths(least: float) -> tuple[float, ...]:
    return (least, *(length for length in NICE if length > least))


def _instant(text: str, now: float) -> float:
    if text == "now":
        instant = now
    elif relative := re.fullmatch(r"now-(\d{1,6})([smhdwMy])", text):
        number, unit = relative.groups()
        instant = now - int(number) * SECONDS[unit]
    elif re.fullmatch(r"\d{1,15}", text):
        instant = int(text) / 1000
    else:
        try:
            instant = datetime.fromisoformat(text).timestamp()
        except ValueError:
            instant = -1
    if not 0 <= instant <= LATEST:
        raise ValueError(f"{text!r} is no time")
    return instant
