"""E-mails: what was received, taken apart for people. Whatever a sender did to the MIME, there is something to show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser

from bs4 import BeautifulSoup

UNREADABLE = "The structure of this message cannot be read. Its source can."
# A header block may be as large as the message. The source shows all of it.
SHOWN_HEADERS = 200
HEADER_CHARACTERS = 5_000
# Of an HTML part without a text part beside it.
SHOWN_WORDS_CHARACTERS = 200_000


@dataclass(frozen=True)
class Attachment:
    """A file in a mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """One e-mail, decoded. `text` is the text part or, where there is none, the words of the HTML part."""

    subject: str
    sender: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]
    attachments: tuple[Attachment, ...]


def parse(raw: bytes) -> Mail:
    """Take an e-mail apart. Never fails: what cannot be read is left out or replaced."""
    # The modern header classes of the email package take quadratic time on long headers: the plain ones are read here.
    headers = [(name, value[:HEADER_CHARACTERS]) for name, value in BytesHeaderParser().parsebytes(raw).raw_items()]
    first = {name.lower(): value for name, value in reversed(headers)}
    texts: list[str] = []
    htmls: list[str] = []
    attachments: list[Attachment] = []
    try:
        for part in message_from_bytes(raw).walk():
            if part.is_multipart():
                continue
            if _is_attachment(part):
                attachments.append(_attachment(part, len(attachments) + 1))
            elif part.get_content_subtype() == "html":
                htmls.append(_decoded_body(part))
            else:
                texts.append(_decoded_body(part))
    except Exception:  # noqa: BLE001 - hostile MIME finds a fault, or the bottom of the stack, in any parser
        texts = texts or [UNREADABLE]
    html = "\n".join(htmls)
    return Mail(
        subject=_decoded_header(first.get("subject", "")),
        sender=_decoded_header(first.get("from", "")),
        text="\n".join(texts) or _words_of(html),
        html=html,
        headers=tuple((name, _decoded_header(value)) for name, value in headers[:SHOWN_HEADERS]),
        attachments=tuple(attachments),
    )


def _words_of(html: str) -> str:
    # The leading tag keeps Beautiful Soup from guessing whether this is HTML at all.
    return BeautifulSoup(f"<body>{html[:SHOWN_WORDS_CHARACTERS]}", "lxml").get_text(" ", strip=True)


def _is_attachment(part: Message) -> bool:
    is_text = part.get_content_type() in ("text/html", "text/plain")
    # A multipart that has no parts is shown as it is.
    is_shown = is_text or part.get_content_maintype() == "multipart"
    return not is_shown or part.get_content_disposition() == "attachment"


def _attachment(part: Message, number: int) -> Attachment:
    try:
        name = part.get_filename()
    except (LookupError, ValueError):  # a name in an unknown or wrong charset
        name = None
    name = " ".join(_decoded_header(name or "").replace("/", " ").split())
    return Attachment(name or f"attachment {number}", part.get_content_type(), _bytes(part))


def _bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded_body(part: Message) -> str:
    charset = part.get_param("charset", "utf-8")
    text = _decoded(_bytes(part), charset if isinstance(charset, str) else charset[2])
    return text.replace("\r\n", "\n")


def _decoded_header(value: str) -> str:
    """Undo folding and encoded words. Bytes outside of ASCII, which should not be there, are taken as UTF-8."""
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    unfolded = re.sub(r"\r?\n[ \t]*", " ", text).strip()
    try:
        return "".join(_pieces(unfolded))
    except (HeaderParseError, ValueError):  # an encoded word that is not
        return unfolded


def _pieces(header: str) -> Iterator[str]:
    for piece, charset in decode_header(header):
        # What stands between encoded words comes back in Python's own escapes.
        yield piece if isinstance(piece, str) else _decoded(piece, charset or "raw-unicode-escape")


def _decoded(content: bytes, charset: str) -> str:
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):  # unknown, or no charset of texts
        text = content.decode("utf-8", "replace")
    return text.encode("utf-8", "replace").decode()  # some charsets can express halves of surrogate pairs
