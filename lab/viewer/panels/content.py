"""Content: what a panel is made from, and what it shows."""

import html as escaping
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dash import html
from dash.development.base_component import Component

from lab.viewer.annotations import Event
from lab.viewer.dashboards import Json, Panel
from lab.viewer.fields import Field, field_of
from lab.viewer.links import About
from lab.viewer.prometheus import Series
from lab.viewer.variables import Choice

State = Literal["ready", "empty", "failed"]
LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
AUTOMATIC = {"", "__auto"}


@dataclass(frozen=True)
class View:
    """A panel with the answers to its queries, in their order. `step` is the seconds between two points."""

    panel: Panel
    choice: Choice
    words: Mapping[str, str]
    answers: Sequence[tuple[Json, Sequence[Series]]]
    step: float
    events: Sequence[Event] = ()

    def named(self) -> list["Named"]:
        """Return all series under the names that their queries give them."""
        return [
            Named(name, field_of(self.panel, name), one, place)
            for place, (name, one) in enumerate(
                (_name(target, one), one) for target, series in self.answers for one in series if one.times
            )
        ]


@dataclass(frozen=True)
class Named:
    """A series under its name, and how it is shown. `place` is its place among the panel's series."""

    key: str
    field: Field
    series: Series
    place: int

    @property
    def name(self) -> str:
        """What people call it."""
        return self.field.name

    def reduced(self, panel: Panel) -> float | None:
        """Return the one value that stands for the series."""
        calcs = panel.options.get("reduceOptions", {}).get("calcs") or ["lastNotNull"]
        return reduced(self.series, calcs[0])

    def about(self, choice: Choice, value: float | None) -> About:
        """Return what the links of this series are about."""
        return About(choice, labels=self.series.labels, name=self.name, value=value)


@dataclass(frozen=True)
class Content:
    """What a panel shows: a figure of Plotly's, components of Dash's, or both."""

    state: State
    children: Sequence[Component] = ()
    figure: Mapping[str, Any] = field(
        default_factory=lambda: {"data": [], "layout": {"paper_bgcolor": "rgba(0,0,0,0)"}}
    )

    @classmethod
    def problem(cls, message: str) -> "Content":
        """Say why nothing can be shown."""
        return cls("failed", [html.Div([html.B("!"), html.Span(message)], className="message")])

    @classmethod
    def nothing(cls, panel: Panel) -> "Content":
        """Say that there is no data, and why if that is right."""
        return cls("empty", [html.Div(panel.empty or "No data", className="message")])


CALCULATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "lastNotNull": lambda values: values[-1],
    "last": lambda values: values[-1],
    "firstNotNull": lambda values: values[0],
    "first": lambda values: values[0],
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
    "range": lambda values: max(values) - min(values),
    "delta": lambda values: values[-1] - values[0],
}


def reduced(series: Series, calculation: str) -> float | None:
    """Return one value of a series by Grafana's name of the calculation; None where there is none."""
    values = [value for value in series.values if value is not None]
    return float(CALCULATIONS[calculation](values)) if values else None


def plain(text: str) -> str:
    """Escape a text for Plotly, which takes some HTML."""
    return escaping.escape(text, quote=False)


def linked(text: str, field: Field, about: About) -> Component | str:
    """Return a value as a link if its field has one that can be opened."""
    for link in field.links:
        if address := about.address(link["url"]):
            return anchor(text, address, link)
    return text


def anchor(children: Any, address: str, link: Json, **properties: Any) -> Component:
    """Return a link as its dashboard describes it."""
    if link.get("targetBlank"):
        properties |= {"target": "_blank", "rel": "noreferrer"}
    return html.A(children, href=address, title=link.get("title", ""), **properties)


def _name(target: Json, series: Series) -> str:
    template = target.get("legendFormat") or ""
    if template not in AUTOMATIC:
        return LABEL.sub(lambda label: series.labels.get(label[1], label[0]), template)
    labels = {name: value for name, value in series.labels.items() if name != "__name__"}
    if not labels:
        return series.labels.get("__name__") or str(target["expr"])
    return series.labels.get("__name__", "") + "{" + ", ".join(f'{name}="{labels[name]}"' for name in labels) + "}"
