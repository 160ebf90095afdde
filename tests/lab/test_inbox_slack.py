"""The inbox's Slack side: posts as their senders make them, drawn as Slack draws them."""

from typing import Any

import pytest

from tests.lab.running_inbox import RunningInbox

ELSEWHERE = ' target="_blank" rel="noreferrer"'
# Recorded: what Alertmanager 0.25 posted for a receiver with title, text, fields and a button.
ALERTMANAGER: dict[str, Any] = {
    "channel": "#data-alerts",
    "username": "Alertmanager",
    "attachments": [
        {
            "title": "[FIRING] TaskFailed",
            "title_link": "http://127.0.0.1:9093",
            "text": "*check_raw_orders of orders_pipeline failed*\n1 failure in 5 minutes & <nothing> was retried.\n"
            "<http://127.0.0.1/runbooks/TaskFailed|Runbook> · <http://127.0.0.1:3000/d/pipelines|Dashboard>\n",
            "fallback": "[FIRING:1] TaskFailed (orders_pipeline warning check_raw_orders) | http://127.0.0.1:9093/#/alerts",
            "callback_id": "",
            "fields": [
                {"title": "DAG", "value": "orders_pipeline", "short": True},
                {"title": "Task", "value": "check_raw_orders", "short": True},
            ],
            "actions": [{"type": "button", "text": "Runbook", "url": "http://127.0.0.1/runbook"}],
            "footer": "",
            "color": "danger",
            "mrkdwn_in": ["fallback", "pretext", "text"],
        }
    ],
}


def test_an_alert_is_drawn_as_slack_draws_it(inbox: RunningInbox) -> None:
    inbox.post(ALERTMANAGER)
    found = inbox.newest()
    assert (found["sender"], found["recipients"]) == ("Alertmanager", ["#data-alerts"])
    assert found["title"] == "[FIRING] TaskFailed"
    assert found["payload"] == ALERTMANAGER
    assert "check_raw_orders of orders_pipeline failed\n1 failure in 5 minutes & <nothing> was" in found["text"]
    drawn = inbox.page(f"/messages/{found['id']}")
    for part in (
        'fill="#e01e5a"',
        '<a class="" href="http://127.0.0.1:9093" target="_blank" rel="noreferrer">[FIRING] TaskFailed</a>',
        "<b>check_raw_orders of orders_pipeline failed</b>\n1 failure in 5 minutes &amp; &lt;nothing&gt; was retried.",
        '<a href="http://127.0.0.1/runbooks/TaskFailed" target="_blank" rel="noreferrer">Runbook</a> · ',
        '<div class="short"><b>DAG</b><div class="mrkdwn">orders_pipeline</div></div>',
        'href="http://127.0.0.1/runbook" target="_blank" rel="noreferrer">Runbook</a>',
    ):
        assert part in drawn


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("plain", "plain"),
        ("*bold* _italic_ ~struck~ `code`", "<b>bold</b> <i>italic</i> <s>struck</s> <code>code</code>"),
        ("*_both_*", "<b><i>both</i></b>"),
        ("check_raw_orders 2*3*4 a * b *", "check_raw_orders 2*3*4 a * b *"),
        ("```*not* <http://a.b|styled>```", "<pre>*not* styled</pre>"),
        ("&gt; quoted\n> again\nnot", "<blockquote>quoted</blockquote><blockquote>again</blockquote>not"),
        (">" * 3000 + "deep", "<blockquote>deep</blockquote>"),
        ("*<https://a.b/?x=1&amp;y=2|a & b>*", f'<b><a href="https://a.b/?x=1&amp;y=2"{ELSEWHERE}>a &amp; b</a></b>'),
        ("<mailto:a@b.c>", f'<a href="mailto:a@b.c"{ELSEWHERE}>mailto:a@b.c</a>'),
        ("<!here> <@U1>", '<span class="mention">@here</span> <span class="mention">@U1</span>'),
        ("<#C1|data>", '<span class="mention">#data</span>'),
        ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
    ],
)
def test_slacks_markup(inbox: RunningInbox, written: str, drawn: str) -> None:
    inbox.post({"text": written})
    assert drawn in inbox.page(f"/messages/{inbox.newest()['id']}")


def test_blocks_are_drawn_and_unknown_ones_named(inbox: RunningInbox) -> None:
    inbox.post(
        {
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "ETL finished"}},
                {"type": "section", "text": None, "fields": [{"type": "mrkdwn", "text": "*Rows*\n48,559"}]},
                {"type": "actions", "elements": [{"type": "button", "text": {"text": "Run"}, "url": "http://a.b"}]},
                {"type": "video", "video_url": "http://a.b"},
            ]
        }
    )
    assert inbox.newest()["title"] == "ETL finished"
    drawn = inbox.page(f"/messages/{inbox.newest()['id']}")
    for part in ("<h2>ETL finished</h2>", "<b>Rows</b>\n48,559", 'href="http://a.b"', "[video]"):
        assert part in drawn


@pytest.mark.parametrize(
    ("content_type", "body", "title"),
    [
        ("application/json", '{"text": "Grüße"}', "Grüße"),
        ("application/x-www-form-urlencoded", "payload=%7B%22text%22%3A%20%22by+form%22%7D", "by form"),
        ("application/x-www-form-urlencoded", '{"text": "by curl -d"}', "by curl -d"),
        ("application/json", '{"attachments": [{"fallback": "spare", "color": 7, "ts": null}]}', "spare"),
        ("application/json", '{"text": "half \\ud800 pair"}', "half ? pair"),
    ],
)
def test_what_senders_of_slack_posts_do(inbox: RunningInbox, content_type: str, body: str, title: str) -> None:
    answer = inbox.http.post("/slack", content=body.encode(), headers={"content-type": content_type})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert inbox.newest()["title"] == title
    inbox.page(f"/messages/{inbox.newest()['id']}?view=source")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "invalid_payload"),
        (b"\xff\xfe\x00", "invalid_payload"),
        (b"[]", "invalid_payload"),
        (b'{"attachments": 7}', "invalid_payload"),
        (b'{"attachments": [{"text": "x", "ts": 1e300}]}', "invalid_payload"),
        (b'{"text": "x", "more": NaN}', "invalid_payload"),
        (b'{"text": "x", "more": ' + b"[" * 100_000, "invalid_payload"),
        (b'{"text": "x", "more": ' + b"9" * 10_000 + b"}", "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"attachments": [{}]}', "no_text"),
    ],
)
def test_a_post_that_is_no_message_is_refused_as_by_slack(inbox: RunningInbox, body: bytes, said: str) -> None:
    answer = inbox.http.post("/slack", content=body)
    assert (answer.status_code, answer.text) == (400, said)
    assert not inbox.found()
