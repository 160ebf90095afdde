"""Annotations: events that a dashboard marks in its graphs, wherever an expression has a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lab.viewer import colors
from lab.viewer.dashboards import Json
from lab.viewer.prometheus import Series

LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Event:
    """Something that lasted from `start` to `end`, in seconds since 1970."""

    start: float
    end: float
    title: str
    color: str


def events_of(annotation: Json, series: Sequence[Series], step: float) -> list[Event]:
    """Return the events of one annotation: neighboring points of a series are one event."""
    color = colors.css(annotation.get("iconColor", "blue"))
    found = []
    for one in series:
        title = LABEL.sub(lambda label, one=one: one.labels.get(label[1], ""), annotation.get("titleFormat") or "")
        title = " ".join(title.split()) or annotation["name"]
        times = [instant for instant, value in zip(one.times, one.values, strict=True) if value]
        spans: list[list[float]] = []
        for instant in times:
            if spans and instant - spans[-1][1] <= 1.5 * step:
                spans[-1][1] = instant
            else:
                spans.append([instant, instant])
        found += [Event(start, end, title, color) for start, end in spans]
    return found
