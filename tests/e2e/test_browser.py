"""The whole lab in a real browser: a person runs the pipeline in Airflow, and every dashboard shows it."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from whole_lab import WholeLab

from lab import grafana, monitoring_files
from lab.demo import DAG_ID
from lab.viewer.dashboards import Dashboard, Library
from tests import screenshots
from tests.browser import chromium
from tests.lab.running_viewer import running_viewer

RUN_MILLISECONDS = 240_000
# A scrape, rules that are evaluated every 15 s, and the page, which asks every 5 s.
DATA_SECONDS = 60
DASHBOARDS = Library(monitoring_files.DASHBOARDS).all()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a page that asks no other machine, whatever it shows."""
    outside: list[str] = []

    def note(request: Request) -> None:
        if not re.match(r"http://127\.0\.0\.1:\d+/|data:|blob:", request.url):
            outside.append(request.url)

    with screenshots.new_page(browser) as page:
        page.on("request", note)
        yield page
    assert outside == []


@pytest.fixture(scope="module")
def viewer_url(lab: WholeLab) -> Iterator[str]:
    """Return where the lab shows its dashboards; on a machine that has Grafana, where a viewer beside it does."""
    with ExitStack() as running:
        if grafana.find():
            folder = monitoring_files.dashboards_folder(lab.settings)
            yield running.enter_context(running_viewer(folder, lab.settings.prometheus_url))
        else:
            yield lab.settings.grafana_url


@pytest.fixture(scope="module")
def run_in_airflow(lab: WholeLab, browser: Browser) -> str:
    """Run the pipeline in Airflow's user interface; return the address of the run."""
    with screenshots.new_page(browser) as page:
        screenshots.log_in(page, lab.settings)
        page.goto(f"{lab.settings.airflow_url}/dags/{DAG_ID}")
        page.get_by_role("button", name="Trigger").click()
        page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
        expect(page).to_have_url(re.compile(f"/dags/{DAG_ID}/runs/manual"))
        return page.url


def test_a_run_that_a_person_starts_succeeds_before_their_eyes(lab: WholeLab, page: Page, run_in_airflow: str) -> None:
    screenshots.log_in(page, lab.settings)
    page.goto(run_in_airflow)
    # Beside the name of the run; each task has such a badge too.
    badge = page.get_by_role("heading", name="manual__").locator("..").get_by_test_id("state-badge")
    expect(badge).to_have_text("Success", timeout=RUN_MILLISECONDS)
    screenshots.take(page, "airflow")


@pytest.mark.usefixtures("run_in_airflow")
@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[one.uid for one in DASHBOARDS])
def test_every_panel_shows_data(page: Page, viewer_url: str, dashboard: Dashboard) -> None:
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    screenshots.open_dashboard(page, f"{viewer_url}{dashboard.path}?refresh=5s")
    rightly_empty = {panel.title for panel in dashboard.panels if panel.empty}
    deadline = time.monotonic() + DATA_SECONDS
    while lacking := [
        text
        for text in page.locator(".panel:not(.ready)").all_inner_texts()
        if text.split("\n")[0] not in rightly_empty or "No data" in text
    ]:
        assert time.monotonic() < deadline, f"after {DATA_SECONDS} s without data: {lacking}"
        page.wait_for_timeout(500)
    expect(page).to_have_title(f"{dashboard.title} - Dashboards")
    screenshots.take(page, dashboard.uid)
    assert problems == []


def test_the_pages_of_the_others_need_no_network(lab: WholeLab, page: Page) -> None:
    for name, address in {
        "prometheus": f"{lab.settings.prometheus_url}/alerts",
        "alertmanager": lab.settings.alertmanager_url,
        "inbox": lab.settings.inbox_url,
    }.items():
        page.goto(address, wait_until="networkidle")
        screenshots.take(page, name)
