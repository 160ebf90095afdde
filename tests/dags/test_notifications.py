"""notify_failure, with the inbox at the other end: what people get to read when a task fails."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import VariableAccessor
from common.notifications import REASON_CHARACTERS, notify_failure

from tests.lab.running_inbox import RunningInbox

LOG_URL = "http://127.0.0.1:8080/dags/shop/runs/manual__2026-01-31T00%3A00%3A00%2B00%3A00/tasks/load?try_number=2"
NOWHERE = "http://127.0.0.1:9/slack"
# What these tasks say when they fail must be taken neither for a template nor for markup.
DAG_FILE = """
from airflow.sdk import DAG, task
from common.notifications import notify_failure

with DAG("shop", schedule=None, default_args={"on_failure_callback": notify_failure}):

    @task(retries=1, retry_delay=0)
    def load(order):
        raise ValueError("{{ 7 * 7 }} <b>not bold</b> & more: " + order)

    load.expand(order=["first", "second"])
"""


@pytest.fixture(scope="module")
def running_inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInbox]:
    inbox = RunningInbox(tmp_path_factory.mktemp("inbox") / "messages")
    yield inbox
    inbox.close()


@pytest.fixture
def inbox(running_inbox: RunningInbox, monkeypatch: pytest.MonkeyPatch) -> RunningInbox:
    """An empty inbox that the connections point to."""
    running_inbox.http.delete("/api/messages")
    for name, value in connections(running_inbox).items():
        monkeypatch.setenv(name, value)
    return running_inbox


def connections(inbox: RunningInbox) -> dict[str, str]:
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
    smtp = {"conn_type": "smtp", "host": "127.0.0.1", "port": inbox.smtp_port, "extra": extra}
    return {
        "AIRFLOW_VAR_ALERT_EMAIL": "team@example.com",
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp),
        "AIRFLOW_CONN_SLACK_WEBHOOK": json.dumps({"conn_type": "http", "host": f"{inbox.url}/slack"}),
    }


def context(**changes: Any) -> Any:
    """What Airflow hands to a callback, as far as it is read."""
    task_instance = {
        "dag_id": "shop",
        "task_id": "load",
        "run_id": "manual__2026-01-31",
        "map_index": -1,
        "try_number": 2,
        "max_tries": 1,
        "log_url": LOG_URL,
    }
    return {
        "ti": SimpleNamespace(**{name: changes.pop(name, value) for name, value in task_instance.items()}),
        "logical_date": datetime(2026, 1, 31, tzinfo=UTC),
        "dag_run": SimpleNamespace(run_after=datetime(2026, 2, 1, 12, 30, tzinfo=UTC)),
        "exception": ValueError("no rows"),
        "var": {"value": VariableAccessor(deserialize_json=False)},
        **changes,
    }


def test_a_failing_task_is_reported_by_mail_and_to_slack(inbox: RunningInbox, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "shop.py").write_text(DAG_FILE)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__BASE_URL": "http://127.0.0.1:8080",
        "PYTHONPATH": str(Path(__file__).parents[2] / "dags"),
    }

    def airflow(*arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    airflow("db", "migrate")
    said = airflow("dags", "test", "shop", "2026-01-31")
    titles = sorted((message["kind"], message["title"]) for message in inbox.found())
    expected = [(kind, f"shop.load[{index}] failed") for kind in ("mail", "slack") for index in (0, 1)]
    assert titles == expected, said

    mail, post = (inbox.found(kind=kind, text="load[1]")[0] for kind in ("mail", "slack"))
    assert (mail["sender"], mail["recipients"]) == ("airflow@example.com", ["team@example.com"])
    for message in (mail, post):
        received = inbox.http.get(f"/api/messages/{message['id']}").json()
        for fact in ("ValueError: {{ 7 * 7 }} <b>not bold</b> & more: second", "2026-01-31T00:00:00+00:00", "2 of 2"):
            assert fact in received["text"]
        # In the HTML of the one and in the JSON of the other.
        assert re.search(r"http://127.0.0.1:8080/dags/shop/runs/\S+/load/mapped/1\?try_number=2", json.dumps(received))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "ValueError: no rows"),
        ({"exception": "Task marked as failed"}, "Task marked as failed"),
        ({"exception": None}, "Airflow lost the task's process"),
        ({"logical_date": None}, "Logical date none, due 2026-02-01 12:30:00 UTC"),
        ({"map_index": 7}, "load[7] failed"),
        ({"exception": ValueError("x" * 10_000)}, "x" * (REASON_CHARACTERS - 100)),
        ({"exception": ValueError('"quoted" & <b>')}, 'ValueError: "quoted" & <b>'),
        ({"exception": ValueError("two\nlines")}, "two lines"),
    ],
)
def test_what_is_told_whatever_airflow_knows(inbox: RunningInbox, changes: dict[str, Any], told: str) -> None:
    notify_failure(context(**changes))
    assert [message["kind"] for message in inbox.found(text=told)] == ["slack", "mail"]


def test_two_failures_in_one_process_are_two_messages(inbox: RunningInbox) -> None:
    for task_id in ("load", "check"):
        notify_failure(context(task_id=task_id))
    assert [message["title"] for message in inbox.found(kind="mail")] == ["shop.check failed", "shop.load failed"]


@pytest.mark.parametrize(
    ("name", "value", "arrives", "logged"),
    [
        ("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://127.0.0.1:9?disable_ssl=true&disable_tls=true", "slack", "SmtpNotifier"),
        ("AIRFLOW_CONN_SMTP_DEFAULT", None, "slack", "SmtpNotifier"),
        ("AIRFLOW_VAR_ALERT_EMAIL", None, "slack", "SmtpNotifier"),
        ("AIRFLOW_CONN_SLACK_WEBHOOK", json.dumps({"conn_type": "http", "host": NOWHERE}), "mail", "HttpNotifier"),
        ("AIRFLOW_CONN_SLACK_WEBHOOK", None, "mail", "HttpNotifier"),
    ],
    ids=["no mail server", "no mail connection", "no address", "no webhook", "no webhook connection"],
)  # fmt: skip
def test_a_message_that_cannot_be_sent_is_logged_and_the_other_arrives(
    inbox: RunningInbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: str | None,
    arrives: str,
    logged: str,
) -> None:
    monkeypatch.delenv(name)
    if value:
        monkeypatch.setenv(name, value)
    notify_failure(context())
    assert [message["kind"] for message in inbox.found()] == [arrives]
    assert f"{logged} could not report the failure of shop.load" in caplog.text
