"""The series that an exporter holds: counters, gauges and histograms by name and labels, and their page of text.

prometheus-client's own metrics do not serve here: they keep one set of label names a metric and a lock a bucket, while
StatsD decides label names line by line and a single thread does everything. The page is made in slices, so that a
large one does not keep the caller from its socket.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, NamedTuple

from lab.statsd_lines import Sample

Type = Literal["counter", "gauge", "histogram"]

# Airflow documents 130 names. 200 DAGs of 8 tasks in 3 states are 4,800 series of one metric and 22,000 of all; 25,000
# are 30 MB of memory.
MOST_METRICS = 1_000
MOST_SERIES_PER_METRIC = 5_000
MOST_SERIES = 25_000
SERIES_PER_SLICE = 200

_HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")


class ConflictError(Exception):
    """The metric's name, or one that it would expose, belongs to another metric."""


class LimitError(Exception):
    """One series more would be too many. The argument names the metric that is full, or nothing if all together are."""


class Metric(NamedTuple):
    """What its series share. `bounds` are a histogram's upper bounds, ascending, without +Inf; () for the others."""

    name: str
    type: Type
    help: str
    bounds: tuple[float, ...] = ()


class Series:
    """One counter, gauge or histogram with its labels.

    Attributes:
        value: the counter's or gauge's value, or the sum of a histogram.
        counts: how many observations each bucket alone holds, +Inf last; of a histogram only.
        ttl: after how many seconds without a change it goes; 0 for never.
        updated: when it last changed, in seconds on the caller's clock; the caller keeps it up where `ttl` is set.

    """

    __slots__ = ("bounds", "counts", "labels", "ttl", "updated", "value")

    def __init__(self, labels: str, bounds: tuple[float, ...], ttl: float) -> None:
        self.labels = labels
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1) if bounds else []
        self.value = 0.0
        self.ttl = ttl
        self.updated = 0.0

    def add(self, amount: float) -> None:
        """Move a counter or a gauge by this much."""
        self.value += amount

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.value = value

    def observe(self, value: float, times: int = 1) -> None:
        """Count an observation in a histogram, or several equal ones."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.value += value * times

    def update(self, sample: Sample, scale: float) -> None:
        """Take in one sample, its value multiplied by `scale`."""
        value = sample.value * scale
        if sample.kind == "observer":
            self.observe(value, sample.times)
        elif sample.kind == "counter" or sample.relative:
            self.add(value)
        else:
            self.set(value)


@dataclass
class _Family:
    metric: Metric
    series: dict[str, Series] = field(default_factory=dict)
    label_names: set[tuple[str, ...]] = field(default_factory=set)


class Registry:
    """All series."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._exposed: set[str] = set()
        self._size = 0

    def __len__(self) -> int:
        """Return how many series there are; a histogram is one, whatever its buckets."""
        return self._size

    def reserve(self, names: Iterable[str]) -> None:
        """Refuse these names from now on as conflicts: somebody else exposes them on the same page."""
        self._exposed.update(names)

    def label_sets(self, type_: Type) -> int:
        """Return how many pairs of a metric's name and a set of label names there are, of metrics of this type."""
        return sum(len(family.label_names) for family in self._families.values() if family.metric.type == type_)

    def series(self, metric: Metric, labels: Mapping[str, str], ttl: float) -> Series:
        """Find a series, or make it.

        Raises:
            ConflictError: another metric has the name.
            LimitError: this series would be one too many.

        """
        names, text = tuple(sorted(labels)), _format_labels(labels)
        family = self._families.get(metric.name)
        if family is None:
            self._check_names(metric)
            if len(self._families) >= MOST_METRICS:
                raise LimitError("")
            family = _Family(metric)
        elif family.metric.type != metric.type:
            raise ConflictError(metric.name)
        elif found := family.series.get(text):
            return found
        if self._size >= MOST_SERIES:
            raise LimitError("")
        if len(family.series) >= MOST_SERIES_PER_METRIC:
            raise LimitError(metric.name)
        self._families[metric.name] = family
        self._exposed.update(_exposed_names(metric))
        self._size += 1
        family.label_names.add(names)
        # The family's bounds, not those of this mapping: two mappings may lead to one name.
        series = family.series[text] = Series(text, family.metric.bounds, ttl)
        return series

    def expire(self, now: float) -> int:
        """Remove the series that did not change within their `ttl`; return how many."""
        before = self._size
        for name, family in list(self._families.items()):
            for text in [
                text for text, series in family.series.items() if series.ttl and series.updated + series.ttl < now
            ]:
                del family.series[text]
                self._size -= 1
            if not family.series:
                del self._families[name]
                self._exposed.difference_update(_exposed_names(family.metric))
        return before - self._size

    def page(self) -> Iterator[str]:
        """Yield the page in Prometheus's text format 0.0.4, in slices. The registry may change between two of them."""
        for family in list(self._families.values()):
            metric = family.metric
            help_ = metric.help.replace("\\", r"\\").replace("\n", r"\n")
            yield f"# HELP {metric.name} {help_}\n# TYPE {metric.name} {metric.type}\n"
            lines = _histogram_lines if metric.type == "histogram" else _value_line
            bounds = [*(f"{bound}".removesuffix(".0") for bound in metric.bounds), "+Inf"]
            series = list(family.series.values())
            for start in range(0, len(series), SERIES_PER_SLICE):
                yield "".join(lines(metric.name, one, bounds) for one in series[start : start + SERIES_PER_SLICE])

    def _check_names(self, metric: Metric) -> None:
        if not self._exposed.isdisjoint(_exposed_names(metric)):
            raise ConflictError(metric.name)


def _exposed_names(metric: Metric) -> list[str]:
    suffixes = _HISTOGRAM_SUFFIXES if metric.type == "histogram" else ()
    return [metric.name, *(metric.name + suffix for suffix in suffixes)]


def _format_labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(labels[name])}"' for name in sorted(labels))


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _value_line(name: str, series: Series, _: list[str]) -> str:
    labels = f"{{{series.labels}}}" if series.labels else ""
    return f"{name}{labels} {series.value}\n"


def _histogram_lines(name: str, series: Series, bounds: list[str]) -> str:
    labels = f"{{{series.labels}}}" if series.labels else ""
    start = f'{name}_bucket{{{series.labels}{"," if labels else ""}le="'
    counts = list(accumulate(series.counts))
    buckets = "".join(f'{start}{bound}"}} {count}\n' for bound, count in zip(bounds, counts, strict=True))
    return f"{buckets}{name}_sum{labels} {series.value}\n{name}_count{labels} {counts[-1]}\n"
