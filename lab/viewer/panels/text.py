"""Text: Markdown, without HTML."""

from dash import dcc

from lab.viewer.panels.content import Content, View
from lab.viewer.variables import replaced


def content(view: View) -> Content:
    """Return the text with the variables in their places."""
    options = view.panel.options
    if options.get("mode", "markdown") != "markdown":
        return Content.problem(f"The viewer shows Markdown, and this text is {options['mode']}.")
    # Variables hold what anybody may have put into an address or a label: they stay words.
    text = replaced(options.get("content", ""), view.words, _literal)
    return Content("ready", [dcc.Markdown(text, className="markdown", link_target="_blank")])


def _literal(words: str) -> str:
    return "".join(letter if letter.isalnum() or letter == " " else f"&#{ord(letter)};" for letter in words)
