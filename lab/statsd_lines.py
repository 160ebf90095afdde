"""StatsD lines: one line of text taken apart into samples, and what is wrong with it.

Understood are counters (`c`), gauges (`g`), timers (`ms`) and their kin (`h`, `d`), several samples a line, sample
rates, and the tags of InfluxDB (`name,key=value:1|c`), which Airflow sends, and of DogStatsD (`name:1|c|#key:value`).
The rules and the names of the errors are those of statsd_exporter 0.30 (its package `line`), except where a sample
could do harm: a value that is not finite or not plain decimal, a bad sample rate, an overlong line and a
reserved label are errors here.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "observer"]

LONGEST_LINE_BYTES = 512  # Airflow itself sends no name, tags included, of more than 250
LOWEST_SAMPLE_RATE = 1e-6
MILLISECONDS_PER_SECOND = 1000
MOST_COMPONENTS = 5

_KINDS: dict[str, Kind] = {"c": "counter", "g": "gauge", "ms": "observer", "h": "observer", "d": "observer"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_OTHER_TAGGING_STYLES = re.compile(r"[#\[\]]")  # Librato and SignalFX
_ILLEGAL_IN_NAME = re.compile(r"-+|[^a-zA-Z0-9_]")


class Sample(NamedTuple):
    """One measurement: `times` observations of `value` (seconds for a timer), or a change by it if `relative`."""

    kind: Kind
    value: float
    relative: bool = False
    times: int = 1


@dataclass
class Line:
    """One line, taken apart.

    Attributes:
        name: the metric's name as sent, without tags.
        labels: the tags, their names in Prometheus's characters.
        samples: the good samples.
        samples_seen: how many samples there were, good or bad.
        tagged_samples: how many of them had tags.
        errors: why a sample or the whole line is refused, one reason each.
        tag_errors: how many tags are left out because they have no name or no value.

    """

    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    samples_seen: int = 0
    tagged_samples: int = 0
    errors: list[str] = field(default_factory=list)
    tag_errors: int = 0


class _RefusedError(Exception):
    """A sample that cannot be used; the argument is the reason."""


def escape_name(name: str) -> str:
    """Put a metric's or a label's name into Prometheus's characters: dots and others become underscores."""
    escaped = _ILLEGAL_IN_NAME.sub("_", name)
    return f"_{escaped}" if escaped[:1].isdigit() else escaped


def parse_line(raw: bytes) -> Line:
    """Take one line apart. Nothing in it raises: what is wrong is listed in `errors`."""
    line = Line()
    if not raw:
        return line
    try:
        samples = _read_name(line, raw)
    except _RefusedError as refusal:
        line.errors.append(str(refusal))
        return line
    for text in samples:
        line.samples_seen += 1
        try:
            line.samples.append(_read_sample(line, text))
        except _RefusedError as refusal:
            line.errors.append(str(refusal))
    return line


def _read_name(line: Line, raw: bytes) -> list[str]:
    """Fill in name and labels; return the texts of the samples, each `value|type...`."""
    if len(raw) > LONGEST_LINE_BYTES:
        raise _RefusedError("oversized_line")
    try:
        head, colon, rest = raw.decode("utf-8").partition(":")
    except UnicodeDecodeError:
        raise _RefusedError("malformed_line") from None
    line.name, _, tags = head.partition(",")
    if not colon or not line.name:
        raise _RefusedError("malformed_line")
    if _OTHER_TAGGING_STYLES.search(line.name):
        raise _RefusedError("unsupported_tagging_style")
    _read_tags(line, tags, "=")
    if line.labels and "|#" in rest:
        raise _RefusedError("mixed_tagging_styles")
    return list(_split_samples(rest))


def _split_samples(rest: str) -> Iterator[str]:
    values, bar, options = rest.partition("|")
    if not bar:
        raise _RefusedError("not_enough_parts_after_colon")
    if ":" in values:  # DogStatsD: several values of one type
        if options.partition("|")[0] not in {"ms", "h", "d"}:
            raise _RefusedError("invalid_extended_aggregate_type")
        yield from (f"{value}|{options}" for value in values.split(":"))
    elif "|#" in rest:
        yield rest  # the tags hold colons themselves
    else:
        yield from rest.split(":")


def _read_sample(line: Line, text: str) -> Sample:
    value_text, *components = text.split("|")
    if not components or len(components) >= MOST_COMPONENTS or not all(components[1:]):
        raise _RefusedError("malformed_component")
    unit, *options = components
    value = _number(value_text, "malformed_value")
    rate = 1.0
    for option in options:
        if option[0] == "@":
            rate = _sample_rate(option[1:])
        elif option[0] == "#":
            _read_tags(line, option[1:].replace(",#", ","), ":")
        else:
            raise _RefusedError("invalid_sample_factor")
    if line.labels:
        line.tagged_samples += 1
    match kind := _KINDS.get(unit):
        case "counter":
            return Sample(kind, value / rate)
        case "gauge":
            return Sample(kind, value, relative=value_text[0] in "+-")
        case "observer":
            seconds = value / MILLISECONDS_PER_SECOND if unit == "ms" else value
            return Sample(kind, seconds, times=int(1 / rate))
    raise _RefusedError("illegal_event")


def _number(text: str, reason: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(number):
        raise _RefusedError(reason)
    return number


def _sample_rate(text: str) -> float:
    rate = _number(text, "invalid_sample_factor") or 1.0  # 0 stands for no sampling
    if not LOWEST_SAMPLE_RATE <= rate <= 1:
        raise _RefusedError("invalid_sample_factor")
    return rate


def _read_tags(line: Line, tags: str, separator: str) -> None:
    for tag in tags.removesuffix(",").split(",") if tags else ():
        key, _, value = tag.partition(separator)
        if not key or not value:
            line.tag_errors += 1
            continue
        label = escape_name(key)
        if label.startswith("__"):
            raise _RefusedError("reserved_label")  # Prometheus keeps these names to itself and refuses the whole page
        line.labels[label] = value
