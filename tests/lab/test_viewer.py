"""The viewer over a real Prometheus: what each kind of panel shows, and what happens when something is missing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dash.development.base_component import Component
from flask.testing import FlaskClient

from lab.settings import REPOSITORY
from lab.viewer.answers import Source, contents
from lab.viewer.colors import NAMED
from lab.viewer.dashboards import Library, parse
from lab.viewer.panels.content import Content
from lab.viewer.prometheus import Prometheus
from lab.viewer.variables import read_choice
from lab.viewer.web import HEADERS, application
from tests.lab.running_prometheus import RunningPrometheus
from tests.lab.shop import BY_VALUE, HOSTILE, OPEN, dashboard, panel, variable

LAST = {"reduceOptions": {"calcs": ["lastNotNull"]}}
TABLE: dict[str, Any] = {
    "targets": [
        {"refId": ref, "expr": expr, "instant": True, "format": "table"}
        for ref, expr in (("A", 'shop_orders{shop!~"<.*|.*img.*"}'), ("B", 'sum by (shop) (shop_open{shop="north"})'))
    ],
    "transformations": [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, "__name__": True},
                "renameByName": {"shop": "Shop", "Value #A": "Orders", "Value #B": "Open"},
                "indexByName": {"shop": 0, "Value #B": 1, "Value #A": 2},
            },
        },
    ],
    "options": {"sortBy": [{"displayName": "Orders", "desc": True}]},
    "overrides": [
        {
            "matcher": {"id": "byName", "options": "Shop"},
            "properties": [{"id": "links", "value": [{"title": "", "url": "/d/shop?var-shop=${__data.fields.Shop}"}]}],
        },
        {
            "matcher": {"id": "byRegexp", "options": "/Orders|none/"},
            "properties": [
                {"id": "thresholds", "value": BY_VALUE},
                {"id": "custom.cellOptions", "value": {"type": "color-text"}},
            ],
        },
        {
            "matcher": {"id": "byName", "options": "Open"},
            "properties": [
                {"id": "mappings", "value": OPEN},
                {"id": "custom.cellOptions", "value": {"type": "color-background"}},
            ],
        },
        {"matcher": {"id": "byName", "options": "team"}, "properties": [{"id": "custom.hidden", "value": True}]},
    ],
}


@pytest.fixture(scope="module")
def source(shop_prometheus: RunningPrometheus) -> Iterator[Source]:
    with closing(Prometheus(shop_prometheus.url)) as prometheus:
        yield Source(prometheus, 5)


def shown(source: Source, content: dict[str, Any], search: str = "", **more: Any) -> Content:
    """Return what a panel shows, alone on a dashboard."""
    only = parse(dashboard(content, **more))
    found, _ = contents(only, read_choice(only, search), source)
    return found[1]


def components(root: Any) -> Iterator[Component]:
    for one in root if isinstance(root, list | tuple) else [root]:
        if isinstance(one, Component):
            yield one
            yield from components(getattr(one, "children", None))


def of_class(content: Content, name: str) -> list[Any]:
    return [one for one in components(list(content.children)) if name in str(getattr(one, "className", "")).split()]


def words(root: Any) -> str:
    """Return the text of a component, as a browser shows it."""
    if isinstance(root, Component):
        return words(getattr(root, "children", None))
    return "".join(map(words, root)) if isinstance(root, list | tuple) else str(root or "")


def test_a_stat_shows_the_last_value_in_the_color_of_its_threshold_or_mapping(source: Source) -> None:
    content = shown(source, panel("stat", "shop_orders", unit="short", thresholds=BY_VALUE, options=LAST))
    tiles = {words(tile.children[0]): tile for tile in of_class(content, "stat")}
    assert {name: words(tile.children[1]) for name, tile in tiles.items()} == {
        "north": "1 K",
        "south": "20",
        HOSTILE: "3",
    }
    assert [tiles[name].style["color"] for name in ("north", "south")] == [NAMED["red"], NAMED["green"]]

    content = shown(source, panel("stat", "shop_open", mappings=OPEN, options=LAST | {"colorMode": "background"}))
    assert [words(tile) for tile in of_class(content, "stat")] == ["northopen", "southopen"]
    assert {tile.style["background"] for tile in of_class(content, "stat")} == {NAMED["green"]}


@pytest.mark.parametrize(
    ("mode", "text"), [("value", "40"), ("value_and_name", "all40"), ("name", "all"), ("auto", "40")]
)
def test_a_stat_shows_its_name_if_the_dashboard_wants_it(source: Source, mode: str, text: str) -> None:
    target = {"refId": "A", "expr": 'shop_orders{shop="south"} * 2', "legendFormat": "all", "instant": True}
    assert words(list(shown(source, panel("stat", targets=[target], options={"textMode": mode})).children)) == text


def test_a_time_series_has_lines_gaps_thresholds_and_a_legend(source: Source) -> None:
    custom = {
        "fillOpacity": 10,
        "lineInterpolation": "stepAfter",
        "thresholdsStyle": {"mode": "dashed"},
        "axisSoftMin": 0,
    }
    content = shown(
        source,
        panel(
            "timeseries",
            'shop_orders{shop!~".*img.*"}',
            custom=custom,
            unit="short",
            thresholds=BY_VALUE,
            color={"mode": "palette-classic"},
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "south"},
                    "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "purple"}}],
                }
            ],
        ),
    )
    lines = [trace for trace in content.figure["data"] if trace.get("fill") != "tozeroy"]
    assert len(content.figure["data"]) == 2 * len(lines)
    north, south = lines
    assert north["y"][-1] == pytest.approx(1000, abs=2)
    assert north["text"][-1] == "1 K"
    assert None not in north["y"]
    # Prometheus goes on with a value for five minutes: the gap of 300 s is not seen, one in the data is.
    assert south["line"] == {"color": NAMED["purple"], "width": 1, "shape": "hv"}
    assert [shape["y0"] for shape in content.figure["layout"]["shapes"]] == [100]
    low, high = content.figure["layout"]["yaxis"]["range"]
    assert low == 0
    assert high > 1000
    assert [words(entry) for entry in of_class(content, "name")] == ["north", "south"]


def test_missing_points_are_a_gap_and_a_lonely_point_is_drawn(source: Source) -> None:
    south = 'shop_orders{shop="south"} and on () vector(time()) % 600'
    holey = f"{south} < 300 or {south} == 400"
    trace = shown(source, panel("timeseries", holey)).figure["data"][0]
    assert None in trace["y"]
    assert max(trace["marker"]["size"]) > 0


def test_stacked_bars_reach_as_high_as_their_sum(source: Source) -> None:
    custom = {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
    content = shown(source, panel("timeseries", "sum by (shop) (shop_open) * 10", custom=custom))
    assert {trace["type"] for trace in content.figure["data"]} == {"bar"}
    assert content.figure["layout"]["barmode"] == "stack"
    assert content.figure["layout"]["yaxis"]["range"][1] > 20


def test_events_are_marked_in_time_series(source: Source) -> None:
    events = {
        "list": [
            {
                "name": "Failed",
                "expr": "shop_failed",
                "iconColor": "red",
                "titleFormat": "{{shop}} failed",
                "step": "5s",
            },
            {"name": "Broken", "expr": "sum(", "iconColor": "red"},
            {"name": "Off", "expr": "shop_open", "enable": False},
            {"name": "Annotations & Alerts", "builtIn": 1},
        ]
    }
    content = shown(source, panel("timeseries", "shop_open"), annotations=events)
    marks = content.figure["data"][-1]
    assert [text.split(",")[0] for text in marks["text"]] == ["north failed"]
    assert {shape["type"] for shape in content.figure["layout"]["shapes"]} == {"rect", "line"}


def test_a_state_timeline_merges_equal_states_and_names_them(source: Source) -> None:
    content = shown(source, panel("state-timeline", "shop_open", mappings=OPEN, options={"rowHeight": 0.8}))
    north, south = content.figure["data"]
    assert north["marker"]["color"] == [NAMED["green"], NAMED["red"], NAMED["green"]]
    assert len(south["x"]) == 1
    assert sum(north["x"]) == pytest.approx(sum(south["x"]), abs=10_000)
    assert [words(entry) for entry in content.children[0].children] == ["open", "closed"]


def test_bars_and_arcs_fill_as_far_as_their_value(source: Source) -> None:
    query = 'shop_orders{shop="south"}'
    content = shown(source, panel("bargauge", query, max=80, min=0, thresholds=BY_VALUE, unit="s", options=LAST))
    assert of_class(content, "fill")[0].style["width"] == "25.0%"
    assert [words(one) for one in of_class(content, "value")] == ["20 s"]

    content = shown(source, panel("gauge", query, max=200, min=0, thresholds=BY_VALUE, unit="s", options=LAST))
    gauge = content.figure["data"][0]
    assert (gauge["value"], gauge["gauge"]["axis"]["range"]) == (20, [0, 200])
    assert [step["range"] for step in gauge["gauge"]["steps"]] == [[0, 100], [100, 200]]
    assert content.figure["layout"]["annotations"][0]["text"] == "20 s"


def test_a_table_joins_orders_hides_links_and_colors(source: Source) -> None:
    table = of_class(shown(source, panel("table", **TABLE)), "table")[0].children[0]
    head, body = table.children
    assert [words(cell) for cell in head.children.children] == ["Shop", "Open", "Orders"]
    rows = [[words(cell) for cell in row.children] for row in body.children]
    assert [row[:2] for row in rows] == [["north", "open"], ["south", "-"]]
    name, is_open, orders = body.children[0].children
    assert name.children.href == "/d/shop?var-shop=north"
    assert is_open.style["background"] == NAMED["green"]
    assert orders.style["color"] == NAMED["red"]


def test_text_is_markdown_and_variables_stay_words(source: Source) -> None:
    options = {"mode": "markdown", "content": "**Hello** $shop"}
    variables = {"list": [variable("shop", "label_values(shop_open, shop)")]}
    content = shown(source, panel("text", options=options), "?var-shop=[x](http://x)<b>", templating=variables)
    assert content.children[0].children == "**Hello** &#91;x&#93;&#40;http&#58;&#47;&#47;x&#41;&#60;b&#62;"


@pytest.mark.parametrize(
    ("content", "state", "message"),
    [
        (panel("stat", "no_such_metric"), "empty", "No data"),
        (
            panel("table", targets=[{"refId": "A", "expr": "nothing", "instant": True}], noValue="All is well."),
            "empty",
            "All is well.",
        ),
        (panel("timeseries", "sum("), "failed", "Prometheus refuses the query: "),
        (panel("heatmap", "shop_open"), "failed", "does not know panels of the type heatmap"),
        (
            panel("stat", "shop_open", options={"reduceOptions": {"calcs": ["unheard-of"]}}),
            "failed",
            "its log says why",
        ),
    ],
)
def test_a_panel_without_a_picture_says_why(source: Source, content: dict[str, Any], state: str, message: str) -> None:
    found = shown(source, content)
    assert found.state == state
    assert message in words(list(found.children))


@pytest.mark.parametrize("kind", ["stat", "timeseries", "state-timeline", "gauge", "bargauge"])
def test_a_hostile_label_is_text_everywhere(source: Source, kind: str) -> None:
    link = [{"title": "t", "url": "http://127.0.0.1/${__field.labels.shop}"}]
    content = shown(source, panel(kind, 'shop_orders{team="c"}', links=link, options={"textMode": "name"}))
    assert content.state == "ready"
    assert "<img" not in json.dumps(content.figure)
    for one in components(list(content.children)):
        assert "<" not in getattr(one, "href", "")


def test_variables_come_from_prometheus_and_restrict_the_queries(source: Source) -> None:
    variables = {
        "list": [
            {"type": "datasource", "name": "datasource", "query": "prometheus", "current": {"value": "prometheus"}},
            variable("shop", 'label_values(shop_orders{team!="c"}, shop)', allValue=".*"),
            variable("team", {"query": 'label_values(shop_orders{shop=~"$shop"}, team)', "refId": "x"}),
        ]
    }
    only = parse(dashboard(panel("stat", 'shop_orders{shop=~"$shop",team=~"$team"}'), templating=variables))
    for search, teams, tiles in (
        ("", ["a+b", "a.b", "c"], 3),
        ("?var-shop=north", ["a.b"], 1),
        ("?var-team=a.b&var-team=c", ["a+b", "a.b", "c"], 2),
    ):
        found, resolved = contents(only, read_choice(only, search), source)
        assert list(resolved[1].options) == ["north", "south"]
        assert list(resolved[2].options) == teams
        assert len(of_class(found[1], "stat")) == tiles


def test_panels_say_that_prometheus_is_down_and_recover(tmp_path: Path) -> None:
    running = RunningPrometheus(tmp_path / "data")
    running.folder.mkdir()
    query = panel("stat", "vector(1)")
    cases: list[dict[str, Any]] = [{}, {"templating": {"list": [variable("shop", "label_values(shop)")]}}]
    with closing(Prometheus(running.url)) as prometheus:
        source = Source(prometheus, 5)
        for more in cases:
            found = shown(source, query, **more)
            assert found.state == "failed"
            assert f"Prometheus at {running.url} does not answer" in words(list(found.children))
        running.start()
        try:
            assert [shown(source, query, **more).state for more in cases] == [
                "ready",
                "ready",
            ]
        finally:
            running.stop()


@pytest.fixture
def client(source: Source, tmp_path: Path) -> FlaskClient:
    for uid in ("home", "shop"):
        (tmp_path / f"{uid}.json").write_text(json.dumps(dashboard(panel("stat", "shop_open"), uid=uid)))
    (tmp_path / "broken.json").write_text('{"uid": "broken"}')
    return application(Library(tmp_path), source).test_client()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/", 200, "<title>The home - Dashboards</title>"),
        ("/d/shop", 200, "<title>The shop - Dashboards</title>"),
        ("/d/shop/any-slug?from=now-1h", 200, "<title>The shop - Dashboards</title>"),
        ("/api/health", 200, '"database":"ok"'),
        ("/d/gone", 404, "There is no dashboard gone"),
        ("/d/%3Cscript%3E", 404, "There is no dashboard &lt;script&gt;"),
        ("/d/gone", 404, '<a href="/d/shop/the-shop">The shop</a>'),
        ("/d/gone", 404, "broken.json is no dashboard: KeyError(&#39;title&#39;)"),
        ("/elsewhere", 404, "There is no page /elsewhere"),
    ],
)
def test_an_address_leads_to_its_page_or_to_those_that_there_are(
    client: FlaskClient, path: str, status: int, said: str
) -> None:
    answer = client.get(path, base_url="http://127.0.0.1:3000")
    assert answer.status_code == status
    assert said in answer.get_data(as_text=True)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_foreign_name_for_this_machine_is_refused(client: FlaskClient) -> None:
    assert client.get("/", base_url="http://evil.example").status_code == 400


def test_no_page_names_another_host(client: FlaskClient) -> None:
    page = client.get("/", base_url="http://127.0.0.1:3000").get_data(as_text=True)
    assert "://" not in page.replace("http://www.w3.org/", "")


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    library = Library(tmp_path)
    assert not library.all()
    path.write_text(json.dumps(dashboard()))
    assert [one.title for one in library.all()] == ["The shop"]
    path.write_text("{")
    assert not library.all()
    assert "shop.json is no dashboard" in library.problems[0]


def test_a_taken_port_is_said(tmp_path: Path, shop_prometheus: RunningPrometheus) -> None:
    options = ["--port", str(shop_prometheus.port), "--prometheus", shop_prometheus.url, "--scrape-interval", "5s"]
    command = [sys.executable, "-m", "lab.viewer", str(tmp_path), *options]
    outcome = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert f"The viewer cannot listen on port {shop_prometheus.port} of 127.0.0.1" in outcome.stderr
    assert "Traceback" not in outcome.stderr
