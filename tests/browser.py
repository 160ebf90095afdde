"""The browser of the tests: Chromium without a window, as the set-up found or installed it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from lab.browser import LINK

# On a busy machine a page may take long; a test that passes does not wait for it.
PATIENCE_MILLISECONDS = 30_000
# Playwright's own arguments see to it that nothing is updated, synchronized or asked in the background.
ARGUMENTS = ("--headless=new", "--disable-gpu", "--disable-quic", "--no-proxy-server")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it. Root's cannot lock itself up, which others' do."""
    assert LINK.exists(), f"{LINK} leads to no browser: `make {LINK.relative_to(LINK.parents[2])}` gets one"
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=LINK,
            args=ARGUMENTS,
            chromium_sandbox=os.geteuid() != 0,
            timeout=2 * PATIENCE_MILLISECONDS,
        )
        try:
            yield browser
        finally:
            browser.close()
