"""Fields: how the values of a series or a column are shown, by a panel's defaults and overrides."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.viewer import colors, units
from lab.viewer.dashboards import Json, Panel


@dataclass(frozen=True)
class Shown:
    """A value as people see it."""

    text: str
    color: str


@dataclass(frozen=True)
class Field:
    """The properties that hold for one series or column."""

    name: str
    properties: Json

    @property
    def unit(self) -> str:
        """Grafana's name of the unit."""
        return str(self.properties.get("unit", ""))

    @property
    def low(self) -> float | None:
        """The least value that is shown, if there is a fixed one."""
        return self.properties.get("min")

    @property
    def high(self) -> float | None:
        """The greatest value that is shown, if there is a fixed one."""
        return self.properties.get("max")

    @property
    def links(self) -> Sequence[Json]:
        """The links of a value."""
        return self.properties.get("links") or ()

    @property
    def steps(self) -> Sequence[tuple[float | None, str]]:
        """The thresholds: a color for each value from which on it holds, in rising order; None is below all others."""
        steps = self.properties.get("thresholds", {}).get("steps") or [{"color": "green", "value": None}]
        return [(step.get("value"), colors.css(step["color"])) for step in steps]

    def custom(self, name: str, default: Any = None) -> Any:
        """Return a property that only this kind of panel has."""
        return self.properties.get("custom", {}).get(name, default)

    def written(self, value: float) -> str:
        """Return a value with its unit, without regard to mappings."""
        return units.written(value, self.unit, self.properties.get("decimals"))

    def shown(self, value: float | str | None, index: int = 0) -> Shown:
        """Return a value's text and color."""
        if value is None:
            return Shown(str(self.properties.get("noValue") or "-"), colors.FAINT)
        mapped = self._mapped(value)
        text = mapped.get("text") or (self.written(value) if isinstance(value, float) else value)
        color = colors.css(mapped["color"]) if mapped.get("color") else self.color(value, index)
        return Shown(text, color)

    def color(self, value: float | str | None, index: int) -> str:
        """Return the color of a value, or of a series by its place among the others."""
        mode = self.properties.get("color", {}).get("mode", "thresholds")
        if mode == "fixed":
            return colors.css(self.properties["color"].get("fixedColor", "text"))
        if mode != "thresholds":
            return colors.PALETTE[index % len(colors.PALETTE)]
        return self.threshold(value if isinstance(value, float) else None)

    def threshold(self, value: float | None) -> str:
        """Return the color of the highest threshold that a value reaches."""
        reached = [color for least, color in self.steps if least is None or (value is not None and value >= least)]
        return reached[-1] if reached else colors.TEXT

    def _mapped(self, value: float | str) -> Json:
        text = units.number(value, 6) if isinstance(value, float) else value
        text = text.rstrip("0").rstrip(".") if isinstance(value, float) else text
        for mapping in self.properties.get("mappings", ()):
            if mapping["type"] == "value" and text in mapping["options"]:
                found: Json = mapping["options"][text]
                return found
        return {}


def field_of(panel: Panel, name: str) -> Field:
    """Return how a series or column of this name is shown."""
    properties: dict[str, Any] = {**panel.defaults, "custom": {**panel.defaults.get("custom", {})}}
    for override in panel.overrides:
        if not _matches(override["matcher"], name):
            continue
        for change in override["properties"]:
            group, _, key = change["id"].rpartition(".")
            if group == "custom":
                properties["custom"][key] = change["value"]
            else:
                properties[change["id"]] = change["value"]
    return Field(properties.get("displayName") or name, properties)


def _matches(matcher: Mapping[str, Any], name: str) -> bool:
    if matcher["id"] == "byName":
        return bool(matcher["options"] == name)
    if matcher["id"] == "byRegexp":
        return re.search(matcher["options"].strip("/"), name) is not None
    return False
