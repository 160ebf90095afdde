"""Monitoring of the real lab: everything is scraped, runs leave metrics, every rule can be evaluated."""

from datetime import UTC, datetime

from watching import MESSAGE_SECONDS, SAMPLE_SECONDS, Watch
from whole_lab import WholeLab

from lab.alerts import WATCHDOG
from lab.orders import summarize

RULES_SECONDS = 180  # the longest interval of a group of rules
RESEND_SECONDS = 60
JOBS = {"alertmanager", "inference-api", "probes", "prometheus", "statsd-exporter"}


def test_every_part_is_scraped_or_probed(watch: Watch) -> None:
    watch.samples("up == 1", lambda found: {one["metric"]["job"] for one in found} == JOBS)
    targets = watch.prometheus("targets")["activeTargets"]
    assert {target["labels"]["job"]: target["lastError"] for target in targets} == dict.fromkeys(JOBS, "")
    answering = {"airflow", "localstack", "s3", "athena", "ml-host", "mlflow", "inference-api"}
    watch.samples("lab_probe_success == 1", lambda found: {one["metric"]["target"] for one in found} == answering)


def test_a_run_leaves_its_metrics_within_15_seconds(lab: WholeLab, watch: Watch) -> None:
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "success", lab.failure(run)
    tasks = {task.task_id for task in lab.api.tasks(run)}
    finished = 'airflow_ti_finish{dag_id="orders_pipeline",state="success"}'
    watch.samples(finished, lambda found: {one["metric"]["task_id"] for one in found} == tasks)
    watch.samples('airflow_dagrun_duration_success_count{dag_id="orders_pipeline"} >= 1')
    read = watch.samples('pipeline_rows{dag_id="orders_pipeline",stage="raw",outcome="read"}')
    assert int(read[0]["value"][1]) == summarize(lab.settings.orders_csv).rows_read


def test_every_rule_is_evaluated(watch: Watch) -> None:
    # A rule has a health once it has been evaluated.
    watch.samples(
        "prometheus_rule_group_iterations_total",
        lambda found: found and all(one["value"][1] != "0" for one in found),
        RULES_SECONDS + SAMPLE_SECONDS,
    )
    groups = watch.prometheus("rules")["groups"]
    rules = [(group["name"], rule) for group in groups for rule in group["rules"]]
    assert rules
    assert [(group, rule["name"], rule.get("lastError")) for group, rule in rules if rule["health"] != "ok"] == []
    assert all(one["value"][1] == "0" for one in watch.samples("prometheus_rule_evaluation_failures_total"))


def test_an_alert_becomes_a_mail_and_a_slack_message(watch: Watch) -> None:
    began = datetime.now(UTC)
    watch.post_alert(
        {
            "labels": {"alertname": "ShopClosed", "severity": "critical", "component": "shop"},
            "annotations": {"summary": "The shop is closed", "description": "", "runbook_url": "", "dashboard_url": ""},
        }
    )
    watch.messages(began, "The shop is closed")


def test_rules_and_alertmanager_know_each_other(watch: Watch) -> None:
    # The first alerts may come before Prometheus has found Alertmanager; it tells them again after a minute.
    watch.alerts(
        lambda found: WATCHDOG in {one["labels"]["alertname"] for one in found}, RESEND_SECONDS + MESSAGE_SECONDS
    )
