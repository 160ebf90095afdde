"""The inbox's page of incidents: what it shows of alerts, whom it takes orders from, and what it does then."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from markupsafe import escape
from playwright.sync_api import expect

from lab.incidents.declarations import INCIDENTS
from lab.incidents.journal import Journal
from tests.browser import chromium
from tests.lab.running_inbox import RunningInbox

COMMAND_SECONDS = 30


def known(name: str, state: str, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, **labels}, "annotations": {"summary": ""}, "status": {"state": state}}


def pending(name: str, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, **labels}, "annotations": {}, "state": "pending"}


ALERTMANAGER = [
    known("RunFailed", "active", dag_id="orders_pipeline"),
    known("SchedulerHeartbeatMissing", "suppressed"),
]
PROMETHEUS = {"data": {"alerts": [pending("TaskFailed", dag_id="orders_pipeline", task_id="check_raw_orders")]}}


@pytest.fixture
def lab_inbox(tmp_path: Path, serve: Callable[..., str]) -> Iterator[RunningInbox]:
    """The inbox of a lab without containers that does not run, with alerts."""
    inbox = RunningInbox(
        tmp_path / "inbox",
        alertmanager_url=serve(ALERTMANAGER),
        prometheus_url=serve(PROMETHEUS),
        more=("--lab", str(tmp_path)),
        environment={"LAB_STATE_DIR": str(tmp_path), "PATH": str(tmp_path)},
    )
    yield inbox
    inbox.close()


def states(page: str) -> dict[str, str]:
    """Return the words on each alert of a page."""
    rows = re.findall(r"<tr>\s*<td><a [^>]*>(\w+)</a></td>.*?<td class=\"state \w+\">([^<]+)</td>", page, re.DOTALL)
    return dict(rows)


def token(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_every_incident_has_a_page(inbox: RunningInbox) -> None:
    everything = inbox.page("/incidents")
    for incident in INCIDENTS:
        assert f'href="/incidents/{incident.name}"' in everything
        assert f"<h1>{escape(incident.title)}</h1>" in inbox.page(f"/incidents/{incident.name}")


def test_a_page_that_is_none_is_not_found(inbox: RunningInbox) -> None:
    answer = inbox.http.get("/incidents/nothing")
    assert (answer.status_code, "There is no incident nothing" in answer.text) == (404, True)


def test_alerts_are_shown_as_they_are_now(lab_inbox: RunningInbox) -> None:
    assert states(lab_inbox.page("/incidents/data-dirty")) == {
        "DataQualityCheckFailed": "quiet",
        "RunFailed": "fires",
        "TaskFailed": "about to fire",
    }
    hidden = states(lab_inbox.page("/incidents/exporter-down/state"))
    assert hidden["SchedulerHeartbeatMissing"] == "fires, kept back"


def test_an_alertmanager_that_does_not_answer_is_said_to(inbox: RunningInbox) -> None:
    shown = states(inbox.page("/incidents/dag-broken"))
    assert shown == {"DagImportErrors": "not known: Alertmanager or Prometheus does not answer"}


def test_in_containers_there_are_commands_and_no_buttons(inbox: RunningInbox) -> None:
    page = inbox.page("/incidents/s3-down")
    assert "make incident NAME=s3-down" in page
    assert "<button" not in page
    assert inbox.http.post("/incidents/s3-down").status_code == 403


def test_a_button_runs_the_command_and_shows_what_it_says(lab_inbox: RunningInbox) -> None:
    page = lab_inbox.page("/incidents/exporter-down")
    assert ">Cause exporter-down</button>" in page
    assert "Heal" not in page
    sent = lab_inbox.http.post("/incidents/exporter-down", data={"token": token(page)})
    assert (sent.status_code, sent.headers["location"]) == (303, "/incidents/exporter-down")
    busy = lab_inbox.http.post("/incidents/s3-down", data={"token": token(page)})
    assert (busy.status_code, "is still at work" in busy.text) == (409, True)
    deadline = time.monotonic() + COMMAND_SECONDS
    while 'class="said failed"' not in (shown := lab_inbox.page("/incidents/exporter-down/state")):
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    assert "The lab is not running" in shown


def test_what_is_open_is_shown_and_can_be_healed(lab_inbox: RunningInbox, tmp_path: Path) -> None:
    Journal(tmp_path).open("drift")
    page = lab_inbox.page("/incidents/data-dirty")
    assert re.search(r"Open: <a href=\"/incidents/drift\">drift</a> since <time", page)
    sent = lab_inbox.http.post("/incidents", data={"token": token(page)})
    assert (sent.status_code, sent.headers["location"]) == (303, "/incidents")
    assert "Cause drift" not in lab_inbox.page("/incidents/drift")


@pytest.mark.parametrize(
    "form",
    [{}, {"token": ""}, {"token": "of another start"}, {"other": "field"}],
    ids=["no form", "empty", "wrong", "another field"],
)
def test_a_form_of_somebody_else_s_page_is_refused(lab_inbox: RunningInbox, form: dict[str, str]) -> None:
    for path in ("/incidents", "/incidents/s3-down"):
        assert lab_inbox.http.post(path, data=form).status_code == 403
    assert "at work" not in lab_inbox.page("/incidents/s3-down")


def test_a_token_does_not_help_under_another_name(lab_inbox: RunningInbox) -> None:
    data = {"token": token(lab_inbox.page("/incidents/s3-down"))}
    rebound = httpx.post(
        f"{lab_inbox.url}/incidents/s3-down", data=data, headers={"host": "evil.example"}, trust_env=False
    )
    assert rebound.status_code == 400


def test_an_order_that_makes_no_sense_is_refused(lab_inbox: RunningInbox) -> None:
    data = {"token": token(lab_inbox.page("/incidents/s3-down"))}
    assert lab_inbox.http.post("/incidents/nothing", data=data).status_code == 404
    assert lab_inbox.http.post("/incidents/s3-down", content=b"x" * 2_000).status_code == 413


def test_an_open_page_follows_what_a_button_has_set_going(lab_inbox: RunningInbox, tmp_path: Path) -> None:
    problems: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.on("console", lambda said: problems.append(said.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{lab_inbox.url}/incidents/drift")
        page.get_by_role("button", name="Cause drift").click()
        expect(page.locator(".said.failed")).to_contain_text("The lab is not running")
        expect(page.get_by_role("button", name="Heal what is open")).to_have_count(0)
        Journal(tmp_path).open("drift")
        expect(page.get_by_role("button", name="Heal what is open")).to_be_visible()
        expect(page.locator(".open")).to_contain_text("drift since")
    assert problems == []
