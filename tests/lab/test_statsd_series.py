"""Series: what the page shows of them, the limits, and names that clash."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab import statsd_series
from lab.statsd_series import ConflictError, LimitError, Metric, Registry, Type

COUNTER = Metric("a", "counter", "Help.")
HISTOGRAM = Metric("h", "histogram", "Help.", (0.1, 1.0, 7200.0))


def _page(registry: Registry) -> str:
    return "".join(registry.page())


def test_the_page_shows_every_series_in_the_text_format() -> None:
    registry = Registry()
    registry.series(COUNTER, {}, 0).add(2)
    registry.series(COUNTER, {"y": "1", "x": '"\\\n\u00e4'}, 0).add(0.5)
    registry.series(Metric("g", "gauge", "Two\nlines \\."), {}, 0).set(-1e300)
    for value in (0.1, 0.10001, 7200, 7201):
        registry.series(HISTOGRAM, {"x": "1"}, 0).observe(value)
    page = _page(registry)
    assert page == (
        "# HELP a Help.\n# TYPE a counter\na 2.0\n"
        'a{x="\\"\\\\\\n\u00e4",y="1"} 0.5\n'
        "# HELP g Two\\nlines \\\\.\n# TYPE g gauge\ng -1e+300\n"
        "# HELP h Help.\n# TYPE h histogram\n"
        'h_bucket{x="1",le="0.1"} 1\nh_bucket{x="1",le="1"} 2\n'
        'h_bucket{x="1",le="7200"} 3\nh_bucket{x="1",le="+Inf"} 4\n'
        'h_sum{x="1"} 14401.20001\nh_count{x="1"} 4\n'
    )
    assert {family.type for family in text_string_to_metric_families(page)} == {"counter", "gauge", "histogram"}


def test_labels_in_another_order_are_the_same_series() -> None:
    registry = Registry()
    assert registry.series(COUNTER, {"x": "1", "y": "2"}, 0) is registry.series(COUNTER, {"y": "2", "x": "1"}, 0)
    assert len(registry) == 1


def test_a_large_page_comes_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_series, "SERIES_PER_SLICE", 10)
    registry = Registry()
    for number in range(95):
        registry.series(COUNTER, {"x": f"{number}"}, 0)
    slices = list(registry.page())
    assert max(text.count("\n") for text in slices) == 10
    assert "".join(slices).count("\n") == 2 + 95


def test_a_metric_that_is_full_takes_no_more_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_series, "MOST_SERIES_PER_METRIC", 10)
    registry = Registry()
    for number in range(10):
        registry.series(COUNTER, {"x": f"{number}"}, 0)
    with pytest.raises(LimitError, match=r"^a$"):
        registry.series(COUNTER, {"x": "10"}, 0)
    registry.series(COUNTER, {"x": "9"}, 0).add(1)
    registry.series(Metric("b", "counter", ""), {"x": "10"}, 0)
    assert 'a{x="9"} 1.0' in _page(registry)
    assert len(registry) == 11


def test_all_metrics_together_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_series, "MOST_SERIES", 10)
    registry = Registry()
    for number in range(10):
        registry.series(Metric(f"m{number}", "counter", ""), {}, 0)
    with pytest.raises(LimitError, match=r"^$"):
        registry.series(COUNTER, {}, 0)
    assert "# TYPE a " not in _page(registry)


def test_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_series, "MOST_METRICS", 1)
    registry = Registry()
    registry.series(COUNTER, {}, 0)
    registry.series(COUNTER, {"x": "1"}, 0)
    with pytest.raises(LimitError, match=r"^$"):
        registry.series(HISTOGRAM, {}, 0)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("h", "gauge"),
        ("h", "counter"),
        ("h_sum", "gauge"),
        ("h_count", "counter"),
        ("h_bucket", "counter"),
        ("a", "gauge"),
    ],
)
def test_a_name_that_is_taken_is_refused(name: str, type_: Type) -> None:
    registry = Registry()
    registry.series(COUNTER, {}, 0)
    registry.series(HISTOGRAM, {}, 0)
    with pytest.raises(ConflictError):
        registry.series(Metric(name, type_, ""), {}, 0)


def test_a_histogram_whose_parts_are_taken_or_reserved_is_refused() -> None:
    registry = Registry()
    registry.series(Metric("h_count", "gauge", ""), {}, 0)
    registry.reserve(["process_cpu"])
    for metric in (HISTOGRAM, Metric("process_cpu", "counter", "")):
        with pytest.raises(ConflictError):
            registry.series(metric, {}, 0)


def test_a_series_expires_when_its_time_is_over_and_its_name_is_free_again() -> None:
    registry = Registry()
    registry.series(HISTOGRAM, {}, 5).updated = 100
    registry.series(COUNTER, {}, 0).updated = 0
    assert (registry.expire(105), len(registry)) == (0, 2)
    assert (registry.expire(105.1), len(registry)) == (1, 1)
    registry.series(Metric("h_count", "gauge", ""), {}, 0)
    assert "histogram" not in _page(registry)
