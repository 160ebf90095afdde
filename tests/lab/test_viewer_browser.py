"""The viewer in a real browser: its controls, and what hostile values cannot do there."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.lab.running_prometheus import RunningPrometheus
from tests.lab.running_viewer import running_viewer
from tests.lab.shop import HOSTILE, dashboard, panel, variable

LINKS = [
    {"type": "dashboards", "title": "All", "tags": ["lab"], "keepTime": True, "includeVars": True},
    {"type": "link", "title": "Airflow", "url": "http://127.0.0.1:8080", "targetBlank": True},
]
VARIABLES = {"list": [variable("shop", "label_values(shop_orders, shop)", label="Shop", allValue=".*")]}
KINDS = ("stat", "timeseries", "state-timeline", "gauge", "bargauge")
EVENTS = {"list": [{"name": "Odd", "expr": 'shop_orders{team="c"}', "titleFormat": "{{shop}}", "step": "5s"}]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(shop_prometheus: RunningPrometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    queries = [panel(kind, 'shop_orders{shop=~"$shop"}') for kind in KINDS]
    table = panel("table", targets=[{"refId": "A", "expr": "shop_orders", "instant": True, "format": "table"}])
    text = panel("text", options={"content": "Shops: $shop <b>[x](javascript:alert(1))</b>"})
    more = {"templating": VARIABLES, "links": LINKS}
    dashboards = (
        dashboard(*queries, uid="home", **more),
        dashboard(*queries, table, text, uid="odd", annotations=EVENTS, **more),
    )
    with running_viewer(tmp_path_factory.mktemp("dashboards"), shop_prometheus.url, *dashboards) as url:
        yield url


@contextmanager
def opened(browser: Browser, url: str, path: str) -> Iterator[Page]:
    """Open a page, and see that it comes without an error and asks nobody else."""
    problems: list[str] = []
    with browser.new_page(viewport={"width": 1400, "height": 900}) as page:
        page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on(
            "request", lambda request: None if request.url.startswith((url, "data:")) else problems.append(request.url)
        )
        page.goto(url + path)
        expect(page.locator(".panel.ready")).not_to_have_count(0)
        expect(page.locator(".panel.loading")).to_have_count(0)
        yield page
    assert problems == []


def said(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_person_chooses_shops_range_and_refresh(browser: Browser, url: str) -> None:
    with opened(browser, url, "/?refresh=") as page:
        expect(page).to_have_title("The home - Dashboards")
        expect(page.get_by_text("not Grafana")).to_be_visible()
        expect(page.locator(".stat")).to_have_count(3)

        page.locator(".control .choice").click()
        page.locator(".dash-dropdown-option", has_text="north").click()
        page.keyboard.press("Escape")
        expect(page.locator(".stat")).to_have_count(1)
        expect(page).to_have_url(re.compile("var-shop=north"))

        page.locator("#range").click()
        page.get_by_text("Last 5 minutes").click()
        expect(page).to_have_url(re.compile("from=now-5m&to=now"))
        expect(page.locator(".stat")).to_have_count(1)

        other = page.get_by_role("link", name="The odd")
        # The links follow the address.
        expect(other).to_have_attribute("href", re.compile("from=now-5m"))
        assert parse_qs(urlsplit(other.get_attribute("href") or "").query) == {
            "var-shop": ["north"],
            "from": ["now-5m"],
            "to": ["now"],
        }
        page.go_back()
        expect(page).to_have_url(re.compile("from=now-20m&to=now"))


def test_a_person_zooms_in_and_the_whole_page_follows(browser: Browser, url: str) -> None:
    with opened(browser, url, "/?refresh=") as page:
        graph = page.locator(".kind-timeseries .plot")
        # Plotly has come and drawn once there is a place to drag in.
        expect(graph.locator(".nsewdrag").first).to_be_visible()
        graph.scroll_into_view_if_needed()
        box = graph.bounding_box()
        assert box
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.5 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], middle, steps=4)
        page.mouse.up()
        expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
        start, end = (int(said(page)[name][0]) / 1000 for name in ("from", "to"))
        assert time.time() - 1200 < start < end < time.time()
        assert end - start == pytest.approx(300, abs=60)


def test_the_page_refreshes_by_itself(browser: Browser, url: str) -> None:
    with opened(browser, url, "/?refresh=1s") as page:
        before = page.locator("#updated").inner_text()
        expect(page.locator("#updated")).not_to_have_text(before)


@pytest.mark.parametrize("refresh", ["", "1s"])
def test_hostile_values_are_shown_and_do_nothing(browser: Browser, url: str, refresh: str) -> None:
    with opened(browser, url, f"/d/odd?var-shop=%3Cimg%20src=x%3E&var-shop=north&refresh={refresh}") as page:
        expect(page.locator(".kind-text")).to_contain_text("<img src=x>")
        assert not page.locator("a[href*='alert']").count()
    with opened(browser, url, f"/d/odd?refresh={refresh}") as page:
        expect(page.locator(".kind-bargauge .name", has_text="<script>")).to_have_text(HOSTILE)
        expect(page.locator(".kind-table td", has_text="<script>")).to_have_text(HOSTILE)
        graph = page.locator(".kind-timeseries .plot")
        expect(graph.locator(".nsewdrag").first).to_be_visible()
        graph.hover()
        expect(graph.locator(".hoverlayer")).to_contain_text("<script>")
        assert not page.locator(".panel img, .panel script").count()
        expect(page).to_have_title("The odd - Dashboards")


def test_a_panel_says_what_is_wrong_and_recovers(browser: Browser, tmp_path: Path) -> None:
    prometheus = RunningPrometheus(tmp_path / "data")
    prometheus.folder.mkdir()
    home = dashboard(panel("timeseries", "vector(1)"), uid="home", refresh="1s")
    with running_viewer(tmp_path, prometheus.url, home) as url, browser.new_page() as page:
        page.goto(url)
        expect(page.locator(".panel.failed")).to_contain_text(f"Prometheus at {prometheus.url} does not answer")
        prometheus.start()
        try:
            expect(page.locator(".panel.ready .legend")).to_be_visible()
        finally:
            prometheus.stop()
