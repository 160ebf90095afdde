"""Runbooks in the inbox: every page that an alert leads to is there, readable, and nothing else is."""

from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from dotenv import dotenv_values
from markupsafe import Markup

from lab.errors import LabError
from lab.inbox.runbooks import Runbooks
from lab.monitoring_files import PROMETHEUS, RUNBOOKS
from lab.settings import REPOSITORY
from tests.lab.running_inbox import RunningInbox

NAMES = sorted(path.stem for path in RUNBOOKS.iterdir())


def html_of(folder: Path, text: str) -> Markup:
    """Return the page of a text, beside another page that is called Other."""
    (folder / "Page.md").write_text(text)
    (folder / "Other.md").write_text("# Other")
    page = Runbooks(folder).find("Page")
    assert page
    return page.html


def test_the_alerts_lead_to_the_inbox() -> None:
    labels = yaml.safe_load(PROMETHEUS.read_text())["global"]["external_labels"]
    port = dotenv_values(REPOSITORY / ".env.example", interpolate=False)["INBOX_PORT"]
    assert labels["runbooks_url"] == f"http://127.0.0.1:{port}/runbooks"


def test_every_runbook_is_a_page_and_every_link_of_it_to_another_leads_there(inbox: RunningInbox) -> None:
    for name in NAMES:
        page = BeautifulSoup(inbox.page(f"/runbooks/{name}"), "lxml")
        article = page.select_one(".runbook")
        assert article
        assert [heading.get_text() for heading in article.select("h1")] == [name]
        assert [heading["id"] for heading in article.select("h2")] == ["meaning", "impact", "diagnosis", "mitigation"]
        local = {str(link["href"]) for link in page.select("a") if str(link["href"]).startswith("/runbooks/")}
        assert local == {f"/runbooks/{one}" for one in NAMES}, "the list, and nothing beside it"


def test_the_index_lists_each_with_what_it_means(inbox: RunningInbox) -> None:
    page = BeautifulSoup(inbox.page("/runbooks"), "lxml")
    assert [title.get_text() for title in page.select("#list .title")] == NAMES
    assert all(preview.get_text() for preview in page.select("#list .preview"))


@pytest.mark.parametrize(
    "name",
    [
        *("Nope", "watchdog", "Watchdog.md", "<b>Nope</b>", "Watchdog/more"),
        *("..%2FREADME", "%2e%2e/alertmanager", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2Fetc%2Fpasswd", "a%00b"),
    ],
)
def test_whatever_is_no_runbook_is_not_found_and_the_list_is_shown(inbox: RunningInbox, name: str) -> None:
    answer = inbox.http.get(f"/runbooks/{name}")
    assert answer.status_code == 404
    page = BeautifulSoup(answer.text, "lxml")
    assert [title.get_text() for title in page.select("#list .title")] == NAMES
    assert "There is no runbook " in page.get_text()
    assert page.select("b") == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see `Other`, not `Page`", 'see <a href="/runbooks/Other"><code>Other</code></a>, not <code>Page</code>'),
        ("[there](Other.md#meaning)", '<a href="/runbooks/Other#meaning">there</a>'),
        ("[`Other`, too](Other.md)", '<a href="/runbooks/Other"><code>Other</code>, too</a>'),
        ("[below](#impact)", '<a href="#impact">below</a>'),
        ("[metrics](../../docs/metrics.md)", '<span title="docs/metrics.md">metrics</span>'),
        ("[rules](../rules/data.yml)", '<span title="rules/data.yml">rules</span>'),
        ("[up](../Other.md)", '<span title="Other.md">up</span>'),
        (
            "http://127.0.0.1:9090/x.",
            '<a href="http://127.0.0.1:9090/x" target="_blank" rel="noreferrer">http://127.0.0.1:9090/x</a>.',
        ),
        ("look into prometheus.py", "look into prometheus.py"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<b onclick=x>y</b>", "&lt;b onclick=x&gt;y&lt;/b&gt;"),
        (
            "![x](http://example.com/x.png)",
            '!<a href="http://example.com/x.png" target="_blank" rel="noreferrer">x</a>',
        ),
    ],
)
def test_links_lead_to_where_the_reader_gets_and_html_is_text(tmp_path: Path, text: str, shown: str) -> None:
    assert html_of(tmp_path, text) == f"<p>{shown}</p>\n"


def test_an_edited_page_shows_at_once(tmp_path: Path) -> None:
    runbooks = Runbooks(tmp_path) if html_of(tmp_path, "before") else None
    assert runbooks
    (tmp_path / "Page.md").write_text("after\na break")
    page = runbooks.find("Page")
    assert page
    assert page.summary == "after a break"


def test_a_folder_without_runbooks_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=f"There are no runbooks, .* in {tmp_path / 'nowhere'}"):
        Runbooks(tmp_path / "nowhere")
