"""Table: rows and columns with colored cells and links."""

from typing import Any

from dash import html

from lab.viewer import units
from lab.viewer.fields import Field, field_of
from lab.viewer.links import About
from lab.viewer.panels.content import Content, View, linked
from lab.viewer.tables import TIME, Cell, table_of

MOST_ROWS = 200


def content(view: View) -> Content:
    """Return the table that the panel's transformations make of the answers."""
    found = table_of(view.panel, view.answers)
    if not found.rows:
        return Content.nothing(view.panel)
    fields = {name: field_of(view.panel, name) for name in found.columns}
    shown = {name: field for name, field in fields.items() if not field.custom("hidden")}
    numeric = {name for name in shown if any(isinstance(row.get(name), float) for row in found.rows)}
    head = html.Thead(html.Tr([_heading(field, is_number=name in numeric) for name, field in shown.items()]))
    body = [
        html.Tr([_cell(field, row.get(name), About(view.choice, row=row)) for name, field in shown.items()])
        for row in found.rows[:MOST_ROWS]
    ]
    more = len(found.rows) - MOST_ROWS
    note = [html.P(f"… and {more} more rows", className="more")] if more > 0 else []
    has_head = view.panel.options.get("showHeader", True)
    return Content(
        "ready", [html.Div([html.Table([*([head] if has_head else []), html.Tbody(body)]), *note], className="table")]
    )


def _heading(field: Field, *, is_number: bool) -> html.Th:
    width = field.custom("width")
    return html.Th(
        field.name, className="number" if is_number else "", style={"width": f"{int(width)}px"} if width else {}
    )


def _cell(field: Field, cell: Cell, about: About) -> html.Td:
    if cell is None or cell == "":
        return html.Td(html.Span("-", className="none"))
    text, style = _text(field, cell)
    about = About(about.choice, row=about.row, name=field.name, value=cell)
    return html.Td(
        linked(text, field, about), className="number" if isinstance(cell, float) else "", style=style, title=text
    )


def _text(field: Field, cell: Cell) -> tuple[str, dict[str, Any]]:
    if field.name == TIME and isinstance(cell, float) and not field.unit.startswith("dateTime"):
        return units.written(cell, "dateTimeAsIso"), {}
    shown = field.shown(cell)
    kind = field.custom("cellOptions", {}).get("type", "auto")
    styles: dict[str, dict[str, Any]] = {
        "color-text": {"color": shown.color},
        "color-background": {"background": shown.color, "color": "#111217", "fontWeight": 500},
    }
    return shown.text, styles.get(kind, {})
