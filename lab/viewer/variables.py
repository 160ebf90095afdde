"""Variables: what a person chose in the address, and its place in queries, titles and texts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from lab.viewer.dashboards import Dashboard, Json
from lab.viewer.prometheus import Prometheus
from lab.viewer.times import Range, parse_range, seconds

ALL = "$__all"
# $name, ${name}, ${name:format} and [[name]].
REFERENCE = re.compile(r"\$(?P<bare>\w+)|\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\[\[(?P<square>\w+)\]\]")
LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<metric>.+),)?\s*(?P<label>[a-zA-Z_]\w*)\s*\)", re.DOTALL)
SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")


@dataclass(frozen=True)
class Variable:
    """One variable with what is chosen of it. `allowed` is what stands for All; without it, all options do."""

    name: str
    label: str
    query: str
    options: Sequence[str]
    chosen: Sequence[str]
    multi: bool
    include_all: bool
    allowed: str
    is_hidden: bool

    def in_query(self) -> str:
        """Return it as Grafana's Prometheus data source writes it into a query: as part of a regular expression."""
        if not self.multi and not self.include_all:
            return _for_string(self.chosen[0] if self.chosen else "")
        if self.is_all and self.allowed:
            return self.allowed
        values = [_for_regex(value) for value in (self.options if self.is_all else self.chosen)]
        return values[0] if len(values) == 1 else f"({'|'.join(values)})"

    def in_words(self) -> str:
        """Return it for people."""
        return "All" if self.is_all else " + ".join(self.chosen)

    @property
    def is_all(self) -> bool:
        """Whether All is chosen."""
        return ALL in self.chosen


@dataclass(frozen=True)
class Choice:
    """All that the address says: range, refresh and variables, or the dashboard's own where it does not."""

    range: Range
    refresh: str
    values: Mapping[str, Sequence[str]]

    def is_like(self, other: "Choice") -> bool:
        """Whether another address says the same."""
        return (self.times(), self.refresh, self.values) == (other.times(), other.refresh, other.values)

    def variables(self) -> list[tuple[str, str]]:
        """Return what is chosen as parameters of an address."""
        return [(f"var-{name}", value) for name, chosen in self.values.items() for value in chosen]

    def times(self) -> list[tuple[str, str]]:
        """Return the range as parameters of an address."""
        return [("from", self.range.since), ("to", self.range.until)]


def read_choice(dashboard: Dashboard, search: str) -> Choice:
    """Read an address's question-mark part. What makes no sense there counts as not said."""
    said = parse_qs(search.removeprefix("?"), keep_blank_values=True, max_num_fields=200)
    values = {}
    for variable in dashboard.variables:
        current = variable.get("current", {}).get("value", ())
        default = [current] if isinstance(current, str) else list(current)
        values[variable["name"]] = _one_all(said.get(f"var-{variable['name']}") or default)
    try:
        times = parse_range(said.get("from", [dashboard.since])[0], said.get("to", [dashboard.until])[0])
    except (ValueError, OverflowError):
        times = parse_range(dashboard.since, dashboard.until)
    refresh = said.get("refresh", [dashboard.refresh])[0]
    try:
        seconds(refresh)
    except ValueError:
        refresh = dashboard.refresh
    return Choice(times, refresh, values)


def resolve(dashboard: Dashboard, choice: Choice, prometheus: Prometheus) -> list[Variable]:
    """Return the variables with their options, which may depend on those before them.

    Raises:
        QueryError: Prometheus does not tell the options.

    """
    found: list[Variable] = []
    for content in dashboard.variables:
        variable = described(content, choice)
        if content["type"] == "query":
            variable = _with_options(variable, content, choice, prometheus, found)
        found.append(variable)
    return found


def described(content: Json, choice: Choice) -> Variable:
    """Return a variable without asking for its options."""
    query = content.get("query", "")
    return Variable(
        name=content["name"],
        label=content.get("label") or content["name"],
        query=query.get("query", "") if isinstance(query, Mapping) else str(query),
        options=[option["value"] for option in content.get("options", ()) if option["value"] != ALL],
        chosen=choice.values[content["name"]],
        multi=bool(content.get("multi")),
        include_all=bool(content.get("includeAll")),
        allowed=content.get("allValue") or "",
        # 2 hides a variable. There is one data source: nothing to choose from.
        is_hidden=content.get("hide") == 2 or content["type"] in {"datasource", "constant"},  # noqa: PLR2004
    )


def query_scope(variables: Sequence[Variable], times: Range, step: float, scrape_seconds: float) -> dict[str, str]:
    """Return what the names in a query stand for."""
    return {variable.name: variable.in_query() for variable in variables} | {
        "__interval": _length(step),
        "__interval_ms": f"{step * 1000:.0f}",
        # At least four scrapes, so that rate() finds two even if one is missing.
        "__rate_interval": _length(max(step + scrape_seconds, 4 * scrape_seconds)),
        "__range": _length(times.seconds),
        "__range_s": f"{times.seconds:.0f}",
        "__range_ms": f"{times.seconds * 1000:.0f}",
    }


def words_scope(variables: Sequence[Variable]) -> dict[str, str]:
    """Return what the names in a title or a text stand for."""
    return {variable.name: variable.in_words() for variable in variables}


def replaced(text: str, scope: Mapping[str, str], change: Callable[[str], str] = str) -> str:
    """Put values in the place of names. Names that stand for nothing stay as they are."""

    def value(match: re.Match[str]) -> str:
        name = match["bare"] or match["braced"] or match["square"]
        return change(scope[name]) if name in scope else match.group()

    return REFERENCE.sub(value, text)


def _with_options(
    variable: Variable, content: Json, choice: Choice, prometheus: Prometheus, before: Sequence[Variable]
) -> Variable:
    wanted = LABEL_VALUES.fullmatch(variable.query.strip())
    options: list[str] = []
    if wanted:
        metric = replaced((wanted["metric"] or "").strip(), query_scope(before, choice.range, 1, 1))
        options = prometheus.label_values(wanted["label"], metric, choice.range.start, choice.range.end).result()
    if pattern := str(content.get("regex") or "").strip("/"):
        options = [option for option in options if re.search(pattern, option)]
    chosen = variable.chosen or ([ALL] if variable.include_all else options[:1])
    return Variable(**{**vars(variable), "options": sorted(set(options)), "chosen": chosen})


def _one_all(values: Sequence[str]) -> Sequence[str]:
    """All beside others is All. Grafana's older addresses say `All`."""
    return [ALL] if ALL in values or list(values) == ["All"] else list(dict.fromkeys(values))


def _for_regex(value: str) -> str:
    """Escape a value for a regular expression, and that for the quoted string in which it stands."""
    return _for_string(SPECIAL.sub(lambda special: f"\\{special.group()}", value))


def _for_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _length(length: float) -> str:
    return f"{length:.0f}s" if length >= 1 and length == int(length) else f"{max(1, length * 1000):.0f}ms"
