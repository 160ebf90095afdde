"""Runbooks: pages of Markdown in one folder, a page an alert, as HTML for the one who got the alert's message."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from lab.errors import LabError
from lab.inbox.slack import safe_link

# Where the web side serves them; the annotation `runbook_url` of each alert leads there.
ADDRESS = "/runbooks"


@dataclass(frozen=True)
class Runbook:
    """One page: the alert's name, the first paragraph as plain words, and all of it as HTML."""

    name: str
    summary: str
    html: Markup


def prose(text: str) -> Markup:
    """Return a paragraph of Markdown as HTML."""
    return Markup(MarkdownIt("commonmark", {"html": False}).renderInline(text.strip()))  # noqa: S704 - it is escaped


class Runbooks:
    """The pages of a folder, read anew each time: an edited one shows at once."""

    def __init__(self, folder: Path) -> None:
        """See the class.

        Raises:
            LabError: the folder has no page.

        """
        self._folder = folder
        self._markdown = MarkdownIt("gfm-like", {"html": False}).disable("image")
        if self._markdown.linkify:
            # A whole address is a link; a word with a dot in it is a file.
            self._markdown.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
        if not self.names():
            raise LabError(f"There are no runbooks, which are files NAME.md, in {folder}.")

    def names(self) -> list[str]:
        """Return the names of all pages, in order."""
        return sorted(path.stem for path in self._folder.glob("*.md"))

    def all(self) -> list[Runbook]:
        """Return all pages, in order."""
        return [self._read(name) for name in self.names()]

    def find(self, name: str) -> Runbook | None:
        """Return the page of this name; None for whatever is not the name of a page, such as a path."""
        return self._read(name) if name in self.names() else None

    def _read(self, name: str) -> Runbook:
        text = (self._folder / f"{name}.md").read_text(encoding="utf-8", errors="replace")
        tokens = self._markdown.parse(text)
        others = set(self.names()) - {name}
        summary = ""
        for before, inline in pairwise(tokens):
            words = _words(inline.children or ())
            if before.type == "heading_open":
                before.attrSet("id", _anchor(words))
            elif before.type == "paragraph_open" and not summary:
                summary = words
            if inline.children:
                inline.children = list(_linked(inline.children, others))
        html = self._markdown.renderer.render(tokens, self._markdown.options, {})
        return Runbook(name, summary, Markup(html))  # noqa: S704 - the renderer escapes what the file says


def _words(tokens: Iterable[Token]) -> str:
    return "".join(" " if token.type == "softbreak" else token.content for token in tokens)


def _anchor(words: str) -> str:
    """Return a heading's id as GitHub makes it."""
    return re.sub(r"[^\w-]", "", words.lower().replace(" ", "-"))


def _linked(tokens: Iterable[Token], others: set[str]) -> Iterator[Token]:
    """Lead each link to where a reader of the inbox gets to, and make one of each name of another page."""
    tag = ""  # of the link that is open
    for token in tokens:
        if token.type == "link_open":
            attributes = _attributes(str(token.attrGet("href")), others)
            tag = "a" if "href" in attributes else "span"
            yield Token("link_open", tag, 1, attrs=dict(attributes))
        elif token.type == "link_close":
            yield Token("link_close", tag, -1)
            tag = ""
        elif token.type == "code_inline" and token.content in others and not tag:
            yield Token("link_open", "a", 1, attrs={"href": f"{ADDRESS}/{token.content}"})
            yield token
            yield Token("link_close", "a", -1)
        else:
            yield token


def _attributes(address: str, others: set[str]) -> dict[str, str]:
    if safe_link(address):
        return {"href": address, "target": "_blank", "rel": "noreferrer"}
    path, _, heading = address.partition("#")
    if not path:
        return {"href": address}
    if path.removesuffix(".md") in others:
        return {"href": f"{ADDRESS}/{path.removesuffix('.md')}{'#' if heading else ''}{heading}"}
    # A file of the repository, which the inbox does not have: it is said where that is.
    return {"title": re.sub(r"^(\.\./)+", "", path)}
