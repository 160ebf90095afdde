"""The intake of a StatsD exporter: packets in, series changed, and everything that happened counted.

Most lines differ from an earlier one in their value alone. So what a name with its tags and its type leads to is
remembered, and only lines that are new or faulty are taken apart.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from lab.statsd_lines import MILLISECONDS_PER_SECOND, Kind, Line, Sample, parse_line
from lab.statsd_mapping import Action, MappingFile, Target
from lab.statsd_series import MOST_SERIES, ConflictError, LimitError, Metric, Registry, Series, Type

MOST_SHORTCUTS = 2 * MOST_SERIES
NAMES_REMEMBERED = 1_000
SECONDS_BETWEEN_COMPLAINTS = 60.0
LOGGED_BYTES = 200

_TYPES: dict[Kind, Type] = {"counter": "counter", "gauge": "gauge", "observer": "histogram"}
_PLAIN_UNITS = frozenset({b"c", b"g", b"ms", b"h", b"d"})
# A sign has a meaning of its own, and an exponent may lead to infinity: those go the long way.
_PLAIN_VALUE = re.compile(rb"\d{1,18}(\.\d{1,18})?")

log = logging.getLogger(__name__)


@dataclass
class Counts:
    """What happened so far. `conflicts` are by type and metric, `refused` by metric or "" for all metrics together."""

    packets: int = 0
    lines: int = 0
    samples: int = 0
    tags: int = 0
    tag_errors: int = 0
    sample_errors: Counter[str] = field(default_factory=Counter)
    events: Counter[Kind] = field(default_factory=Counter)
    actions: Counter[Action] = field(default_factory=Counter)
    event_errors: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class _Shortcut(NamedTuple):
    """Where every plain value of one name, its tags and its type goes; no `update` if the mapping drops it."""

    update: Callable[[float], None] | None
    kind: Kind
    action: Action
    tagged: bool
    divisor: float
    scale: float


class Intake:
    """Takes packets in. Nothing in a packet raises."""

    def __init__(self, mappings: MappingFile, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = Counts()
        self._registry = registry
        self._clock = clock
        self._target = lru_cache(NAMES_REMEMBERED)(mappings.target)
        self._shortcuts: dict[tuple[bytes, bytes], _Shortcut] = {}
        self._complaints = 0
        self._complained_at = -SECONDS_BETWEEN_COMPLAINTS

    def take(self, packet: bytes) -> None:
        """Take in one packet: one or more lines."""
        counts, shortcuts = self.counts, self._shortcuts
        counts.packets += 1
        for line in packet.split(b"\n"):
            counts.lines += 1
            head, _, rest = line.partition(b":")
            value, _, unit = rest.partition(b"|")
            shortcut = shortcuts.get((head, unit))
            if shortcut is None or not _PLAIN_VALUE.fullmatch(value):
                self._take_apart(line, head, unit)
                continue
            update, kind, action, tagged, divisor, scale = shortcut
            counts.samples += 1
            counts.tags += tagged
            counts.actions[action] += 1
            if update:
                counts.events[kind] += 1
                update(float(value) / divisor * scale)

    def expire(self) -> None:
        """Remove the series whose time to live is over."""
        if self._registry.expire(self._clock()):
            self._shortcuts.clear()

    def _take_apart(self, raw: bytes, head: bytes, unit: bytes) -> None:
        line = parse_line(raw)
        self.counts.samples += line.samples_seen
        self.counts.tags += line.tagged_samples
        self.counts.tag_errors += line.tag_errors
        self.counts.sample_errors.update(line.errors)
        faults = [*line.errors, *["malformed_tag"] * line.tag_errors]
        for sample in line.samples:
            try:
                shortcut = self._take_sample(line, sample, divisor=MILLISECONDS_PER_SECOND if unit == b"ms" else 1)
            except _RefusedError as refusal:
                faults.append(str(refusal))
            else:
                if unit in _PLAIN_UNITS and not faults:
                    self._remember((head, unit), shortcut)
        if faults:
            self._complain(faults[0], raw)

    def _take_sample(self, line: Line, sample: Sample, divisor: float) -> _Shortcut:
        """Change the series that the sample is for; return the shortcut for further samples of its kind."""
        kind, times = sample.kind, sample.times
        target = self._target(line.name, kind)
        mapping = target.mapping
        if not target.name:
            self.counts.event_errors["empty_metric_name"] += times
            raise _RefusedError("empty_metric_name")
        self.counts.actions[mapping.action] += times
        update: Callable[[float], None] | None = None
        if mapping.action != "drop":
            if kind == "counter" and sample.value * mapping.scale < 0:
                self.counts.event_errors["illegal_negative_counter"] += times
                raise _RefusedError("illegal_negative_counter")
            series = self._series(target, line, sample)
            update = self._updater(series, kind)
            series.updated = self._clock()
            series.update(sample, mapping.scale)
            self.counts.events[kind] += times
        return _Shortcut(update, kind, mapping.action, bool(line.labels), divisor, mapping.scale)

    def _series(self, target: Target, line: Line, sample: Sample) -> Series:
        mapping, type_ = target.mapping, _TYPES[sample.kind]
        labels = target.labels | line.labels if mapping.honor_labels else line.labels | target.labels
        if type_ == "histogram" and "le" in labels:
            self.counts.sample_errors["reserved_label"] += sample.times
            raise _RefusedError("reserved_label")  # the label of the buckets
        metric = Metric(target.name, type_, mapping.help, mapping.buckets if type_ == "histogram" else ())
        try:
            return self._registry.series(metric, labels, mapping.ttl)
        except ConflictError as error:
            self.counts.conflicts[sample.kind, target.name] += sample.times
            raise _RefusedError(f"conflict over the name {target.name}") from error
        except LimitError as error:
            self.counts.refused[str(error)] += sample.times
            raise _RefusedError(f"too many series of {str(error) or 'all metrics, or too many metrics'}") from error

    def _updater(self, series: Series, kind: Kind) -> Callable[[float], None]:
        update = {"counter": series.add, "gauge": series.set, "observer": series.observe}[kind]
        if not series.ttl:
            return update

        def update_and_note(value: float) -> None:
            series.updated = self._clock()
            update(value)

        return update_and_note

    def _remember(self, key: tuple[bytes, bytes], shortcut: _Shortcut) -> None:
        if len(self._shortcuts) >= MOST_SHORTCUTS:
            self._shortcuts.clear()
        self._shortcuts[key] = shortcut

    def _complain(self, fault: str, raw: bytes) -> None:
        """Log a fault, at most one a minute; the counts tell of the others."""
        self._complaints += 1
        if self._clock() - self._complained_at >= SECONDS_BETWEEN_COMPLAINTS:
            log.warning(
                "%d bad lines since the last warning. This one: %s: %r", self._complaints, fault, raw[:LOGGED_BYTES]
            )
            self._complaints, self._complained_at = 0, self._clock()


class _RefusedError(Exception):
    """A sample that is not taken in; the argument says why. It has been counted."""
