"""Screenshots of the lab's pages: artifacts of the tests, and the pictures of the README.

`python -m tests.screenshots` renews the latter, in docs/screenshots, from the lab that runs by the settings, and
`python -m tests.screenshots training-crash` those of an incident: during it, and after it was healed.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from lab import alerts
from lab.incidents import commands
from lab.incidents.incident import Incident
from lab.progress import Progress
from lab.settings import REPOSITORY, Settings, load_settings
from lab.viewer.dashboards import Library
from tests.browser import chromium

ARTIFACTS = REPOSITORY / ".artifacts" / "screenshots"
DOCS = REPOSITORY / "docs" / "screenshots"
SCREEN = {"width": 1280, "height": 860}


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """Open an empty page on a screen of usual size."""
    with browser.new_page(viewport={"width": SCREEN["width"], "height": SCREEN["height"]}) as page:
        yield page


def log_in(page: Page, settings: Settings) -> None:
    """Log in to Airflow, as a person does."""
    page.goto(settings.airflow_url)
    page.locator("input[name=username]").fill(settings.airflow_user)
    page.locator("input[name=password]").fill(settings.airflow_password)
    page.get_by_role("button", name="Sign in").click()
    # The home page also has links to "Failed Dags" and the like.
    expect(page.get_by_role("link", name="Dags", exact=True)).to_be_visible()


def open_dashboard(page: Page, address: str) -> None:
    """Open a dashboard and wait until every panel has its data, or says that it has none, and is drawn."""
    page.goto(address)
    expect(page.locator(".panel")).not_to_have_count(0)
    expect(page.locator(".panel.loading")).to_have_count(0)
    for graph in page.locator(".panel.ready .plot").all():
        expect(graph.locator(".main-svg").first).to_be_attached()


def take(page: Page, name: str, folder: Path = ARTIFACTS, *, whole: bool = True) -> None:
    """Keep a picture of the whole page, or of what fits the screen."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=whole, animations="disabled")


def take_lab(page: Page, settings: Settings) -> None:
    """Take every dashboard, Airflow and the inbox as they are now."""
    for dashboard in Library(REPOSITORY / "grafana" / "generated").all():
        take_dashboard(page, settings, dashboard.uid, dashboard.uid)
    log_in(page, settings)
    page.goto(f"{settings.airflow_url}/dags/orders_pipeline")
    expect(page.get_by_text("Latest Run")).to_be_visible()
    take(page, "airflow", DOCS, whole=False)
    page.goto(settings.inbox_url)
    messages = page.locator("#list li a")
    firing = messages.filter(has_text="FIRING")
    (firing if firing.count() else messages).first.click()
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("orders_pipeline")
    take(page, "inbox", DOCS, whole=False)


def take_incident(page: Page, settings: Settings, name: str) -> None:
    """Cause an incident and heal it; take the dashboard that shows it while its alerts fire, and when they are gone."""
    progress = Progress()
    incident = commands.cause(settings, name, progress)
    try:
        wait_until_told(settings, incident)
        take_dashboard(page, settings, incident.look[0], name)
    finally:
        commands.heal(settings, progress)
    take_dashboard(page, settings, incident.look[0], f"{name}-healed")


def take_dashboard(page: Page, settings: Settings, uid: str, name: str) -> None:
    """Take the last quarter of an hour of a dashboard."""
    open_dashboard(page, f"{settings.grafana_url}/d/{uid}?from=now-15m&to=now")
    take(page, name, DOCS, whole=False)


def wait_until_told(settings: Settings, incident: Incident) -> None:
    """Wait until all alerts of an incident fire."""
    deadline = time.monotonic() + incident.within
    while not all(any(map(expected.matches, found := alerts.firing(settings))) for expected in incident.fires):
        assert time.monotonic() < deadline, (
            f"{incident.name}: not within {incident.within} s: {incident.fires}; {found}"
        )
        time.sleep(1)


def main() -> None:
    """Renew the README's pictures."""
    settings = load_settings()
    with chromium() as browser, new_page(browser) as page:
        if names := sys.argv[1:]:
            for name in names:
                take_incident(page, settings, name)
        else:
            take_lab(page, settings)


if __name__ == "__main__":
    main()
