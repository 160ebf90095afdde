"""Metrics: every one that a rule reads is sent by somebody, under this very name."""

import re
import time
from importlib.resources import files

import httpx
import pytest
import yaml
from alert_rules import PROMETHEUS, load, metrics_of, rules
from prometheus_client import REGISTRY

from lab import probes, statsd_self_metrics
from lab.settings import REPOSITORY
from lab.statsd_intake import Counts
from lab.statsd_series import Registry

SECONDS = 30
OF_EVERY_SCRAPE = {"up", "scrape_samples_post_metric_relabeling"}
HISTOGRAM = ("_bucket", "_sum", "_count")


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ('sum by (a, b) (x_total{a=~"c|d"} - x_total{a="c"} offset 5m) > 4', {"x_total"}),
        ("a:b:c and on () (y == 1 or z > time() - 45)", {"a:b:c", "y", "z"}),
        ('label_replace(x > 200000, "of", "lines", "", "") # y', {"x"}),
        ("last_over_time(x[1h]) >= on (a) group_left (b) y", {"x", "y"}),
        ("absent(x) or vector(26 * 3600)", {"x"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, metrics: set[str]) -> None:
    assert metrics_of(expression) == metrics


def test_every_metric_of_a_rule_is_sent(prometheus: httpx.Client, alertmanager: httpx.Client) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    read = {metric for rule in rules() for metric in metrics_of(rule["expr"])}
    read -= recorded | _sent_through_the_exporter() | _sent_by_the_lab() | OF_EVERY_SCRAPE
    deadline = time.monotonic() + SECONDS
    # Prometheus counts failures to reach an Alertmanager once it has heard of one.
    while unknown := read - _names(prometheus) - _names(alertmanager):
        assert time.monotonic() < deadline, f"nobody sends {unknown}"
        time.sleep(0.5)


def test_every_job_of_a_rule_is_scraped() -> None:
    jobs = {job["job_name"] for job in load(PROMETHEUS)["scrape_configs"]}
    text = " ".join(rule["expr"] for rule in rules())
    named = {job for pattern in re.findall(r'job[!=]~?"([\w|-]+)"', text) for job in pattern.split("|")}
    assert named <= jobs


def _sent_through_the_exporter() -> set[str]:
    """Name what Airflow can send, in its own words or as documented here, minus what the mapping drops."""
    template = files("airflow") / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    described = yaml.safe_load(template.read_text(encoding="utf-8"))["metrics"]
    mappings = load(REPOSITORY / "prometheus" / "statsd_mapping.yml")["mappings"]
    dropped = {mapping["match"] for mapping in mappings if mapping.get("action") == "drop"}
    names = {
        (re.sub(r"\W", "_", f"airflow.{metric['name']}"), metric["type"])
        for metric in described
        if f"airflow.{metric['name']}" not in dropped
    }
    page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    names |= set(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    return {
        name + suffix for name, kind in names for suffix in (HISTOGRAM if kind in {"timer", "histogram"} else ("",))
    }


def _sent_by_the_lab() -> set[str]:
    own = statsd_self_metrics.SelfMetrics(Counts(), Registry(), 0, lambda: 0)
    assert probes.SUCCESS in REGISTRY._names_to_collectors.values()  # noqa: SLF001 - there is no public list
    return statsd_self_metrics.names(statsd_self_metrics.registry_of(own)) | set(REGISTRY._names_to_collectors)  # noqa: SLF001


def _names(program: httpx.Client) -> set[str]:
    """Name what a program says of itself, also what it has no sample of yet."""
    page = program.get("/metrics").raise_for_status().text
    return set(re.findall(r"^(?:# TYPE )?(\w+)", page, re.MULTILINE))
