"""The inbox, as a real process: what is sent by SMTP and HTTP is what tests and people find in it."""

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest

from lab.inbox.store import MAX_MESSAGE_BYTES, Query, Store
from lab.monitoring_files import RUNBOOKS
from lab.settings import REPOSITORY
from tests.lab.running_inbox import RunningInbox


def mail(subject: str = "Hello", text: str = "How are you?") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Airflow <airflow@example.com>", "team@example.com"
    message.set_content(text)
    return message


def test_a_mail_arrives_as_it_was_sent(inbox: RunningInbox) -> None:
    message = mail("Orders of März ✓", "48 rows, attached.")
    message.add_alternative("<p>48 rows, <b>attached</b>.</p>", subtype="html")
    message.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="März/orders.csv")
    sent = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    inbox.send(sent, to="somebody@example.com")
    found = inbox.newest()
    assert {name: found[name] for name in ("kind", "sender", "recipients", "title", "text", "html", "attachments")} == {
        "kind": "mail",
        "sender": "Airflow <airflow@example.com>",
        "recipients": ["somebody@example.com"],
        "title": "Orders of März ✓",
        "text": "48 rows, attached.\n",
        "html": "<p>48 rows, <b>attached</b>.</p>\n",
        "attachments": [{"name": "März orders.csv", "content_type": "text/csv", "size": 8}],
    }
    assert ["Subject", "Orders of März ✓"] in found["headers"]
    assert inbox.http.get(f"/messages/{found['id']}/raw").content == sent
    file = inbox.http.get(f"/messages/{found['id']}/attachments/1")
    assert file.content == b"a;b\n1;2\n"
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''M%C3%A4rz%20orders.csv"


def test_a_mail_without_text_is_searched_and_listed_by_the_words_of_its_html(inbox: RunningInbox) -> None:
    message = mail()
    message.set_content(
        "<style>p { color: red }</style><p>Task <b>check_raw_orders</b><br>failed</p><script>secret()</script>", "html"
    )
    inbox.send(message)
    assert inbox.newest()["text"] == "Task check_raw_orders failed"
    assert inbox.found(text="check_raw_orders failed")


def test_search_by_kind_text_and_time(inbox: RunningInbox) -> None:
    inbox.send(mail("First", "Straße  of\ngold"))
    between = datetime.now(UTC)
    inbox.post({"text": "Second", "username": "100%_bot"})
    for query, expected in [
        ({}, ["Second", "First"]),
        ({"kind": "mail"}, ["First"]),
        ({"kind": "slack", "text": "first"}, []),
        ({"text": "STRASSE of GOLD"}, ["First"]),
        ({"text": "%_BOT"}, ["Second"]),
        ({"text": "airflow@example.com"}, ["First"]),
        ({"since": between.isoformat()}, ["Second"]),
        ({"since": (between + timedelta(hours=1)).isoformat()}, []),
        ({"limit": "1"}, ["Second"]),
    ]:
        assert [message["title"] for message in inbox.found(**query)] == expected, query
    assert inbox.http.get("/api/messages", params={"limit": 0}).json() == {"count": 2, "messages": []}
    assert "First" not in inbox.page("/?text=second")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/messages?kind=fax", 400, "kind must be one of: mail, slack."),
        ("/api/messages?since=yesterday", 400, "since must be a time with its zone"),
        ("/api/messages?since=2026-01-31T12:00:00", 400, "since must be a time with its zone"),
        ("/api/messages?limit=-1", 400, "limit must be a number"),
        ("/api/messages/0", 404, "There is no such message"),
        ("/api/messages/" + "9" * 30, 404, "There is no such message"),
        ("/api/messages/one", 404, "There is no such message"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_shape(inbox: RunningInbox, path: str, status: int, said: str) -> None:
    answer = inbox.http.get(path)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(said)


def test_oversized_messages_are_refused_and_the_next_is_taken(inbox: RunningInbox) -> None:
    line = b"x" * 998 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as client:
        # Without the size in advance, by which it would be refused at once.
        client.ehlo()
        client.mail("a@example.com")
        client.rcpt("b@example.com")
        assert client.data(line * (MAX_MESSAGE_BYTES // len(line) + 1))[0] == 552
        with pytest.raises(smtplib.SMTPSenderRefused) as announced:
            client.sendmail("a@example.com", "b@example.com", line * (MAX_MESSAGE_BYTES // len(line) + 1))
        assert announced.value.smtp_code == 552
        client.sendmail("a@example.com", "b@example.com", b"Subject: small\r\n\r\n")
    post = json.dumps({"text": "x" * MAX_MESSAGE_BYTES})
    assert inbox.http.post("/slack", content=post).status_code == 413
    assert inbox.http.post("/slack", content=iter([post[:1000].encode(), post[1000:].encode()])).status_code == 413
    assert [message["title"] for message in inbox.found()] == ["small"]


def test_a_message_of_the_full_size_is_taken(inbox: RunningInbox) -> None:
    inbox.post({"text": "y" * (MAX_MESSAGE_BYTES - 100)})
    assert len(inbox.page(f"/messages/{inbox.newest()['id']}")) > MAX_MESSAGE_BYTES - 100
    assert inbox.found(text="yyyy")


def test_senders_that_hang_up_or_talk_nonsense_harm_nobody(inbox: RunningInbox) -> None:
    mail_port, web_port = inbox.smtp_port, inbox.http_port
    for port, said in [
        (mail_port, b""),
        (mail_port, b"\x00\xff\r\n" * 50),
        (mail_port, b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: cut o"),
        (mail_port, b"EHLO " + b"x" * 100_000),
        (web_port, b"\x16\x03\x01\x00"),
        (web_port, b"POST /slack HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"),
        (web_port, b"GET /" + b"x" * 200_000),
    ]:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(said)
    inbox.send(mail("still here"))
    assert [message["title"] for message in inbox.found()] == ["still here"]
    assert "Traceback" not in inbox.log.read_text()


def test_many_senders_at_once_lose_nothing(inbox: RunningInbox) -> None:
    def send(number: int) -> None:
        inbox.send(mail(f"mail {number}"))
        inbox.post({"text": f"post {number}"})

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send, range(100)))
    titles = sorted(message["title"] for message in inbox.found(limit="1000"))
    assert titles == sorted(f"{kind} {number}" for kind in ("mail", "post") for number in range(100))


def test_only_this_machine_is_served(inbox: RunningInbox) -> None:
    listening = [item.laddr for item in psutil.Process(inbox.process.pid).net_connections() if item.status == "LISTEN"]
    assert sorted(listening) == sorted([("127.0.0.1", inbox.smtp_port), ("127.0.0.1", inbox.http_port)])
    assert inbox.http.get("/", headers={"host": "evil.example"}).status_code == 400
    assert "access-control-allow-origin" not in inbox.http.get("/api/messages").headers


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_messages_survive_a_restart(tmp_path: Path, end: signal.Signals) -> None:
    inbox = RunningInbox(tmp_path / "messages")
    try:
        inbox.send(mail("kept"))
        inbox.post({"text": "kept as well"})
        before = inbox.found()
        os.kill(inbox.process.pid, end)
        inbox.process.wait(timeout=10)
        inbox.start()
        assert inbox.found() == before
        inbox.http.delete("/api/messages")
        inbox.post({"text": "new"})
        assert inbox.found()[0]["id"] > before[0]["id"], "a number was used again"
    finally:
        inbox.close()


def test_the_oldest_messages_make_room(tmp_path: Path) -> None:
    def add(store: Store, title: str, size: int) -> None:
        store.add("mail", sender="", recipients=(), title=title, text="", raw=b"x" * size)

    store = Store(tmp_path, max_messages=3, max_total_bytes=1_000_000)
    for number in range(5):
        add(store, f"small {number}", 10)
    assert [message.title for message in store.find(Query(), 10)] == ["small 4", "small 3", "small 2"]
    add(store, "large", 600_000)
    add(store, "larger", 700_000)
    assert [message.title for message in store.find(Query(), 10)] == ["larger"]
    store.clear()
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 100_000, "what is dropped is not given back"


@pytest.mark.parametrize(
    ("file", "port", "said"),
    [
        (b"not SQLite" * 100, "free", "cannot use .*not a database"),
        (b"", "taken", "cannot listen on port .*in use"),
        (b"", "impossible", "cannot listen on port 65536 .*must be 0-65535"),
    ],
    ids=["file", "taken port", "impossible port"],
)  # fmt: skip
def test_what_keeps_it_from_starting_is_said(tmp_path: Path, file: bytes, port: str, said: str) -> None:
    (tmp_path / "messages.sqlite").write_bytes(file)
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = {"free": 0, "taken": server.getsockname()[1], "impossible": 65536}[port]
        options = ["--smtp-port", str(number), "--http-port", "0", "--runbooks", str(RUNBOOKS)]
        options += ["--alertmanager", "http://127.0.0.1:9", "--prometheus", "http://127.0.0.1:9"]
        command = [sys.executable, "-m", "lab.inbox", str(tmp_path), *options]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert re.search(said, ended.stderr)
    assert "Traceback" not in ended.stderr


def test_no_answer_may_be_framed_or_scripted_by_others(inbox: RunningInbox) -> None:
    message = mail()
    message.set_content("<script>alert(1)</script>", "html")
    inbox.send(message)
    number = inbox.newest()["id"]
    for path in (
        "/",
        "/runbooks/Watchdog",
        f"/messages/{number}",
        f"/messages/{number}/raw",
        "/nowhere",
        "/static/inbox.js",
    ):
        answer = inbox.http.get(path)
        assert "script-src 'self';" in answer.headers["content-security-policy"], path
        assert answer.headers["x-content-type-options"] == "nosniff", path
    framed = inbox.http.get(f"/messages/{number}/html").headers["content-security-policy"]
    assert framed.startswith("sandbox allow-popups")
    assert "allow-scripts" not in framed
