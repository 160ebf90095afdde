"""docs/metrics.md lists the metrics of a recorded day of Airflow with types and labels: all of them, no others."""

import re
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab.settings import REPOSITORY
from lab.statsd_lines import LONGEST_LINE_BYTES
from lab.statsd_series import MOST_METRICS, MOST_SERIES, MOST_SERIES_PER_METRIC

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
RECORDED = REPOSITORY / "tests" / "lab" / "captures" / "airflow-3.3.2-day.prom"
OF_THE_EXPORTER = ("statsd_exporter_", "process_", "python_", "go_", "promhttp_", "last_line")


def recorded() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric that the exporter made of the recorded lines."""
    text = RECORDED.read_text(encoding="utf-8")
    labels = {
        family.name: {label for sample in family.samples for label, value in sample.labels.items() if value} - {"le"}
        for family in text_string_to_metric_families(text)
    }
    # The parser takes _total off the names of counters.
    return {
        name: (kind, labels[name.removesuffix("_total")])
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
        if not name.startswith(OF_THE_EXPORTER)
    }


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| [^|]+ \| ([^|]*) \|", PAGE, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_every_metric_is_documented_and_none_is_invented() -> None:
    assert sorted(documented()) == sorted(recorded())


@pytest.mark.parametrize("name", sorted(documented()))
def test_type_and_labels_are_those_of_the_metric(name: str) -> None:
    assert documented()[name] == recorded()[name]


def test_the_series_of_a_task_a_dag_and_the_platform_are_as_few_as_it_says() -> None:
    said = re.search(
        r"A task has at most (\d+) series.* a DAG at most (\d+) besides, the platform\s+(\d+)", PAGE, re.DOTALL
    )
    assert said
    held: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(RECORDED.read_text(encoding="utf-8")):
        for sample in family.samples:
            if not sample.name.startswith(OF_THE_EXPORTER):
                dag_id = sample.labels.get("dag_id", "")
                held[dag_id, sample.labels.get("task_id", "") if dag_id else ""] += 1
    of_tasks, of_dags, of_the_platform = (
        max(count for (dag_id, task_id), count in held.items() if (bool(dag_id), bool(task_id)) == of)
        for of in ((True, True), (True, False), (False, False))
    )
    assert of_tasks <= int(said[1]) < 2 * of_tasks
    assert of_dags <= int(said[2]) < 2 * of_dags
    assert of_the_platform <= int(said[3]) < 2 * of_the_platform


def test_the_limits_of_the_exporter_are_those_of_its_code() -> None:
    section = PAGE.partition("## The exporter's limits")[2].replace("\n", " ")
    for said in (
        f"{MOST_SERIES_PER_METRIC:,} series of one metric, {MOST_SERIES:,} of all (a histogram is one)",
        f"{MOST_METRICS:,} metrics",
        f"more than {LONGEST_LINE_BYTES} bytes",
    ):
        assert said in section
