"""Page: a dashboard's head, controls and grid, before its data has come."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from lab.viewer.dashboards import Dashboard, Json, Panel
from lab.viewer.links import About
from lab.viewer.panels import GRAPHS, ROW
from lab.viewer.panels.content import anchor
from lab.viewer.times import QUICK, parse_range, seconds
from lab.viewer.variables import ALL, Choice, Variable, replaced, words_scope

NOTICE = (
    "This is the lab's read-only viewer of Grafana's dashboard files, not Grafana. "
    "To get Grafana: put its program `grafana` on PATH and run `make up`, or use `docker compose up`."
)
GRAPH_CONFIG: Any = {"displayModeBar": False, "doubleClick": "reset", "showTips": False}


def page(dashboard: Dashboard, others: Sequence[Dashboard], choice: Choice, variables: Sequence[Variable]) -> Component:
    """Return the page of a dashboard."""
    words = words_scope(variables)
    return html.Div(
        [
            html.Header(
                [
                    html.H1(
                        [html.Span("Dashboards / ", className="soft"), dashboard.title], title=dashboard.description
                    ),
                    html.Nav(_tabs(dashboard, others, choice)),
                ]
            ),
            html.P(_code(NOTICE), className="notice"),
            html.Div([*_variables(variables), *_times(dashboard, choice)], className="controls"),
            html.Main([_place(panel, choice, words) for panel in dashboard.panels], className="grid"),
            dcc.Interval(
                id="clock",
                interval=max(seconds(choice.refresh), 1) * 1000,
                disabled=not choice.refresh,
            ),
        ]
    )


def option_list(variable: Variable) -> list[dict[str, str]]:
    """Return what a person may choose of a variable: All, what there is, and what is chosen though it is not there."""
    absent = [value for value in variable.chosen if value != ALL and value not in variable.options]
    every = [{"label": "All", "value": ALL}] if variable.include_all else []
    return [*every, *({"label": value, "value": value} for value in (*variable.options, *absent))]


def _tabs(dashboard: Dashboard, others: Sequence[Dashboard], choice: Choice) -> list[Component]:
    tabs: list[Component] = []
    for link in dashboard.links:
        kept = [
            *(choice.variables() if link.get("includeVars") else []),
            *(choice.times() if link.get("keepTime") else []),
        ]
        query = f"?{urlencode(kept)}" if kept else ""
        if link["type"] == "dashboards":
            tabs += [
                _tab(other, query, is_open=other.uid == dashboard.uid)
                for other in others
                if set(link.get("tags", ())) <= set(other.tags)
            ]
        elif address := About(choice).address(link["url"]):
            away = {**link, "title": link.get("tooltip", "")}
            tabs.append(anchor(link["title"], address + query, away, className="away"))
    return tabs


def _tab(dashboard: Dashboard, query: str, *, is_open: bool) -> Component:
    opened: Any = {"aria-current": "page"} if is_open else {}
    return html.A(dashboard.title, href=dashboard.path + query, title=dashboard.description, **opened)


def _variables(variables: Sequence[Variable]) -> list[Component]:
    return [
        html.Div(
            [
                html.Span(variable.label, className="label"),
                dcc.Dropdown(
                    id={"role": "variable", "name": variable.name},
                    options=option_list(variable),
                    value=list(variable.chosen) if variable.multi else next(iter(variable.chosen), None),
                    multi=variable.multi,
                    clearable=False,
                    # Several can be picked before anything is asked.
                    debounce=variable.multi,
                    className="choice wide",
                ),
            ],
            className="control",
        )
        for variable in variables
        if not variable.is_hidden
    ]


def _times(dashboard: Dashboard, choice: Choice) -> list[Component]:
    ranges = {f"now-{length} now": parse_range(f"now-{length}", "now").title for length in QUICK}
    chosen = f"{choice.range.since} {choice.range.until}"
    ranges.setdefault(chosen, choice.range.title)
    rates = list(dict.fromkeys(["", *dashboard.refreshes, choice.refresh]))
    return [
        html.Div(
            [
                html.Span(id="updated", className="soft"),
                dcc.Dropdown(
                    id="range",
                    options=[{"label": title, "value": value} for value, title in ranges.items()],
                    value=chosen,
                    clearable=False,
                    searchable=False,
                    className="choice",
                ),
                dcc.Dropdown(
                    id="rate",
                    options=[{"label": f"Every {rate}" if rate else "No refresh", "value": rate} for rate in rates],
                    value=choice.refresh,
                    clearable=False,
                    searchable=False,
                    className="choice",
                ),
                html.Button("Refresh", id="refresh"),
            ],
            className="times",
        )
    ]


def _place(panel: Panel, choice: Choice, words: dict[str, str]) -> Component:
    grid = panel.grid
    place = {
        "gridColumn": f"{grid['x'] + 1} / span {grid['w']}",
        "gridRow": f"{grid['y'] + 1} / span {grid['h']}",
        "--rows": grid["h"],
    }
    title = replaced(panel.title, words)
    if panel.kind == ROW:
        return html.H2(title, className="row", style=place)
    graph = (
        [dcc.Graph(id={"role": "figure", "panel": panel.id}, config=GRAPH_CONFIG, responsive=True, className="plot")]
        if panel.kind in GRAPHS
        else []
    )
    return html.Section(
        [
            html.H3([html.Span(title, title=panel.description or title), *_links(panel.links, choice)])
            if title
            else None,
            html.Div([*graph, html.Div(id={"role": "body", "panel": panel.id}, className="body")], className="inside"),
        ],
        id={"role": "panel", "panel": panel.id},
        className=f"panel kind-{panel.kind} loading",
        style=place,
    )


def _links(links: Sequence[Json], choice: Choice) -> list[Component]:
    return [
        anchor(link.get("title") or "link", address, link, className="panel-link")
        for link in links
        if (address := About(choice).address(link["url"]))
    ]


def _code(text: str) -> list[Component]:
    """Return a text in which what stands between backquotes is code."""
    return [html.Code(part) if place % 2 else html.Span(part) for place, part in enumerate(text.split("`"))]
