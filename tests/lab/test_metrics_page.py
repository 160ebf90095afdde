"""docs/metrics.md lists the metrics of a recorded day of Airflow with types and labels: all of them, no others."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab.settings import REPOSITORY

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
