"""Metrics: what the page says that programs send, they send, under this very name."""

import re
import subprocess
import time
from importlib.resources import files

import httpx
import pytest
import yaml
from prometheus_client import REGISTRY

from lab import probes, statsd_self_metrics
from lab.lint.metrics import documented, said_by_programs
from lab.lint.promql import metrics_of
from lab.lint.rules import rules
from lab.settings import REPOSITORY
from lab.statsd_intake import Counts
from lab.statsd_series import Registry
from tests.alerting.alert_rules import PROMETHEUS, load

SECONDS = 30
ML_HOST = REPOSITORY / "docker" / "ml_host"
# The page of an API that has answered one request for a score.
INFERENCE_PAGE = """
from types import SimpleNamespace
from prometheus_client import generate_latest
from src.inference.metrics import Metrics
champion = SimpleNamespace(version="1", drift=lambda: [("orders", 0.1)])
metrics = Metrics({"churn": SimpleNamespace(error="", champion=champion)})
metrics.requests.labels("/v1/churn/score", "200").inc()
metrics.latency.labels("/v1/churn/score").observe(0.01)
print(generate_latest(metrics.registry).decode())
"""
SAID = said_by_programs(REPOSITORY)


def said_by(program: str) -> set[str]:
    return {metric for metric, of in SAID if of == program}


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ('sum by (a, b) (x_total{a=~"c|d"} - x_total{a="c"} offset 5m) > 4', {"x_total"}),
        ("a:b:c and on () (y == 1 or z > time() - 45)", {"a:b:c", "y", "z"}),
        ('label_replace(x > 200000, "of", "lines", "", "") # y', {"x"}),
        ("last_over_time(x[1h]) >= on (a) group_left (b) y", {"x", "y"}),
        ("absent(x) or vector(26 * 3600)", {"x"}),
        ('rate(x{a=~"$a"}[$__rate_interval]) / y offset ${__range}', {"x", "y"}),
        ('{__name__="x"}', {"x"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, metrics: set[str]) -> None:
    assert metrics_of(expression) == metrics


def test_prometheus_and_alertmanager_say_what_the_page_says(
    prometheus: httpx.Client, alertmanager: httpx.Client
) -> None:
    deadline = time.monotonic() + SECONDS
    # Prometheus counts failures to reach an Alertmanager once it has heard of one.
    programs = {"prometheus": prometheus, "alertmanager": alertmanager}
    while missing := {
        metric for name, program in programs.items() for metric in said_by(name) - names(page_of(program))
    }:
        assert time.monotonic() < deadline, f"nobody sends {missing}"
        time.sleep(0.5)


def test_prometheus_says_of_every_scrape_what_the_page_says(prometheus: httpx.Client) -> None:
    deadline = time.monotonic() + SECONDS
    while missing := said_by("scrape") - set(
        prometheus.get("/api/v1/label/__name__/values").raise_for_status().json()["data"]
    ):
        assert time.monotonic() < deadline, f"Prometheus has no {missing}"
        time.sleep(0.5)


def test_the_inference_api_says_what_the_page_says() -> None:
    command = (ML_HOST / ".venv" / "bin" / "python", "-c", INFERENCE_PAGE)
    page = subprocess.run(command, cwd=ML_HOST, capture_output=True, text=True, check=True).stdout
    assert said_by("inference-api") - names(page) == set()


def test_the_lab_says_what_the_page_says() -> None:
    own = statsd_self_metrics.SelfMetrics(Counts(), Registry(), 0, lambda: 0)
    assert said_by("statsd-exporter") <= statsd_self_metrics.names(statsd_self_metrics.registry_of(own))
    assert said_by("probes") <= {probes.SUCCESS._name, probes.DURATION._name} <= set(REGISTRY._names_to_collectors)  # noqa: SLF001 - there is no public name


def test_airflow_knows_what_it_sends_in_bad_hours_only() -> None:
    template = files("airflow") / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    described = yaml.safe_load(template.read_text(encoding="utf-8"))["metrics"]
    assert said_by("airflow") <= {re.sub(r"\W", "_", f"airflow.{metric['name']}") for metric in described}


def test_no_metric_that_the_mapping_drops_is_documented() -> None:
    mappings = load(REPOSITORY / "prometheus" / "statsd_mapping.yml")["mappings"]
    dropped = {re.sub(r"\W", "_", mapping["match"]) for mapping in mappings if mapping.get("action") == "drop"}
    assert dropped & documented(REPOSITORY) == set()


def test_every_job_that_a_rule_names_is_scraped() -> None:
    jobs = {job["job_name"] for job in load(PROMETHEUS)["scrape_configs"]}
    text = " ".join(rule.expression for rule in rules(REPOSITORY))
    named = {job for pattern in re.findall(r'job[!=]~?"([\w|-]+)"', text) for job in pattern.split("|")}
    assert named <= jobs
    assert {program for _, program in SAID} - jobs == {"airflow", "scrape"}


def page_of(program: httpx.Client) -> str:
    return program.get("/metrics").raise_for_status().text


def names(page: str) -> set[str]:
    """Name what a program says of itself, also what it has no sample of yet."""
    return set(re.findall(r"^(?:# TYPE )?(\w+)", page, re.MULTILINE))
