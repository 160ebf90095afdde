"""docs/metrics.md lists the metrics of the recorded days with types and labels: all of them, no others."""

import re
from collections import Counter

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from lab.settings import REPOSITORY
from lab.statsd_lines import LONGEST_LINE_BYTES
from lab.statsd_series import MOST_METRICS, MOST_SERIES, MOST_SERIES_PER_METRIC
from tests.lab.official_statsd_exporter import CAPTURES

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
RECORDED = [capture.with_suffix(".prom").read_text(encoding="utf-8") for capture in CAPTURES]
OF_THE_EXPORTER = ("statsd_exporter_", "process_", "python_", "go_", "promhttp_", "last_line")


def families() -> list[Metric]:
    return [family for page in RECORDED for family in text_string_to_metric_families(page)]


def recorded() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric that the exporter made of the recorded lines."""
    labels = {
        family.name: {label for sample in family.samples for label, value in sample.labels.items() if value} - {"le"}
        for family in families()
    }
    # The parser takes _total off the names of counters.
    return {
        name: (kind, labels[name.removesuffix("_total")])
        for page in RECORDED
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE)
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


def test_the_series_of_a_task_a_dag_the_platform_and_a_model_are_as_few_as_it_says() -> None:
    said = re.search(
        r"A task has at most (\d+) series.* a DAG at most (\d+) besides, the platform\s+(\d+), a model in .* (\d+)\.",
        PAGE.partition("## What Airflow says")[0],
        re.DOTALL,
    )
    assert said
    held: Counter[tuple[str, str]] = Counter()
    of_models: Counter[str] = Counter()
    for sample in (sample for family in families() for sample in family.samples):
        if sample.name.startswith("ml_"):
            of_models[sample.labels["project"]] += 1
        elif not sample.name.startswith(OF_THE_EXPORTER):
            dag_id = sample.labels.get("dag_id", "")
            held[dag_id, sample.labels.get("task_id", "") if dag_id else ""] += 1
    of_tasks, of_dags, of_the_platform = (
        max(count for (dag_id, task_id), count in held.items() if (bool(dag_id), bool(task_id)) == of)
        for of in ((True, True), (True, False), (False, False))
    )
    for number, most in zip(said.groups(), (of_tasks, of_dags, of_the_platform, max(of_models.values())), strict=True):
        assert most <= int(number) < 2 * most


def test_the_limits_of_the_exporter_are_those_of_its_code() -> None:
    section = PAGE.partition("## The exporter's limits")[2].replace("\n", " ")
    for said in (
        f"{MOST_SERIES_PER_METRIC:,} series of one metric, {MOST_SERIES:,} of all (a histogram is one)",
        f"{MOST_METRICS:,} metrics",
        f"more than {LONGEST_LINE_BYTES} bytes",
    ):
        assert said in section
