"""What an address of the viewer says: range, refresh and variables, and their place in queries and links."""

from typing import Any

import pytest

from lab.viewer.dashboards import parse
from lab.viewer.links import About
from lab.viewer.times import parse_range, seconds
from lab.viewer.variables import Choice, Variable, query_scope, read_choice, replaced, words_scope
from tests.lab.shop import dashboard, variable

NOW = 1_800_000_000.0


def chosen(*values: str, **more: Any) -> Variable:
    facts: dict[str, Any] = {
        "multi": True,
        "include_all": True,
        "allowed": "",
        "options": ["a", "b"],
        "is_hidden": False,
    }
    return Variable(name="shop", label="shop", query="", chosen=values, **(facts | more))


@pytest.mark.parametrize(
    ("since", "until", "length", "title"),
    [
        ("now-30m", "now", 1800, "Last 30 minutes"),
        ("now-1h", "now", 3600, "Last 1 hour"),
        ("now-2d", "now-1d", 86400, None),
        ("1700000000000", "1700000060000", 60, None),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:05:00+00:00", 300, None),
    ],
)
def test_a_range_is_read(since: str, until: str, length: float, title: str | None) -> None:
    times = parse_range(since, until, NOW)
    assert times.seconds == length
    assert title in (None, times.title)


@pytest.mark.parametrize(
    ("since", "until"),
    [("now", "now-1h"), ("yesterday", "now"), ("now-9999999y", "now"), ("now-100y", "now"), ("", "")],
)
def test_a_range_that_makes_no_sense_is_refused(since: str, until: str) -> None:
    with pytest.raises(ValueError, match=r"is no time|is not before"):
        parse_range(since, until, NOW)


@pytest.mark.parametrize(
    ("length", "points", "step"),
    [("30m", 1440, 5), ("30m", 60, 30), ("24h", 720, 120), ("7d", 1440, 600), ("9y", 9, 31_536_000)],
)
def test_the_step_follows_the_range(length: str, points: int, step: float) -> None:
    assert parse_range(f"now-{length}", "now", NOW).step(points, least=5) == step


def test_a_length_of_time_is_read() -> None:
    assert [seconds(text) for text in ("", "10s", "1m30s", "500ms")] == [0, 10, 90, 0.5]
    with pytest.raises(ValueError, match="no length"):
        seconds("soon")


@pytest.mark.parametrize(
    ("search", "values", "times", "refresh"),
    [
        ("", [], ("now-20m", "now"), "5s"),
        ("?var-shop=a&var-shop=b&from=now-1h&to=now&refresh=1m", ["a", "b"], ("now-1h", "now"), "1m"),
        ("?var-shop=a&var-shop=$__all", ["$__all"], ("now-20m", "now"), "5s"),
        ("?var-shop=All&refresh=", ["$__all"], ("now-20m", "now"), ""),
        ("?from=never&to=now&refresh=soon&var-other=1&%%%", [], ("now-20m", "now"), "5s"),
        ("?from=now&to=now-1h", [], ("now-20m", "now"), "5s"),
    ],
)
def test_an_address_is_read_and_nonsense_in_it_counts_as_not_said(
    search: str, values: list[str], times: tuple[str, str], refresh: str
) -> None:
    choice = read_choice(parse(dashboard(templating={"list": [variable("shop", "")]})), search)
    assert (list(choice.values["shop"]), choice.times(), choice.refresh) == (
        values,
        list(zip(("from", "to"), times, strict=True)),
        refresh,
    )


@pytest.mark.parametrize(
    ("shop", "query"),
    [
        (chosen("a"), "a"),
        (chosen("a", "b"), "(a|b)"),
        (chosen("a.b"), r"a\\.b"),
        (chosen('x"} or y{z="'), r"x\"\\} or y\\{z=\""),
        (chosen("back\\slash\nline"), r"back\\\\slash\nline"),
        (chosen("$__all"), "(a|b)"),
        (chosen("$__all", allowed=".*"), ".*"),
        (chosen('a."b', multi=False, include_all=False), r"a.\"b"),
    ],
)
def test_a_variable_stands_in_a_query_as_part_of_a_regular_expression(shop: Variable, query: str) -> None:
    scope = query_scope([shop], parse_range("now-1h", "now", NOW), step=15, scrape_seconds=5)
    assert replaced('{shop=~"$shop"}', scope) == f'{{shop=~"{query}"}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[$__rate_interval]", "x[20s]"),
        ("x[${__interval}]", "x[15s]"),
        ("$__interval_ms [[shop]]", "15000 (a|b)"),
        ("x[$__range] $__range_s", "x[3600s] 3600"),
        ("$shopping $$ $1 ${unknown:csv}", "$shopping $$ $1 ${unknown:csv}"),
        ("${shop:regex}s", "(a|b)s"),
    ],
)
def test_grafanas_own_names_are_replaced_and_unknown_ones_stay(text: str, expected: str) -> None:
    scope = query_scope([chosen("a", "b")], parse_range("now-1h", "now", NOW), step=15, scrape_seconds=5)
    assert replaced(text, scope) == expected


def test_people_read_what_is_chosen() -> None:
    assert replaced("Tasks of $shop", words_scope([chosen("a", "b")])) == "Tasks of a + b"
    assert replaced("Tasks of $shop", words_scope([chosen("$__all")])) == "Tasks of All"


@pytest.mark.parametrize(
    ("template", "address"),
    [
        (
            "/d/pipelines?var-dag_id=${__data.fields.DAG}&${__url_time_range}",
            "/d/pipelines?var-dag_id=a%26b%2Fc&from=now-1h&to=now",
        ),
        ('http://127.0.0.1:8080/dags/${__data.fields["Two words"]}', "http://127.0.0.1:8080/dags/%23"),
        ("http://127.0.0.1:8080/${__field.labels.shop}/${__field.name}", "http://127.0.0.1:8080/no%20rth/orders"),
        ("/x?v=${__value.raw}&${__all_variables}", "/x?v=1.5&var-shop=a&var-shop=b"),
        ("${__data.fields.Evil}", None),
        ("javascript:alert(1)", None),
        (" java\nscript:alert(1)//http://x", None),
        ("//[x", None),
        ("no-scheme", None),
    ],
)
def test_a_link_leads_where_it_should_or_is_none(template: str, address: str | None) -> None:
    row = {"DAG": "a&b/c", "Two words": "#", "Evil": "javascript:alert(1)"}
    choice = Choice(parse_range("now-1h", "now", NOW), "", {"shop": ["a", "b"]})
    assert About(choice, row, {"shop": "no rth"}, "orders", 1.5).address(template) == address
