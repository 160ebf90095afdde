"""A figure: one row of the table, and the time that something took."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """What was measured, against what, and what it should be at most."""

    name: str
    measured: str
    against: str
    ratio: str
    aim: str


def seconds(action: Callable[..., object], *arguments: object) -> float:
    """Return how long a call took."""
    start = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - start


def p95(values: Sequence[float]) -> float:
    """Return the value that 95 % of all do not exceed, by nearest rank."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
