"""Slack messages: what was posted to the incoming webhook, as typed objects, and Slack's markup as HTML.

The shapes are those of https://docs.slack.dev/messaging/formatting-message-text: attachments, which Alertmanager
sends, and the plainer blocks. What Slack would not show is ignored.
"""

import html
import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from markupsafe import Markup, escape
from pydantic import BaseModel, ConfigDict, Field, model_validator

COLORS = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
NO_COLOR = "#dddddd"
LINK_SCHEMES = ("http://", "https://", "mailto:")
MENTIONS = ("@", "#", "!")


class UnusablePostError(Exception):
    """A post that is no message. The text is what Slack answers then."""


class _Part(BaseModel):
    """Numbers are taken for texts, null for nothing, and unknown names are ignored, as by Slack."""

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, value: Any) -> Any:
        return {key: part for key, part in value.items() if part is not None} if isinstance(value, dict) else value


class Text(_Part):
    """A text object of a block. `type` is mrkdwn or plain_text."""

    type: str = "mrkdwn"
    text: str = ""


class Element(_Part):
    """A button, a text or an image."""

    text: str | Text = ""
    url: str = ""
    style: str = ""
    alt_text: str = ""

    @property
    def words(self) -> str:
        """What is written on it."""
        return (self.text.text if isinstance(self.text, Text) else self.text) or self.alt_text


class Block(_Part):
    """One block: header, section, context, actions or divider. Of any other kind, its type is shown."""

    type: str
    text: Text | None = None
    fields: list[Text] = []
    elements: list[Element] = []


class AttachmentField(_Part):
    """One title and value in the table of an attachment; short ones stand two in a row."""

    title: str = ""
    value: str = ""
    short: bool = False


class Attachment(_Part):
    """What has a color bar at its left."""

    fallback: str = ""
    color: str = ""
    pretext: str = ""
    author_name: str = ""
    author_link: str = ""
    title: str = ""
    title_link: str = ""
    text: str = ""
    fields: list[AttachmentField] = []
    actions: list[Element] = []
    blocks: list[Block] = []
    footer: str = ""
    ts: float | None = Field(default=None, ge=0, le=253402300799)  # the last second of the year 9999

    @property
    def bar(self) -> str:
        """The color of the bar, as #rrggbb or #rgb."""
        color = COLORS.get(self.color, self.color)
        color = color if color.startswith("#") else f"#{color}"
        return color if re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", color) else NO_COLOR

    @property
    def time(self) -> datetime | None:
        """When what is told happened, if the sender says so."""
        return None if self.ts is None else datetime.fromtimestamp(self.ts, UTC)


class Post(_Part):
    """One message to the webhook."""

    text: str = ""
    username: str = ""
    channel: str = ""
    blocks: list[Block] = []
    attachments: list[Attachment] = []

    @property
    def texts(self) -> list[str]:
        """Every text in it, in the order in which it is read, as plain words."""
        found = [self.text, *_block_texts(self.blocks)]
        for part in self.attachments:
            found += [part.pretext, part.author_name, part.title, part.text, *_block_texts(part.blocks)]
            found += [text for field in part.fields for text in (field.title, field.value)]
            found += [*(action.words for action in part.actions), part.footer]
        if not any(found):
            found = [part.fallback for part in self.attachments]
        return [html.unescape(_TAG.sub("", mrkdwn(text))) for text in found if text]

    @property
    def title(self) -> str:
        """What a list shows of it: the first line."""
        return self.texts[0].strip().split("\n")[0]


def parse(raw: bytes) -> Post:
    """Read a post.

    Raises:
        UnusablePostError: it is no JSON, not of Slack's shape, or empty.
    """
    try:
        post = Post.model_validate(payload_of(raw))
    except (ValueError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        raise UnusablePostError("invalid_payload") from error
    if not post.texts:
        raise UnusablePostError("no_text")
    return post


def payload_of(raw: bytes) -> Any:
    """Return the JSON of a post, free of what no other JSON reader takes: NaN, halves of surrogate pairs."""
    lenient = json.loads(raw)
    return json.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"), parse_constant=_refuse)


def plain(text: str) -> str:
    """Return a text that Slack does not style: its links as their words, without escapes."""
    return _unescaped(re.sub(r"<([^<>\n]+)>", lambda match: _link(match[1])[1], text))


def mrkdwn(text: str) -> Markup:
    """Return Slack's markup as HTML: links, mentions, code, quotes, bold, italic, struck. Line ends stay."""
    pieces: list[Markup] = []
    position = 0
    for match in _MARKUP.finditer(text):
        pieces += [escape(_unescaped(text[position : match.start()])), _element(match)]
        position = match.end()
    return Markup("").join([*pieces, escape(_unescaped(text[position:]))])


def safe_link(url: str) -> str:
    """Return the address if a person may follow it, else nothing."""
    return url if url.lower().startswith(LINK_SCHEMES) else ""


_TAG = re.compile(r"<[^>]*>")  # of our own HTML, in which no value holds a >
_MARKUP = re.compile(
    r"""
    ```\n?(?P<block>.+?)```\n?
    | `(?P<code>[^`\n]+)`
    | <(?P<link>[^<>\n]+)>
    | ^(?:(?:&gt;|>)\ ?)+(?P<quote>[^\n]*)(?:\n|\Z)
    | (?<![\w*])\*(?=\S)(?P<bold>[^*\n]+)(?<=\S)\*(?![\w*])
    | (?<![\w_])_(?=\S)(?P<italic>[^_\n]+)(?<=\S)_(?![\w_])
    | (?<![\w~])~(?=\S)(?P<struck>[^~\n]+)(?<=\S)~(?![\w~])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_VERBATIM = {"block": Markup("<pre>{}</pre>"), "code": Markup("<code>{}</code>")}
_STYLED = {
    "quote": Markup("<blockquote>{}</blockquote>"),
    "bold": Markup("<b>{}</b>"),
    "italic": Markup("<i>{}</i>"),
    "struck": Markup("<s>{}</s>"),
}


def _element(match: re.Match[str]) -> Markup:
    name = match.lastgroup or ""
    content = match[name]
    if name in _VERBATIM:
        return _VERBATIM[name].format(plain(content))
    if name in _STYLED:
        return _STYLED[name].format(mrkdwn(content))
    url, words = _link(content)
    if url:
        return Markup('<a href="{}" target="_blank" rel="noreferrer">{}</a>').format(_unescaped(url), _unescaped(words))
    if content.startswith(MENTIONS):
        return Markup('<span class="mention">{}</span>').format(_unescaped(words))
    return escape(_unescaped(words))


def _link(content: str) -> tuple[str, str]:
    """Return address and words of the inside of <…>: `url|text`, `url`, `@U1`, `#C1|general`, `!here`, or neither.

    A mention has no address.
    """
    address, _, words = content.partition("|")
    if safe_link(address):
        return address, words or address
    if address.startswith(MENTIONS):
        sign = "#" if address.startswith("#") else "@"
        return "", f"{sign}{words.removeprefix(sign) or address[1:]}"
    return "", f"<{content}>"


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _block_texts(blocks: list[Block]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        found += [block.text.text] if block.text else []
        found += [*(text.text for text in block.fields), *(element.words for element in block.elements)]
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
