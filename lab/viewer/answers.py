"""Answers: all queries of a dashboard, asked at once, and what each panel makes of its own."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from lab.viewer import times
from lab.viewer.annotations import Event, events_of
from lab.viewer.dashboards import Dashboard, Json, Panel
from lab.viewer.panels import ROW, content_of
from lab.viewer.panels.content import Content, View
from lab.viewer.prometheus import Prometheus, QueryError, Series
from lab.viewer.variables import Choice, Variable, query_scope, replaced, resolve, words_scope

# A column of the grid on a screen of usual width: a point for each pixel, as in Grafana.
COLUMN_PIXELS = 60
log = logging.getLogger(__name__)
Asked = Sequence[tuple[Json, Future[list[Series]]]]


@dataclass(frozen=True)
class Source:
    """Where the data is, and the seconds between two scrapes of it."""

    prometheus: Prometheus
    scrape_seconds: float


def contents(dashboard: Dashboard, choice: Choice, source: Source) -> tuple[dict[int, Content], list[Variable]]:
    """Return what each panel shows now, by its id, and the variables with their options.

    Whatever goes wrong is shown in the panels that it concerns.
    """
    panels = [panel for panel in dashboard.panels if panel.kind != ROW]
    try:
        variables = resolve(dashboard, choice, source.prometheus)
    except QueryError as error:
        return {panel.id: Content.problem(str(error)) for panel in panels}, []
    steps = {panel.id: _step(panel, choice, source) for panel in panels}
    asked = {panel.id: _ask(panel.targets, choice, variables, source, steps[panel.id]) for panel in panels}
    noted = [
        (annotation, *_ask_events(annotation, choice, variables, source))
        for annotation in dashboard.annotations
        if annotation.get("enable", True) and annotation.get("expr")
    ]
    events = _events(noted)
    words = words_scope(variables)
    found = {}
    for panel in panels:
        found[panel.id] = _content(panel, choice, words, asked[panel.id], steps[panel.id], events)
    return found, variables


def _content(
    panel: Panel, choice: Choice, words: Mapping[str, str], asked: Asked, step: float, events: Sequence[Event]
) -> Content:
    try:
        answers = [(target, answer.result()) for target, answer in asked]
        return content_of(View(panel, choice, words, answers, step, events))
    except QueryError as error:
        return Content.problem(str(error))
    except Exception:  # a panel that the viewer cannot show must not take the others with it
        log.exception("Panel %s, %s, cannot be shown", panel.id, panel.title)
        return Content.problem("The viewer cannot show this panel: its log says why. Grafana may.")


def _ask(
    targets: Iterable[Json], choice: Choice, variables: Sequence[Variable], source: Source, step: float
) -> list[tuple[Json, Future[list[Series]]]]:
    asked = []
    for target in targets:
        scope = query_scope(variables, choice.range, step, source.scrape_seconds)
        expr = replaced(target["expr"], scope)
        if target.get("instant"):
            answer = source.prometheus.instant(expr, choice.range.end)
        else:
            answer = source.prometheus.range(expr, choice.range.start, choice.range.end, step)
        asked.append((target, answer))
    return asked


def _step(panel: Panel, choice: Choice, source: Source) -> float:
    least = max([source.scrape_seconds, *(times.seconds(target.get("interval") or "") for target in panel.targets)])
    return choice.range.step(panel.grid["w"] * COLUMN_PIXELS, least)


def _ask_events(
    annotation: Json, choice: Choice, variables: Sequence[Variable], source: Source
) -> tuple[Future[list[Series]], float]:
    least = max(source.scrape_seconds, times.seconds(annotation.get("step") or ""))
    step = choice.range.step(24 * COLUMN_PIXELS, least)
    expr = replaced(annotation["expr"], query_scope(variables, choice.range, step, source.scrape_seconds))
    return source.prometheus.range(expr, choice.range.start, choice.range.end, step), step


def _events(noted: Iterable[tuple[Json, Future[list[Series]], float]]) -> list[Event]:
    found = []
    for annotation, answer, step in noted:
        try:
            found += events_of(annotation, answer.result(), step)
        except QueryError as error:  # the graphs are worth more than the marks in them
            log.warning("The events %s cannot be shown: %s", annotation["name"], error)
    return found
