"""Colors: Grafana's, by its names."""

import re
from collections.abc import Mapping

# Dark, semi-dark, plain, light and super-light.
SHADES = ("dark-", "semi-dark-", "", "light-", "super-light-")
HUES = {
    "red": ("#c4162a", "#e02f44", "#f2495c", "#ff7383", "#ffa6b0"),
    "orange": ("#fa6400", "#ff780a", "#ff9830", "#ffb357", "#ffcb7d"),
    "yellow": ("#e0b400", "#f2cc0c", "#fade2a", "#ffee52", "#fff899"),
    "green": ("#37872d", "#56a64b", "#73bf69", "#96d98d", "#c8f2c2"),
    "blue": ("#1f60c4", "#3274d9", "#5794f2", "#8ab8ff", "#c0d8ff"),
    "purple": ("#8f3bb8", "#a352cc", "#b877d9", "#ca95e5", "#deb6f2"),
}
TEXT, FAINT, LINES, GROUND = "#ccccdc", "#9d9fa8", "#2c3036", "#181b1f"
NAMED: Mapping[str, str] = {
    **{f"{shade}{hue}": color for hue, row in HUES.items() for shade, color in zip(SHADES, row, strict=True)},
    "text": TEXT,
    "white": "#ffffff",
    "black": "#000000",
    "gray": "#808080",
    "transparent": "rgba(0,0,0,0)",
}
PALETTE = tuple(
    NAMED[name]
    for name in (
        *("green", "semi-dark-yellow", "light-blue", "semi-dark-orange", "red", "blue", "purple", "dark-purple"),
        *("dark-green", "yellow", "super-light-blue", "light-orange", "light-red", "dark-blue", "light-purple"),
        *("super-light-green", "dark-yellow", "semi-dark-blue", "super-light-orange", "semi-dark-red"),
    )
)
HEX = re.compile(r"#[0-9a-fA-F]{6}")


def css(name: str) -> str:
    """Return a color for a style; that of text for a name that is not known."""
    return NAMED.get(name) or (name if HEX.fullmatch(name) else TEXT)


def faded(color: str, share: float) -> str:
    """Return a color through which what lies behind it shines."""
    if not HEX.fullmatch(color):
        return color
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"
