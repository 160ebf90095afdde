"""Links: addresses in which a range, variables and values have their place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from lab.viewer.tables import Cell
from lab.viewer.units import number
from lab.viewer.variables import Choice

# ${__data.fields.Name}, ${__data.fields["Two words"]}, ${__field.labels.dag_id}, ${__value.raw}, ${__url_time_range}, …
MACRO = re.compile(r"\$\{(?P<path>__[\w.]+)(?:\[\"(?P<key>[^\"]*)\"\])?(?::\w+)?\}")
SCHEMES = {"", "http", "https"}


@dataclass(frozen=True)
class About:
    """What a link is about: the row, the series and the value that it belongs to."""

    choice: Choice
    row: Mapping[str, Cell] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    value: Cell = None

    def address(self, template: str) -> str | None:
        """Return the address with everything in its place; None if it is none that a browser should open."""
        address = MACRO.sub(lambda macro: self._value(macro, at_start=macro.start() == 0), template)
        try:
            parts = urlsplit(address)
        except ValueError:
            return None
        return address if parts.scheme.lower() in SCHEMES and (parts.netloc or address.startswith("/")) else None

    def _value(self, macro: re.Match[str], *, at_start: bool) -> str:
        path, key = macro["path"], macro["key"]
        if path == "__url_time_range":
            return urlencode(self.choice.times())
        if path == "__all_variables":
            return urlencode(self.choice.variables())
        value = self._of(path, key)
        # A value in an address must not end its path or begin another parameter; one that is the address may.
        return value if at_start else quote(value, safe="")

    def _of(self, path: str, key: str | None) -> str:
        for prefix, values in (("__data.fields", self.row), ("__field.labels", self.labels)):
            if path == prefix or path.startswith(f"{prefix}."):
                return _text(values.get(key if key is not None else path[len(prefix) + 1 :]))
        if path in {"__field.name", "__series.name"}:
            return self.name
        return _text(self.value) if path.startswith("__value") else ""


def _text(cell: Cell) -> str:
    return number(cell) if isinstance(cell, float) else cell or ""
