"""Tables: the answers to a panel's queries as rows and columns, joined and put in order by its transformations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.viewer.dashboards import Json, Panel
from lab.viewer.prometheus import Series

TIME, VALUE = "Time", "Value"
Cell = str | float | None


@dataclass(frozen=True)
class Table:
    """Columns by name, and rows that may lack some of them."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]


def table_of(panel: Panel, answers: Sequence[tuple[Json, Sequence[Series]]]) -> Table:
    """Return the table that a panel shows."""
    value_names = [VALUE if len(answers) == 1 else f"{VALUE} #{target['refId']}" for target, _ in answers]
    tables = [_raw(series, name) for (_, series), name in zip(answers, value_names, strict=True)]
    kinds = [transformation["id"] for transformation in panel.transformations]
    # Grafana shows one table of several, unless they are merged.
    table = _merged(tables) if "merge" in kinds else tables[0]
    for transformation in panel.transformations:
        if transformation["id"] == "organize":
            table = _organized(table, transformation.get("options", {}))
    for order in reversed(panel.options.get("sortBy") or ()):
        column = order["displayName"]
        known, unknown = ([row for row in table.rows if (row.get(column) is None) is lacks] for lacks in (False, True))
        known.sort(key=lambda row: _sortable(row[column]), reverse=bool(order.get("desc")))
        table = Table(table.columns, [*known, *unknown])
    return table


def _raw(series: Sequence[Series], value_name: str) -> Table:
    labels = sorted({label for one in series for label in one.labels})
    rows = [{TIME: one.times[-1] * 1000, **one.labels, value_name: one.values[-1]} for one in series if one.times]
    return Table([TIME, *labels, value_name], rows)


def _merged(tables: Sequence[Table]) -> Table:
    """Join rows that are equal in all columns which the tables have in common."""
    filled = [table for table in tables if table.rows]
    if not filled:
        return tables[0]
    shared = set.intersection(*(set(table.columns) for table in filled))
    columns = list(dict.fromkeys(column for table in filled for column in table.columns))
    rows: dict[tuple[Cell, ...], list[dict[str, Cell]]] = {}
    for table in filled:
        for row in table.rows:
            alike = rows.setdefault(tuple(row.get(column) for column in sorted(shared)), [])
            partner = next(
                (one for one in alike if all(one.get(name, cell) == cell for name, cell in row.items())), None
            )
            if partner is None:
                alike.append(dict(row))
            else:
                partner.update(row)
    return Table(columns, [row for alike in rows.values() for row in alike])


def _organized(table: Table, options: Json) -> Table:
    excluded = {name for name, is_excluded in options.get("excludeByName", {}).items() if is_excluded}
    places = options.get("indexByName", {})
    kept = [column for column in table.columns if column not in excluded]
    kept.sort(key=lambda column: places.get(column, len(places)))
    names = {column: options.get("renameByName", {}).get(column) or column for column in kept}
    rows = [{name: row[column] for column, name in names.items() if column in row} for row in table.rows]
    return Table(list(names.values()), rows)


def _sortable(cell: Cell) -> tuple[bool, str | float]:
    return (True, cell.lower()) if isinstance(cell, str) else (False, cell or 0)
