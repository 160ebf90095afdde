"""Inhibition: what a real Alertmanager hides while something else fires, and what it never hides."""

import time

import httpx
import pytest

from tests.alerting.alert_rules import alerts

SECONDS = 10
ALERTS = alerts()
ORDERS = {"dag_id": "orders_pipeline"}
TASK = {**ORDERS, "task_id": "ctas_orders_summary"}
TRAINING = {"dag_id": "mlops_churn_integration", "task_id": "train_model"}
SSH = {"dag_id": "mlops_churn_integration", "task_id": "check_ssh_connection"}
POOL = {"pool_name": "default_pool"}
ROLLBACK = {"dag_id": "mlops_churn_integration", "task_id": "rollback_model"}
CHURN = {"project": "churn", "environment": "dev"}
CREDIT_RISK = {"project": "credit_risk", "environment": "dev"}


@pytest.mark.parametrize(
    ("source", "source_labels", "target", "target_labels", "hidden"),
    [
        # Critical hides warning and info on the same subject, and on no other.
        ("TrainingFailed", TRAINING, "TaskFailed", TRAINING, True),
        ("SSHConnectionFailed", SSH, "TaskFailed", SSH, True),
        ("SSHConnectionFailed", SSH, "TaskFailed", TRAINING, False),
        ("RunFailed", ORDERS, "RunSlow", ORDERS, True),
        ("RunFailed", ORDERS, "TaskRetriesStorm", ORDERS, True),
        ("RunFailed", ORDERS, "RunSlow", {"dag_id": "another"}, False),
        ("DataQualityCheckFailed", {**ORDERS, "check": "c"}, "RowsDroppedByHalf", {**ORDERS, "stage": "raw"}, True),
        ("RunFailed", ORDERS, "DataQualityCheckFailed", {**ORDERS, "check": "c"}, False),
        # The message on a failed run names the task too.
        ("RunFailed", ORDERS, "TaskFailed", TASK, False),
        ("ModelRollbackFailed", ROLLBACK, "TaskFailed", ROLLBACK, True),
        ("ProbeFailed", {"target": "athena"}, "AthenaSlow", {"target": "athena"}, True),
        ("InferenceFailing", {}, "InferenceSlow", {}, True),
        ("InferenceWithoutChampion", {"project": "churn"}, "InferenceFailing", {}, False),
        ("RunFailed", TRAINING, "ModelCheckFailed", CHURN | {"check": "fairness"}, False),
        ("TrainingFailed", TRAINING, "TrainingSlowerThanUsual", CREDIT_RISK, False),
        # Of several models, each has a subject of its own.
        ("ModelCheckFailed", CHURN | {"check": "fairness"}, "ModelDrifted", CHURN, False),
        ("ExporterDown", {}, "ExporterDroppingPackets", {}, True),
        ("ExporterDown", {}, "DagImportErrors", {}, False),
        # What follows from the platform.
        ("ExporterDown", {}, "SchedulerHeartbeatMissing", {}, True),
        ("ExporterDown", {}, "DagProcessorHeartbeatMissing", {}, True),
        ("ExporterDown", {}, "TriggererHeartbeatMissing", {}, True),
        ("ExporterDown", {}, "ProbeFailed", {"target": "airflow"}, False),
        ("SchedulerHeartbeatMissing", {}, "TasksQueued", POOL, True),
        ("SchedulerHeartbeatMissing", {}, "DatamartStale", {"datamart": "orders_summary"}, True),
        ("SchedulerHeartbeatMissing", {}, "TriggererHeartbeatMissing", {}, False),
        ("TriggererHeartbeatMissing", {}, "TasksQueued", POOL, False),
        ("ProbeFailed", {"target": "airflow"}, "RunFailed", ORDERS, True),
        ("ProbeFailed", {"target": "airflow"}, "PoolFull", POOL, True),
        ("ProbeFailed", {"target": "airflow"}, "SchedulerHeartbeatMissing", {}, False),
        ("ProbeFailed", {"target": "airflow"}, "ProbeFailed", {"target": "localstack"}, False),
        ("ProbeFailed", {"target": "localstack"}, "ProbeFailed", {"target": "s3"}, True),
        ("ProbeFailed", {"target": "s3"}, "ProbeFailed", {"target": "athena"}, False),
        ("ProbeFailed", {"target": "athena"}, "TaskFailed", TASK, True),
        ("AthenaSlow", {"target": "athena"}, "RunSlow", ORDERS, True),
        ("AthenaSlow", {"target": "athena"}, "RunFailed", ORDERS, False),
        ("ProbeFailed", {"target": "s3"}, "DatamartLate", TRAINING, True),
        ("TriggererHeartbeatMissing", {}, "DatamartLate", TRAINING, True),
        ("ProbeFailed", {"target": "ml-host"}, "SSHConnectionFailed", SSH, False),
        ("ProbeFailed", {"target": "ml-host"}, "TrainingFailed", TRAINING, False),
        ("ProbeFailed", {"target": "ml-host"}, "RunFailed", SSH, True),
        ("ProbeFailed", {"target": "ml-host"}, "RunFailed", ORDERS, False),
        ("ProbeFailed", {"target": "mlflow"}, "TaskFailed", TRAINING, True),
        ("ProbeFailed", {"target": "mlflow"}, "InferenceWithoutChampion", {"project": "churn"}, False),
        ("SSHConnectionFailed", SSH, "ModelRollbackFailed", ROLLBACK, True),
        ("SSHConnectionFailed", SSH, "ModelRollbackFailed", {"dag_id": "mlops_credit_risk_integration"}, False),
        ("ProbeFailed", {"target": "inference-api"}, "TargetDown", {"job": "inference-api"}, True),
        ("ProbeFailed", {"target": "inference-api"}, "TargetDown", {"job": "probes"}, False),
        ("ProbeFailed", {"target": "localstack"}, "TrainingFailed", TRAINING, False),
        ("ProbeFailed", {"target": "localstack"}, "DataQualityCheckFailed", {**ORDERS, "check": "c"}, False),
        ("TargetDown", {"job": "probes"}, "ProbesMissing", {}, True),
        ("TargetDown", {"job": "prometheus"}, "ProbesMissing", {}, False),
    ],
)
def test_an_alert_is_hidden_by_what_explains_it(
    alertmanager: httpx.Client,
    source: str,
    source_labels: dict[str, str],
    target: str,
    target_labels: dict[str, str],
    *,
    hidden: bool,
) -> None:
    test = {"test": str(time.monotonic_ns())}
    fired = [_alert(source, source_labels | test), _alert(target, target_labels | test)]
    alertmanager.post("/api/v2/alerts", json=fired).raise_for_status()
    try:
        expected = {(source, _subject(source_labels)): False, (target, _subject(target_labels)): hidden}
        deadline = time.monotonic() + SECONDS
        while (found := _states(alertmanager, test["test"])) != expected:
            assert time.monotonic() < deadline, f"hidden or not, Alertmanager has {found} instead of {expected}"
            time.sleep(0.1)
    finally:
        ended = [alert | {"endsAt": alert["startsAt"]} for alert in fired]
        alertmanager.post("/api/v2/alerts", json=ended).raise_for_status()


def _alert(name: str, labels: dict[str, str]) -> dict[str, object]:
    rule = ALERTS[name]
    return {
        "labels": {"alertname": name, **rule["labels"], **labels},
        "annotations": {"summary": name},
        "startsAt": "2025-01-01T00:00:00Z",
    }


def _subject(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def _states(alertmanager: httpx.Client, test: str) -> dict[tuple[str, frozenset[tuple[str, str]]], bool]:
    """Return of each alert of this test, by name and subject, whether it is hidden."""
    answer = alertmanager.get("/api/v2/alerts", params={"filter": f'test="{test}"'}).raise_for_status()
    common = {"alertname", "severity", "component", "test"}
    return {
        (
            one["labels"]["alertname"],
            _subject({name: value for name, value in one["labels"].items() if name not in common}),
        ): bool(one["status"]["inhibitedBy"])
        for one in answer.json()
        if one["status"]["state"] != "unprocessed"
    }
