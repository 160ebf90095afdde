"""Bar gauge: a bar for each series, in the color of its threshold."""

from dash import html

from lab.viewer import colors
from lab.viewer.panels.content import Content, Named, View, linked


def content(view: View) -> Content:
    """Return a row for every series: its name, its bar and its value."""
    named = view.named()
    if not named:
        return Content.nothing(view.panel)
    values = [value for one in named if (value := one.reduced(view.panel)) is not None]
    rows = [_row(view, one, (min(values, default=0), max(values, default=0))) for one in named]
    return Content("ready", [html.Div(rows, className="bars")])


def _row(view: View, one: Named, extremes: tuple[float, float]) -> html.Div:
    value = one.reduced(view.panel)
    shown = one.field.shown(value, one.place)
    low = one.field.low if one.field.low is not None else min(extremes[0], 0)
    high = one.field.high if one.field.high is not None else extremes[1]
    share = min(max(((value or 0) - low) / (high - low), 0), 1) if high > low else 0
    fill = {"width": f"{share:.1%}", "background": colors.faded(shown.color, 0.35), "borderColor": shown.color}
    return html.Div(
        [
            html.Div(one.name, className="name", title=one.name),
            html.Div(html.Div(className="fill", style=fill), className="track"),
            html.Div(
                linked(shown.text, one.field, one.about(view.choice, value)),
                className="value",
                style={"color": shown.color},
            ),
        ],
        className="bar",
    )
