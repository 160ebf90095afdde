"""StatsD lines: what is read of good ones, and why others are refused."""

import pytest

from lab.statsd_lines import LONGEST_LINE_BYTES, Line, Sample, escape_name, parse_line

COUNT = Sample("counter", 1.0)


@pytest.mark.parametrize(
    ("raw", "name", "labels", "samples"),
    [
        ("a.b:1|c", "a.b", {}, [COUNT]),
        ("a:0.5|c|@0.1", "a", {}, [Sample("counter", 5.0)]),
        ("a:1|c|@0", "a", {}, [COUNT]),
        ("a:-1|c", "a", {}, [Sample("counter", -1.0)]),
        ("a:7|g", "a", {}, [Sample("gauge", 7.0)]),
        ("a:+7|g", "a", {}, [Sample("gauge", 7.0, relative=True)]),
        ("a:-7e-1|g", "a", {}, [Sample("gauge", -0.7, relative=True)]),
        ("a:7|g|@0.1", "a", {}, [Sample("gauge", 7.0)]),
        ("a:1500|ms", "a", {}, [Sample("observer", 1.5)]),
        ("a:1500|ms|@0.25", "a", {}, [Sample("observer", 1.5, times=4)]),
        ("a:2|h", "a", {}, [Sample("observer", 2.0)]),
        ("a:2|d", "a", {}, [Sample("observer", 2.0)]),
        ("a:1|c:2|g", "a", {}, [COUNT, Sample("gauge", 2.0)]),
        ("a:1000:2000|ms", "a", {}, [Sample("observer", 1.0), Sample("observer", 2.0)]),
        ("a,x=1,y=b.c/d:1|c", "a", {"x": "1", "y": "b.c/d"}, [COUNT]),
        ("a,x-y=1=2:1|c", "a", {"x_y": "1=2"}, [COUNT]),
        ("a,x=\u00e9\u4e2d:1|c", "a", {"x": "\u00e9\u4e2d"}, [COUNT]),
        ('a,x="\\:1|c', "a", {"x": '"\\'}, [COUNT]),
        ("a:1|c|#x:1,y:http://b", "a", {"x": "1", "y": "http://b"}, [COUNT]),
        ("a:1|c|@0.5|#x:1", "a", {"x": "1"}, [Sample("counter", 2.0)]),
    ],
)
def test_a_good_line_is_read(raw: str, name: str, labels: dict[str, str], samples: list[Sample]) -> None:
    assert parse_line(raw.encode()) == Line(
        name, labels, samples, samples_seen=len(samples), tagged_samples=len(samples) if labels else 0
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"no colon", "malformed_line"),
        (b":1|c", "malformed_line"),
        (b",x=1:1|c", "malformed_line"),
        (b"\xff:1|c", "malformed_line"),
        (b"a,x=\xff:1|c", "malformed_line"),
        (b"a:1|c\xff", "malformed_line"),
        (b"\x00\x01\x02", "malformed_line"),
        (b"a" * LONGEST_LINE_BYTES + b":1|c", "oversized_line"),
        (b"a,x=" + b"y" * 60_000 + b":1|c", "oversized_line"),
        (b"a:", "not_enough_parts_after_colon"),
        (b"a:1", "not_enough_parts_after_colon"),
        (b"a:1:2|c", "invalid_extended_aggregate_type"),
        (b"a,x=1:1|c|#y:2", "mixed_tagging_styles"),
        (b"a#x=1:1|c", "unsupported_tagging_style"),
        (b"a[x=1]:1|c", "unsupported_tagging_style"),
        (b"a]x[:1|c", "unsupported_tagging_style"),  # ends the official exporter
        (b"a:1|", "illegal_event"),
        (b"a:1|x", "illegal_event"),
        (b"a:1|s", "illegal_event"),
        (b"a:1|c\r", "illegal_event"),
        (b"a:|c", "malformed_value"),
        (b"a:x|c", "malformed_value"),
        (b"a: 1|c", "malformed_value"),
        (b"a:1_000|c", "malformed_value"),
        (b"a:0x10|c", "malformed_value"),
        (b"a:\xd9\xa1|c", "malformed_value"),  # an Arabic digit, which Python's float() takes
        (b"a:nan|c", "malformed_value"),
        (b"a:-inf|g", "malformed_value"),
        (b"a:1e999|c", "malformed_value"),
        (b"a:1|c||", "malformed_component"),
        (b"a:1|c|@1|@1|@1|@1", "malformed_component"),
        (b"a:1|c|x", "invalid_sample_factor"),
        (b"a:1|c|@x", "invalid_sample_factor"),
        (b"a:1|c|@-1", "invalid_sample_factor"),
        (b"a:1|c|@2", "invalid_sample_factor"),
        (b"a:1|ms|@1e-300", "invalid_sample_factor"),  # would be an endless number of observations
        (b"a,__name__=b:1|c", "reserved_label"),  # makes the official exporter's page invalid
        (b"a:1|c|#__name__:b", "reserved_label"),
    ],
)
def test_a_bad_line_is_refused_for_a_reason(raw: bytes, reason: str) -> None:
    line = parse_line(raw)
    assert (line.errors, line.samples) == ([reason], [])


@pytest.mark.parametrize(
    ("raw", "errors"),
    [("a,x:1|c", 1), ("a,x=:1|c", 1), ("a,=x:1|c", 1), ("a,,,:1|c", 2), ("a:1|c|#x,y:", 2), ("a,:1|c", 0)],
)
def test_a_bad_tag_is_left_out_and_the_sample_kept(raw: str, errors: int) -> None:
    line = parse_line(raw.encode())
    assert (line.tag_errors, line.labels, line.samples, line.errors) == (errors, {}, [COUNT], [])


def test_a_bad_sample_does_not_take_the_others_of_its_line_with_it() -> None:
    line = parse_line(b"a:1|c:x|c:1|c")
    assert (line.samples, line.samples_seen, line.errors) == ([COUNT, COUNT], 3, ["malformed_value"])


def test_an_empty_line_is_nothing() -> None:
    assert parse_line(b"") == Line()


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("airflow.ti.finish", "airflow_ti_finish"),
        ("dependency-check", "dependency_check"),
        ("a--b---c", "a_b_c"),
        ("9lives", "_9lives"),
        ("a b/c\u00e4", "a_b_c_"),
        ("", ""),
    ],
)
def test_a_name_is_put_into_the_characters_of_prometheus(sent: str, name: str) -> None:
    assert escape_name(sent) == name
