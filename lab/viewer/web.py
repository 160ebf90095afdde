"""The web side: Dash's application over a library of dashboards and a Prometheus, served by Flask."""

import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dash import ALL as EACH
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from flask import Flask, Response, render_template, request
from markupsafe import escape

from lab.viewer.answers import Source, contents
from lab.viewer.dashboards import HOME, Dashboard, Library
from lab.viewer.page import option_list, page
from lab.viewer.panels import ROW
from lab.viewer.prometheus import QueryError
from lab.viewer.times import moment
from lab.viewer.variables import ALL, described, read_choice, resolve

HERE = Path(__file__).parent
ADDRESS = re.compile(r"/d/(?P<uid>[^/]+)(?:/[^/]*)?/?")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
VARIABLES = {"role": "variable", "name": EACH}


def application(library: Library, source: Source) -> Flask:
    """Make the web application."""
    server = Flask(__name__, template_folder="templates", static_folder=None)
    # A page on the internet whose name is made to point to this machine must not read the dashboards.
    server.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    viewer = Viewer(library, source)
    server.add_url_rule("/api/health", view_func=viewer.health)
    server.before_request(viewer.refusal)
    dash: Any = Pages(
        viewer,
        __name__,
        server=server,
        assets_folder=str(HERE / "assets"),
        serve_locally=True,
        title="Dashboards",
        update_title="",
        suppress_callback_exceptions=True,  # the controls come with the page
    )
    dash.layout = html.Div([dcc.Location(id="url", refresh=False), html.Div(id="page")])
    dash.callback(Output("page", "children"), Input("url", "pathname"), Input("url", "search"))(viewer.page)
    dash.callback(
        Output("url", "search"),
        Input(VARIABLES, "value"),
        Input("range", "value"),
        Input("rate", "value"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )(viewer.choose)
    dash.callback(
        Output({"role": "panel", "panel": EACH}, "className"),
        Output({"role": "body", "panel": EACH}, "children"),
        Output({"role": "figure", "panel": EACH}, "figure"),
        Output(VARIABLES, "options"),
        Output("updated", "children"),
        Input("clock", "n_intervals"),
        Input("refresh", "n_clicks"),
        State("url", "pathname"),
        State("url", "search"),
    )(viewer.data)
    dash.clientside_callback(
        ClientsideFunction("viewer", "zoom"),
        Output("url", "search", allow_duplicate=True),
        Input({"role": "figure", "panel": EACH}, "relayoutData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    policy = (
        f"default-src 'none'; script-src 'self' {' '.join(dash.csp_hashes())}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )

    def with_headers(response: Response) -> Response:
        for name, value in (HEADERS | {"Content-Security-Policy": policy}).items():
            response.headers.setdefault(name, value)
        return response

    server.after_request(with_headers)
    return server


class Pages(Dash):
    """Dash, with each dashboard's own title in the page that it sends."""

    def __init__(self, viewer: "Viewer", *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._viewer = viewer

    def interpolate_index(self, *arguments: Any, **parts: Any) -> Any:
        """See Dash."""
        parts["title"] = escape(self._viewer.title(request.path) or parts["title"])
        return super().interpolate_index(*arguments, **parts)  # type: ignore[no-untyped-call]  # Dash's has no types


class Viewer:
    """The routes and callbacks."""

    def __init__(self, library: Library, source: Source) -> None:
        self._library = library
        self._source = source

    def health(self) -> dict[str, str]:
        """Answer as Grafana does, so that whoever asks need not know which of them it is."""
        return {"database": "ok", "version": f"viewer, Dash {version('dash')}"}

    def refusal(self) -> tuple[str, int] | None:
        """Answer for an address that names no dashboard; what Dash itself serves is left to it."""
        path = request.path
        if request.endpoint != "/<path:path>" or self._dashboard(path):
            return None
        found = ADDRESS.fullmatch(path)
        wanted = f"dashboard {found['uid']}" if found else f"page {path}"
        problems = self._library.problems
        dashboards = self._library.all()
        return render_template("missing.html", wanted=wanted, dashboards=dashboards, problems=problems), 404

    def title(self, path: str) -> str:
        """Return the title of the dashboard at an address."""
        dashboard = self._dashboard(path)
        return f"{dashboard.title} - Dashboards" if dashboard else ""

    def page(self, path: str, search: str) -> Component | str:
        """Return the page of the dashboard at an address."""
        dashboard = self._dashboard(path)
        if dashboard is None:
            return f"There is no dashboard at {path}."
        choice = read_choice(dashboard, search or "")
        try:
            variables = resolve(dashboard, choice, self._source.prometheus)
        except QueryError:  # the panels will say so
            variables = [described(variable, choice) for variable in dashboard.variables]
        return page(dashboard, self._library.all(), choice, variables)

    def choose(self, _: Sequence[Any], times: str, rate: str, path: str, search: str) -> Any:
        """Write into the address what a person chose."""
        dashboard = self._dashboard(path)
        if dashboard is None or times is None:
            return no_update
        before = read_choice(dashboard, search or "")
        values = dict(before.values)
        for control in ctx.inputs_list[0]:
            name = control["id"]["name"]
            values[name] = _chosen(before.values[name], control.get("value"))
        since, until = times.split(" ", 1)
        wanted = [(f"var-{name}", value) for name, chosen in values.items() for value in chosen]
        query = urlencode([*wanted, ("from", since), ("to", until), ("refresh", rate)])
        # A page that has just come tells its controls too: nothing was chosen then.
        return no_update if read_choice(dashboard, query).is_like(before) else f"?{query}"

    def data(self, _ticks: int, _clicks: int, path: str, search: str) -> Any:
        """Return what every panel shows now."""
        dashboard = self._dashboard(path)
        if dashboard is None:
            return no_update
        found, variables = contents(dashboard, read_choice(dashboard, search or ""), self._source)
        kinds = {panel.id: panel.kind for panel in dashboard.panels if panel.kind != ROW}
        panels, _, figures, dropdowns, _ = ctx.outputs_list
        ids = [output["id"]["panel"] for output in panels]
        options = {variable.name: option_list(variable) for variable in variables}
        return (
            [f"panel kind-{kinds[one]} {found[one].state}" for one in ids],
            [list(found[one].children) for one in ids],
            [found[output["id"]["panel"]].figure for output in figures],
            [options.get(output["id"]["name"], no_update) for output in dropdowns],
            f"{moment(time.time()):%H:%M:%S}",
        )

    def _dashboard(self, path: str) -> Dashboard | None:
        found = ADDRESS.fullmatch(path or "/")
        return self._library.get(found["uid"] if found else HOME) if found or path in {"/", None} else None


def _chosen(before: Sequence[str], value: str | Sequence[str] | None) -> Sequence[str]:
    """Return what is chosen after a click: All excludes others, and whichever came last counts."""
    if isinstance(value, str):
        return [value]
    values = list(value or ())
    if ALL in values and ALL in before:
        return [one for one in values if one != ALL] or [ALL]
    return [ALL] if ALL in values else values
