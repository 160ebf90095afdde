"""The inbox in a real browser: what a person sees, and what a hostile mail cannot do there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.lab.running_inbox import RunningInbox

# Every way out of a page that the HTML standard knows; {trap} is an address that notes who connects.
HOSTILE = """
<meta http-equiv="refresh" content="0; url={trap}/refresh"><base href="{trap}/base/">
<link rel="stylesheet" href="{trap}/style"><LINK rel="icon" href="{trap}/icon">
<link rel="manifest" href="{trap}/manifest"><link rel="prefetch" href="{trap}/prefetch">
<link rel="preconnect" href="{trap}"><link/rel="preload" as="image" href="{trap}/preload">
<link rel="modulepreload" href="{trap}/module"><link rel="prerender" href="{trap}/prerender">
<link
 rel="dns-prefetch" href="{trap}">
<style>
  @import url({trap}/import);
  @font-face {{ font-family: f; src: url({trap}/font) }}
  body {{ font-family: f; background: url({trap}/background); cursor: url({trap}/cursor), auto }}
</style>
<script>fetch("{trap}/fetch"); top.document.title = "owned"; document.body.textContent = "owned"</script>
<script src="{trap}/script"></script><script type="speculationrules">
  {{"prerender": [{{"urls": ["{trap}/speculation"]}}]}}
</script>
<p id="words">Dear reader</p>
<img src="{trap}/image" onerror="document.getElementById('words').textContent = 'owned'"><img srcset="{trap}/set 2x">
<picture><source srcset="{trap}/picture"><img></picture><input type="image" src="{trap}/input">
<svg onload="document.getElementById('words').textContent = 'owned'"><use href="{trap}/use#a"/></svg>
<svg><image href="{trap}/svg"/></svg><table background="{trap}/table"><td>x</table>
<video src="{trap}/video" poster="{trap}/poster" autoplay></video><audio src="{trap}/audio" autoplay></audio>
<object data="{trap}/object"></object><embed src="{trap}/embed"><iframe src="{trap}/frame"></iframe>
<iframe srcdoc="<script>top.document.title = 'owned'</script>&lt;link rel=preconnect href={trap}&gt;"></iframe>
<form action="{trap}/form"><button id="send">Send</button><input autofocus onfocus="this.form.submit()"></form>
<a id="ping" href="#x" ping="{trap}/ping">ping</a><a id="in-place" target="_top" href="javascript:alert(1)">run</a>
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, inbox: RunningInbox) -> Iterator[Page]:
    with browser.new_context(base_url=inbox.url) as context:
        yield context.new_page()


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """Listen on a port; give its address, and the list of those who connect and of what they ask for."""
    caught: list[str] = []

    class Note(StreamRequestHandler):
        def handle(self) -> None:
            caught.append("a connection")
            if asked := self.rfile.readline().decode():
                caught.append(asked.split()[1])

    class Server(ThreadingTCPServer):
        daemon_threads = True  # one that connected and says nothing is not waited for

    with Server(("127.0.0.1", 0), Note) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", caught
        server.shutdown()


def html_mail(html: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = "<b>Offer</b>", "evil@example.com"
    message.set_content(html, "html")
    return message


def test_messages_appear_by_themselves_and_open_as_they_would_arrive(inbox: RunningInbox, page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("No messages yet")).to_be_visible()
    inbox.post({"username": "airflow", "attachments": [{"color": "#36a64f", "text": "*48 rows* are ready"}]})
    inbox.send(html_mail('<h1>All is well</h1><a href="/elsewhere">see</a>'))
    rows = page.locator("#list li")
    expect(rows).to_have_count(2)
    expect(page).to_have_title("(2) Inbox")
    expect(page.locator("#live")).to_have_text("live")

    page.get_by_text("<b>Offer</b>").click()
    expect(page.locator("h1")).to_have_text("<b>Offer</b>")
    expect(page.frame_locator("iframe").get_by_role("heading", name="All is well")).to_be_visible()

    page.get_by_text("48 rows are ready").first.click()
    expect(page.locator(".slack-message b", has_text="48 rows")).to_be_visible()
    assert page.locator(".bar rect").evaluate("bar => getComputedStyle(bar).fill") == "rgb(54, 166, 79)"

    page.get_by_role("searchbox").fill("all is well")
    page.get_by_role("searchbox").press("Enter")
    expect(rows).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 of 2")

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("No messages yet")).to_be_visible()
    assert inbox.found() == []


def test_a_hostile_mail_neither_runs_nor_calls_out(
    inbox: RunningInbox, page: Page, wait_until: Callable[[str, Callable[[], object]], None]
) -> None:
    with trap() as (address, caught), trap() as (unguarded_address, caught_unguarded):
        inbox.send(html_mail(HOSTILE.format(trap=address)))
        number = inbox.found()[0]["id"]
        for path in (f"/messages/{number}", f"/messages/{number}/html"):
            page.goto(path)
            body = page.frame_locator("iframe").first if "html" not in path else page
            expect(body.locator("#words")).to_have_text("Dear reader")
            for wanted in ("#send", "#ping", "#in-place"):
                body.locator(wanted).click()
            expect(body.locator("#words")).to_have_text("Dear reader")
            assert "owned" not in page.title()
        # The same mail on a page without guards: once its last call has come, any of the guarded one would have, too.
        page.context.new_page().set_content(HOSTILE.format(trap=unguarded_address), wait_until="commit")
        wait_until("the unguarded mail has sent its form", lambda: "/form?" in caught_unguarded)
        assert {"/style", "/script"} <= set(caught_unguarded)
        assert caught == []
