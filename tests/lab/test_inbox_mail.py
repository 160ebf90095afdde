"""The inbox's mail side, and whatever senders may do to it: it can always be read, and never harms the inbox."""

import pytest

from tests.lab.running_inbox import RunningInbox


def raw_mail(headers: bytes = b"Subject: odd", body: bytes = b"body") -> bytes:
    return headers.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


def nested(depth: int) -> bytes:
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return b"Subject: odd\r\n" + parts + b"\r\nbottom\r\n"


def typed(content_type: bytes, body: bytes) -> bytes:
    return raw_mail(b"Subject: odd\nContent-Type: " + content_type, body)


LOST = "\N{REPLACEMENT CHARACTER}"
MAILS = {
    "empty": (b"\r\n", "", ""),
    "no headers": (b"no header at all\r\n", "", "no header at all"),
    "raw UTF-8 in a header": (raw_mail("Subject: roh ü".encode()), "roh ü", "body"),
    "raw Latin-1 in a header": (raw_mail(b"Subject: \xfc"), LOST, "body"),
    "header injection": (raw_mail(b"Subject: =?utf-8?q?a=0D=0ABcc:_x?="), "a Bcc: x", "body"),
    "unknown charset in a header": (raw_mail(b"Subject: =?utf-8?b?w7w=?= =?wat?q?=FF?="), f"ü{LOST}", "body"),
    "bad base64 in a header": (raw_mail(b"Subject: =?utf-8?b?A?="), "=?utf-8?b?A?=", "body"),
    "folded header": (raw_mail(b"Subject: a\n  folded\n\tthrice"), "a folded thrice", "body"),
    "huge header": (raw_mail(b"Subject: " + b"long\n " * 100_000), "long " * 99 + "long", "body"),
    "very many headers": (raw_mail(b"X-A: b\n" * 100_000 + b"Subject: last"), "last", "body"),
    "unknown charset": (typed(b"text/plain; charset=klingon", "ü".encode()), "odd", "ü"),
    "a charset that holds no text": (typed(b"text/plain; charset=hex", b"ff"), "odd", "ff"),
    "a charset in the long form": (typed(b"text/plain; charset*=x'y'latin-1", b"\xfc"), "odd", "ü"),
    "Latin-1": (typed(b"text/plain; charset=latin-1", b"\xfc"), "odd", "ü"),
    "half a surrogate pair": (typed(b"text/plain; charset=unicode_escape", b"\\ud800!"), "odd", "?!"),
    "no boundary": (typed(b"multipart/mixed", b"loose"), "odd", "loose"),
    "broken HTML": (typed(b"text/html", b"<![" * 300 + b"<p>x"), "odd", ""),
    "deep HTML": (typed(b"text/html", b"<div>\r\n" * 100_000), "odd", ""),
    "bad base64": (raw_mail(b"Subject: odd\nContent-Transfer-Encoding: base64", b"Zm9v*"), "odd", "foo"),
    "a name in an unknown charset": (
        raw_mail(b"Subject: odd\nContent-Disposition: attachment; filename*=klingon''%FF"),
        "odd",
        "",
    ),
    "deep MIME": (nested(5_000), "odd", "The structure of this message cannot be read"),
    "control characters": (raw_mail(b"Subject: odd", b"nul \x00 bell \x07"), "odd", "nul \x00 bell \x07"),
}


@pytest.mark.parametrize(("raw", "title", "text"), MAILS.values(), ids=MAILS)
def test_whatever_a_mail_is_like_it_can_be_read(inbox: RunningInbox, raw: bytes, title: str, text: str) -> None:
    inbox.send(raw)
    found = inbox.newest()
    assert found["title"] == title
    assert found["text"].startswith(text)
    for view in ("html", "text", "headers", "source"):
        inbox.page(f"/messages/{found['id']}?view={view}")
    for number in range(1, len(found["attachments"]) + 1):
        assert inbox.http.get(f"/messages/{found['id']}/attachments/{number}").status_code == 200
    assert inbox.http.get(f"/messages/{found['id']}/html").status_code == 200
