"""Monitoring of the real lab: everything is scraped, runs leave metrics, every rule can be evaluated."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from whole_lab import WholeLab

from lab.orders import summarize

SAMPLE_SECONDS = 15
RULES_SECONDS = 60  # the longest interval of a group of rules
RESEND_SECONDS = 60
JOBS = {"alertmanager", "probes", "prometheus", "statsd-exporter"}


@pytest.fixture(scope="module")
def ask(lab: WholeLab) -> Callable[..., Any]:
    """Ask Prometheus's API; return the data of its answer."""

    def answer(path: str, **parameters: str) -> Any:
        url = f"{lab.settings.prometheus_url}/api/v1/{path}"
        return httpx.get(url, params=parameters, trust_env=False).raise_for_status().json()["data"]

    return answer


@pytest.fixture(scope="module")
def samples(ask: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Poll a query until a condition holds for its result, and return that; when it is late, fail and show it."""

    def poll(
        query: str, condition: Callable[[list[dict[str, Any]]], object] = bool, seconds: float = SAMPLE_SECONDS
    ) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while True:
            result: list[dict[str, Any]] = ask("query", query=query)["result"]
            if condition(result):
                return result
            assert time.monotonic() < deadline, f"not within {seconds} s as expected: {query} gives {result}"
            time.sleep(0.2)

    return poll


def test_every_part_is_scraped_or_probed(ask: Callable[..., Any], samples: Callable[..., Any]) -> None:
    samples("up == 1", lambda found: {one["metric"]["job"] for one in found} == JOBS)
    targets = ask("targets")["activeTargets"]
    assert {target["labels"]["job"]: target["lastError"] for target in targets} == dict.fromkeys(JOBS, "")
    answering = {"airflow", "localstack", "s3", "athena"}
    samples("lab_probe_success == 1", lambda found: {one["metric"]["target"] for one in found} == answering)


def test_a_run_leaves_its_metrics_within_15_seconds(lab: WholeLab, samples: Callable[..., Any]) -> None:
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "success", lab.failure(run)
    tasks = {task.task_id for task in lab.api.tasks(run)}
    finished = 'airflow_ti_finish{dag_id="orders_pipeline",state="success"}'
    samples(finished, lambda found: {one["metric"]["task_id"] for one in found} == tasks)
    samples('airflow_dagrun_duration_success_count{dag_id="orders_pipeline"} >= 1')
    read = samples('pipeline_rows{dag_id="orders_pipeline",stage="raw",outcome="read"}')
    assert int(read[0]["value"][1]) == summarize(lab.settings.orders_csv).rows_read


def test_every_rule_is_evaluated(ask: Callable[..., Any], samples: Callable[..., Any]) -> None:
    # A rule has a health once it has been evaluated.
    samples(
        "prometheus_rule_group_iterations_total",
        lambda found: found and all(one["value"][1] != "0" for one in found),
        RULES_SECONDS + SAMPLE_SECONDS,
    )
    groups = ask("rules")["groups"]
    rules = [(group["name"], rule) for group in groups for rule in group["rules"]]
    assert rules
    assert [(group, rule["name"], rule.get("lastError")) for group, rule in rules if rule["health"] != "ok"] == []
    assert all(one["value"][1] == "0" for one in samples("prometheus_rule_evaluation_failures_total"))


def test_a_killed_exporter_disturbs_no_run(lab: WholeLab, samples: Callable[..., Any]) -> None:
    lab.kill("statsd-exporter")
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "success", lab.failure(run)
    samples('up{job="statsd-exporter"} == 1')
    samples('airflow_ti_finish{dag_id="orders_pipeline",state="success"}')


def test_an_alert_becomes_a_mail_and_a_slack_message(lab: WholeLab) -> None:
    alert = {
        "labels": {"alertname": "ShopClosed", "severity": "critical", "component": "shop"},
        "annotations": {"summary": "The shop is closed", "description": "", "runbook_url": "", "dashboard_url": ""},
    }
    with httpx.Client(trust_env=False) as http:
        http.post(f"{lab.settings.alertmanager_url}/api/v2/alerts", json=[alert]).raise_for_status()
        deadline = time.monotonic() + SAMPLE_SECONDS
        while True:
            messages = http.get(f"{lab.settings.inbox_url}/api/messages").raise_for_status().json()["messages"]
            told = {one["kind"] for one in messages if "The shop is closed" in one["title"] + one["preview"]}
            if told == {"mail", "slack"}:
                return
            assert time.monotonic() < deadline, f"the inbox has {messages} after {SAMPLE_SECONDS} s"
            time.sleep(0.2)


def test_rules_and_alertmanager_know_each_other(lab: WholeLab) -> None:
    # The first alerts may come before Prometheus has found Alertmanager; it tells them again after a minute.
    deadline = time.monotonic() + RESEND_SECONDS + SAMPLE_SECONDS
    url = f"{lab.settings.alertmanager_url}/api/v2/alerts"
    while "Watchdog" not in {one["labels"]["alertname"] for one in httpx.get(url, trust_env=False).json()}:
        assert time.monotonic() < deadline, f"{url} never had the Watchdog"
        time.sleep(0.2)
