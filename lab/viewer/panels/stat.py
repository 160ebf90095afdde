"""Stat: single values, large, in the color of their threshold or on it."""

from dash import html

from lab.viewer import colors
from lab.viewer.panels.content import Content, Named, View, linked

# So bright a ground wants dark letters. Of 255.
BRIGHT = 140
LEAST_LETTERS = 3


def content(view: View) -> Content:
    """Return a tile for every series."""
    named = view.named()
    if not named:
        return Content.nothing(view.panel)
    mode = view.panel.options.get("textMode", "auto")
    has_name = mode in {"value_and_name", "name"} or (mode == "auto" and len(named) > 1)
    tiles = [_tile(view, one, has_name=has_name) for one in named]
    # All are written as large as the longest value allows.
    letters = max(LEAST_LETTERS, *(len(one.field.shown(one.reduced(view.panel)).text) for one in named))
    return Content("ready", [html.Div(tiles, className="stats", style={"--letters": letters})])


def _tile(view: View, one: Named, *, has_name: bool) -> html.Div:
    value = one.reduced(view.panel)
    shown = one.field.shown(value, one.place)
    is_filled = view.panel.options.get("colorMode") == "background"
    ink = ("#000000b3" if _brightness(shown.color) > BRIGHT else "#ffffff") if is_filled else shown.color
    style = {"color": ink, **({"background": shown.color} if is_filled else {})}
    value_text = linked(shown.text, one.field, one.about(view.choice, value))
    return html.Div(
        [
            *([html.Div(one.name, className="name", title=one.name)] if has_name else []),
            *([html.Div(value_text, className="value")] if view.panel.options.get("textMode") != "name" else []),
        ],
        className="stat named" if has_name else "stat",
        style=style,
    )


def _brightness(color: str) -> float:
    if not colors.HEX.fullmatch(color):
        return 0
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue  # as the eye weighs them (ITU-R BT.601)
