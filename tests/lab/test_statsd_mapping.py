"""The mapping file: what it makes of names, and what a person is told of a file that will not do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.statsd_lines import Kind
from lab.statsd_mapping import DEFAULT_BUCKETS, DEFAULT_HELP, MappingFile, load_mapping_file
from tests.lab.statsd_process import MAPPING

DEFAULTS = "defaults: {observer_type: histogram}\n"

Load = Callable[[str], MappingFile]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> MappingFile:
        path = tmp_path / "mapping.yml"
        path.write_text(text)
        return load_mapping_file(path)

    return write_and_load


@pytest.mark.parametrize(
    ("mappings", "statsd_name", "kind", "name", "labels"),
    [
        ("", "a.b-c", "counter", "a_b_c", {}),
        ("- {match: a.b, name: x}", "a.b", "counter", "x", {}),
        ("- {match: a.b, name: x}", "a.b.c", "counter", "a_b_c", {}),
        ("- {match: a.b, name: x}", "axb", "counter", "axb", {}),
        ("- {match: a.*.c, name: 'x_${1}'}", "a.b-b.c", "counter", "x_b_b", {}),
        ("- {match: a.*, name: x}", "a.b.c", "counter", "a_b_c", {}),
        ("- {match: '*.*', name: x, labels: {first: '${1}', both: '${2}-${1}'}}", "a.b", "gauge", "x",
         {"first": "a", "both": "b-a"}),
        ("- {match: a, name: x, match_metric_type: gauge}", "a", "gauge", "x", {}),
        ("- {match: a, name: x, match_metric_type: gauge}", "a", "counter", "a", {}),
        # The first that matches counts,
        ("- {match: a.*, name: x}\n- {match: a.b, name: y}", "a.b", "counter", "x", {}),
        # but every glob is tried before any regular expression.
        ("- {match: a.*, match_type: regex, name: x}\n- {match: a.b, name: y}", "a.b", "counter", "y", {}),
        # A regular expression is not anchored.
        ("- {match: 'b\\.(c+)', match_type: regex, name: 'x_${1}'}", "a.b.cc.d", "counter", "x_cc", {}),
        ("- {match: '^a\\.(b)?c$', match_type: regex, name: x, labels: {bb: '${1}'}}", "a.c", "gauge", "x", {"bb": ""}),
    ],
)  # fmt: skip
def test_a_name_becomes_a_metric(
    load: Load, mappings: str, statsd_name: str, kind: Kind, name: str, labels: dict[str, str]
) -> None:
    target = load(f"{DEFAULTS}mappings:\n{mappings}\n").target(statsd_name, kind)
    assert (target.name, target.labels) == (name, labels)


def test_a_mapping_has_its_own_values_or_the_defaults(load: Load) -> None:
    mapping_file = load(
        "defaults: {observer_type: histogram, ttl: 1h30m, histogram_options: {buckets: [1, 2]}}\n"
        "mappings:\n"
        "- {match: a, name: a, help: Help., scale: 1000, honor_labels: true, ttl: 500ms,"
        " histogram_options: {buckets: [0.5, 7200]}}\n"
        "- {match: b, name: b, action: drop}\n"
    )
    own, dropped, unmapped = (mapping_file.target(name, "observer").mapping for name in "abc")
    assert (own.help, own.scale, own.honor_labels, own.ttl, own.buckets) == ("Help.", 1000, True, 0.5, (0.5, 7200))
    assert (dropped.help, dropped.scale, dropped.ttl, dropped.buckets) == (DEFAULT_HELP, 1, 5400, (1, 2))
    assert (own.action, dropped.action, unmapped.action) == ("map", "drop", "unmapped")
    assert (unmapped.ttl, unmapped.buckets) == (5400, (1, 2))


def test_without_buckets_they_are_those_of_the_official_exporter(load: Load) -> None:
    assert load(DEFAULTS).target("a", "observer").mapping.buckets == DEFAULT_BUCKETS


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the file is not a mapping"),
        ("- a\n", 1, "the file is not a mapping"),
        ("a: [\n", 2, "this is not YAML"),
        (f"{DEFAULTS}{DEFAULTS}", 2, "'defaults' stands twice"),
        (f"{DEFAULTS}mapings: []\n", 2, "'mapings' is not supported"),
        ("mappings: []\n", 1, "observer_type has to be histogram; summaries are not supported"),
        ("defaults:\n  observer_type: summary\n", 2, "observer_type has to be histogram"),
        ("defaults:\n  observer_type: histogram\n  glob_disable_ordering: true\n", 3, "'glob_disable_ordering' is not"),
        ("defaults:\n  observer_type: histogram\n  ttl: soon\n", 3, "ttl is 'soon', which is no duration"),
        (f"{DEFAULTS}mappings: {{}}\n", 2, "mappings is not a list"),
        (f"{DEFAULTS}mappings:\n- a\n", 2, "mapping 1 is not a mapping"),
        (f"{DEFAULTS}mappings:\n- match: a\n", 3, "mapping 1 needs both match and name"),
        (f"{DEFAULTS}mappings:\n- match: a\n  name: b\n- match: c\n  name: d\n  summary_options: {{}}\n", 7,
         "mapping 2 (c): 'summary_options' is not supported"),
        *((f"{DEFAULTS}mappings:\n- match: a.*\n  name: b\n  {wrong}\n", 5, problem) for wrong, problem in [
            ("observer_type: summary", "observer_type is 'summary'; supported is histogram"),
            ("match_type: exact", "match_type is 'exact'; supported is glob or regex"),
            ("match_metric_type: timer", "match_metric_type is 'timer'; supported is counter or gauge or observer"),
            ("action: keep", "action is 'keep'; supported is map or drop"),
            ("ttl: 5", "ttl is 5, which is no duration"),
            ("scale: fast", "scale is 'fast', which is no number"),
            ("help: 5", "help is 5, which is no text"),
            ("honor_labels: maybe", "honor_labels is 'maybe', which is neither"),
            ("labels: [a]", "labels is not a mapping"),
            ("labels: {a: b}", "'a' cannot be a label's name"),
            ("labels: {__aa: b}", "'__aa' cannot be a label's name"),
            ("labels: {le: b}", "'le' cannot be a label's name"),
            ("labels: {aa: $1}", "aa is '$1', which cannot be a name; captures are written ${1}"),
            ("labels: {aa: '${2}'}", "aa names capture 2, and the match has 1"),
            ("histogram_options: {buckets: []}", "buckets is not a list of numbers"),
            ("histogram_options: {buckets: [a]}", "buckets is 'a', which is no number"),
            ("histogram_options: {buckets: [1, 1]}", "buckets does not ascend"),
            ("histogram_options: {native_histogram_max_buckets: 5}", "'native_histogram_max_buckets' is not supported"),
        ]),
        *((f"{DEFAULTS}mappings:\n- name: '{name}'\n  match: '{match}'\n  match_type: {kind}\n", line, problem)
          for name, match, kind, line, problem in [
            ("b", "a*", "glob", 4, "match is 'a*', which is no glob"),
            ("b", "a..b", "glob", 4, "match is 'a..b', which is no glob"),
            ("b", "a(", "regex", 4, "match is 'a(', which is no regular expression"),
            ("b", "a(?=b)", "regex", 4, "no regular expression that Go and Python read alike"),
            ("b", "(a)\\1", "regex", 4, "no regular expression that Go and Python read alike"),
            ("b", "[[:alpha:]]", "regex", 4, "no regular expression that Go and Python read alike"),
            ("b.c", "a", "glob", 3, "name is 'b.c', which cannot be a name"),
            ("b_$1", "a.*", "glob", 3, "name is 'b_$1', which cannot be a name; captures are written ${1}"),
            ("b_${1}", "a", "glob", 3, "name names capture 1, and the match has 0"),
        ]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(load: Load, text: str, line: int, problem: str) -> None:
    with pytest.raises(LabError) as caught:
        load(text)
    assert f"mapping.yml:{line}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_file_of_other_characters_is_named(load: Load) -> None:
    with pytest.raises(LabError, match=r"mapping\.yml: this is not YAML"):
        load("a: \x00")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"nowhere\.yml cannot be read"):
        load_mapping_file(tmp_path / "nowhere.yml")


def test_tasks_and_runs_have_buckets_from_ten_milliseconds_to_two_hours() -> None:
    mapping_file = load_mapping_file(MAPPING)
    for name in ("task.duration", "task.scheduled_duration", "dagrun.duration.success", "dagrun.duration.failed"):
        buckets = mapping_file.target(f"airflow.{name}", "observer").mapping.buckets
        assert (buckets[0], buckets[-1]) == (0.01, 7200)
    assert mapping_file.target("airflow.scheduler.scheduler_loop_duration", "observer").mapping.buckets[0] == 0.001


def test_every_drop_says_why() -> None:
    lines = MAPPING.read_text().splitlines()
    for number, line in enumerate(lines):
        if line == "    action: drop":
            start = max(index for index in range(number) if lines[index].startswith("  - match:"))
            assert lines[start - 1].startswith("  # ") or "drop" in lines[start - 1], lines[start]
