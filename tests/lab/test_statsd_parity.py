"""Parity: the lab's exporter says of recorded days what the official statsd_exporter says of them.

So do its recorded answers, the golden pages. captures/README.md tells how the days were recorded.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.official_statsd_exporter import CAPTURES, COMMAND
from tests.lab.statsd_process import StatsdProcess, differences, samples

of_each_day = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)

# What Airflow does not send, but both exporters should read alike.
ODD_LINES = [
    *(
        "",
        "no colon",
        ":1|c",
        "nothing:",
        "no.bar:1",
        "empty.type:1|",
        "unknown.type:1|x",
        "a.set:1|s",
        "word:x|c",
        "void:|c",
    ),
    *("count:1|c", "count:2.5|c", "count:0|c", "count:1e2|c", "count:-1|c", "count:+1|c", "count:.5|c", "count:5.|c"),
    *("level:5|g", "level:+3|g", "level:-1.5|g", "below:-2|g", "level.sampled:7|g|@0.1"),
    *("sampled:1|c|@0.1", "sampled.time:20|ms|@0.25", "whole:3|c|@1", "zero:3|c|@0"),
    *(
        "time:12.5|ms",
        "time:-3|ms",
        "time:0|ms",
        "edge:10|ms",
        "edge:60000|ms",
        "edge:60000.1|ms",
        "size:0.3|h",
        "size:0.4|d",
    ),
    *(
        "several:1|c:2|c:x|c",
        "values:1:2:3|ms",
        "values:1:2|c",
        "too|many",
        "parts:1|c|@1|#a:b|@1|@1",
        "hole:1|c||#a:b",
    ),
    *(
        "tags,a=1,b=2:1|c",
        "tags,b=2,a=1:1|c",
        "tags,a=1:1|c",
        "tags,a=,b=2:1|c",
        "tags,=1,b=2:1|c",
        "tags,a:1|c",
        "tags,:1|c",
    ),
    *("tags,a=1,:1|c", "tags,,a=1:1|c", "tags,a=x=y:1|c", "tags,a=1,a=2:1|c", "tags,a-b.c=1:1|c", "tags,9=1:1|c"),
    *("dog:1|c|#a:1,b:2", "dog:1|c|#a:1,#b:2", "dog:1|c|#a", "dog:1|c|#", "dog:1|c|#a:http://b", "dog:4|ms|@0.5|#a:1"),
    *("mixed,a=1:1|c|#b:2", 'quoted,a="\\:1|c', "umlaut,a=\u00e4\u4e2d:1|c", "\u00e4.name:1|c"),
    *("9digit:1|c", "dash-a--b---c:1|c", "sp ace/slash:1|c", "trailing.dot.:1|c", "two..dots:1|c"),
    *(
        "clash:1|c",
        "clash:1|g",
        "clash:1|ms",
        "hist:1|ms",
        "hist_sum:1|c",
        "hist.count:1|g",
        "part.bucket:1|c",
        "part:1|ms",
    ),
    *("airflow.dag_processing.processes,file_path=a:-1|c", "airflow.dagrun.a.b.first_task_scheduling_delay:5|ms"),
    *("airflow.deadline_alerts.deadline_missed,dag_id=a,dagrun_id=b:1|c", "airflow.lab.pipeline.rows,dag_id=a:5|g"),
]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[StatsdProcess]:
    with StatsdProcess(tmp_path / "embedded.log") as exporter:
        yield exporter


@of_each_day
def test_a_day_looks_as_it_did_at_the_official_exporter(embedded: StatsdProcess, capture: Path) -> None:
    page = embedded.page_of(capture.read_text().splitlines())
    assert len(samples(page)) > 100
    assert differences(page, capture.with_suffix(".prom").read_text()) == []


@of_each_day
def test_the_golden_page_is_what_the_official_exporter_answers(tmp_path: Path, capture: Path) -> None:
    with StatsdProcess(tmp_path / "official.log", COMMAND) as exporter:
        page = exporter.page_of(capture.read_text().splitlines())
    found = differences(page, capture.with_suffix(".prom").read_text())
    assert found == [], "the mapping file has changed: python -m tests.lab.official_statsd_exporter"


def test_odd_lines_look_as_they_do_at_the_official_exporter(embedded: StatsdProcess, tmp_path: Path) -> None:
    with StatsdProcess(tmp_path / "official.log", COMMAND) as exporter:
        expected = exporter.page_of(ODD_LINES)
    assert differences(embedded.page_of(ODD_LINES), expected) == []
