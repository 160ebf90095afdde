"""Fields: how values are shown: units, colors, thresholds, words for values, links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GOOD, BUSY, WARNING, BAD, IDLE, PLAIN = "green", "blue", "orange", "red", "#808080", "text"

Steps = Sequence[tuple[float | None, str]]
Json = dict[str, Any]


def steps(base: str, *more: tuple[float, str]) -> Steps:
    """Return thresholds: a color, and others from given values on."""
    return ((None, base), *more)


ALWAYS_PLAIN = steps(PLAIN)
ZERO_IS_GOOD = steps(GOOD, (1, BAD))
# The projects' limit of both measures, in the ML team's configuration.
DRIFTED = steps(GOOD, (0.25, BAD))
SUCCESS_RATE = steps(BAD, (0.9, WARNING), (0.99, GOOD))


def mapping(states: Mapping[int | str, tuple[str, str]]) -> list[Json]:
    """Return a mapping of values to words and colors."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(states.items())
    }
    return [{"type": "value", "options": options}]


@dataclass(frozen=True, kw_only=True)
class Field:
    """How the values of a panel, or of a column of a table, are shown.

    Attributes:
        unit: Grafana's name of the unit.
        steps: thresholds, which give the color unless `colors` or the palette does.
        empty: why the panel rightly has no data while all is well; shown in its place. Unset, a panel without data is
            a defect.
        colors: of series, by their names.

    """

    unit: str = "short"
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    steps: Steps = ALWAYS_PLAIN
    mappings: Sequence[Json] = ()
    empty: str = ""
    colors: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Json] = ()

    def properties(self) -> Json:
        """Return what both Grafana's defaults and its overrides hold."""
        properties = {
            "unit": self.unit,
            "decimals": self.decimals,
            "min": self.low,
            "max": self.high,
            "mappings": list(self.mappings),
            "thresholds": _thresholds(self.steps),
            "noValue": self.empty or None,
            "links": list(self.links) or None,
        }
        return {name: value for name, value in properties.items() if value is not None}

    def overrides(self) -> list[Json]:
        """Return the colors of the series that have one of their own."""
        return [
            _override(name, {"color": {"mode": "fixed", "fixedColor": color}}) for name, color in self.colors.items()
        ]


TASK_STATES = mapping(
    {
        1: ("success", GOOD),
        2: ("up for retry", WARNING),
        3: ("failed", BAD),
        4: ("waiting", "purple"),
        5: ("running", BUSY),
    }
)
UP = Field(mappings=mapping({1: ("up", GOOD), 0: ("down", BAD)}), steps=steps(BAD, (1, GOOD)))
ENDED = Field(mappings=mapping({1: ("success", GOOD), 0: ("failed", BAD)}), steps=steps(BAD, (1, GOOD)))
SECONDS = Field(unit="s")
ANY_IS_BAD = Field(steps=steps(PLAIN, (1, BAD)))


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and how its values are shown. `colored` paints the cell, not the value."""

    name: str
    field: Field = field(default_factory=Field)
    width: int | None = None
    colored: bool = False

    def override(self) -> Json:
        """Return it as Grafana knows it: what differs from other fields."""
        usual = Field().properties()
        properties = {name: value for name, value in self.field.properties().items() if value != usual.get(name)}
        if self.colored:
            properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        elif "thresholds" in properties:
            properties["custom.cellOptions"] = {"type": "color-text"}
        if self.width:
            properties["custom.width"] = self.width
        return _override(self.name, properties)


def data_link(title: str, url: str, *, elsewhere: bool = True) -> Json:
    """Return a link of a value. `elsewhere` opens a new tab."""
    return {"title": title, "url": url, "targetBlank": elsewhere}


def _thresholds(of: Steps) -> Json:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in of]}


def _override(name: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
