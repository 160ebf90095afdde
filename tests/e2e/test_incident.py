"""Incidents in the real lab, from the cause to the last message that says it is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from watching import FIRING_SECONDS, Found, Watch
from whole_lab import WholeLab

from lab.demo import DAG_ID, RAW_CHECK

WriteOrders = Callable[..., Path]

PIPELINE = {"component": "pipeline", "dag_id": DAG_ID}
DATA = {"component": "data", "dag_id": DAG_ID}
SHORTER = {"alertname": "RowsDroppedByHalf", "severity": "warning", **DATA, "stage": "raw"}
# What comes of a file that is dirty, and much shorter than the last one. The critical alert on the data hides the
# warnings on them.
ALERTS_OF_A_BAD_FILE = [
    ({"alertname": "DataQualityCheckFailed", "severity": "critical", **DATA, "check": "raw_orders"}, "active"),
    ({**SHORTER, "outcome": "read"}, "suppressed"),
    ({**SHORTER, "outcome": "accepted"}, "suppressed"),
    ({"alertname": "RunFailed", "severity": "critical", **PIPELINE}, "active"),
    ({"alertname": "TaskFailed", "severity": "warning", **PIPELINE, "task_id": RAW_CHECK}, "active"),
]
# From a success: a scrape, the rules that remember how the last run ended, every 15 s, and the messages.
RESOLVED_SECONDS = 60
# Without exporter and probes; Alertmanager hides the alerts that follow from others. Without Alertmanager, Prometheus
# alone knows.
UNREACHABLE = {"AlertmanagerUnreachable"}
ALERTS_OF_AN_OUTAGE = {
    "ExporterDown": "active",
    "SchedulerHeartbeatMissing": "suppressed",
    "DagProcessorHeartbeatMissing": "suppressed",
    "TriggererHeartbeatMissing": "suppressed",
    "TargetDown": "active",
    "ProbesMissing": "suppressed",
}
HIDDEN_BY_AN_OUTAGE = ("heartbeat is missing", "Nobody asks Airflow")
RESENT_SECONDS = 60


def names(alerts: Found) -> set[str]:
    return {one["labels"]["alertname"] for one in alerts}


@pytest.mark.usefixtures("good_run")
def test_a_bad_file_is_told_in_all_ways_and_so_is_its_repair(
    lab: WholeLab, watch: Watch, write_orders: WriteOrders
) -> None:
    orders = write_orders(5_000, dirty=0.3)
    began = datetime.now(UTC)
    failed = lab.run(orders)
    assert failed.state == "failed"
    task, error = lab.failure(failed)
    assert task == RAW_CHECK
    checks = f'pipeline_quality_checks_total{{dag_id="{DAG_ID}",check="raw_orders",result="failed"}}'
    watch.samples(checks)

    # Airflow tells at once: which task, of which run, when, why, and where its log is.
    reason = error.partition(": ")[2][:40]
    log = f"{lab.settings.airflow_url}/dags/{DAG_ID}/runs/{quote(failed.run_id)}/tasks/{RAW_CHECK}?try_number=1"
    watch.messages(began, f"{DAG_ID}.{RAW_CHECK} failed", f"{began:%Y-%m-%d}", reason, log)
    assert httpx.get(log, trust_env=False).is_success

    # Prometheus sees it too, and Alertmanager tells of it, with what hides behind what, and where to read on.
    def all_are_there(found: Found) -> bool:
        known = [(one["labels"], one["status"]["state"]) for one in found]
        return all(expected in known for expected in ALERTS_OF_A_BAD_FILE)

    for alert in watch.alerts(all_are_there, FIRING_SECONDS):
        runbook = alert["annotations"]["runbook_url"]
        assert runbook == f"{lab.settings.inbox_url}/runbooks/{alert['labels']['alertname']}"
        assert httpx.get(runbook, trust_env=False).is_success
    day, link = f"{began:%Y-%m-%d}", f"{lab.settings.airflow_url}/dags/{DAG_ID}"
    watch.messages(began, f"Quality check raw_orders of {DAG_ID} failed", "FIRING", day, f"{link}/runs")
    watch.messages(began, f"Task {RAW_CHECK} of {DAG_ID} failed", "FIRING", day, f"{link}/tasks/{RAW_CHECK}")

    # The file is corrected: the next run is good, and all of it is over, which is told as well.
    repaired = datetime.now(UTC)
    orders.write_bytes(lab.settings.orders_csv.read_bytes())
    assert lab.run(orders).state == "success"
    watch.samples(f'pipeline_rows{{dag_id="{DAG_ID}",stage="raw",outcome="read"}} > 40000')
    of_a_bad_file = {labels["alertname"] for labels, _ in ALERTS_OF_A_BAD_FILE}
    watch.rules("firing", of_a_bad_file.isdisjoint, RESOLVED_SECONDS)
    watch.alerts(lambda found: of_a_bad_file.isdisjoint(names(found)))
    for summary in (f"Quality check raw_orders of {DAG_ID} failed", f"A run of {DAG_ID} failed"):
        watch.messages(repaired, summary, "RESOLVED")


def test_a_run_goes_on_while_nothing_watches_it_and_the_outage_is_told(lab: WholeLab, watch: Watch) -> None:
    watch.samples("count(up == 1) == 5")
    began = datetime.now(UTC)
    run = lab.api.trigger(DAG_ID, {"orders_csv": str(lab.settings.orders_csv)})
    for name in ("statsd-exporter", "prometheus", "alertmanager"):
        lab.kill_and_await(name)
    # What Prometheus has not scraped since it started again, it takes for present for another five minutes.
    watch.samples(f"count(timestamp(up) > {time.time()}) == 5")
    with stopped(lab, "alertmanager"):
        # The other alerts are to come when it is there again: what it cannot be told, it is told again a minute later.
        watch.rules("pending", UNREACHABLE.issubset)
        with stopped(lab, "statsd-exporter", "probes"):
            assert lab.finished(run).state == "success", lab.failure(run)
            watch.rules("firing", UNREACHABLE.issubset)
            lab.supervisor.start_service("alertmanager")

            def all_are_there(found: Found) -> bool:
                known = {one["labels"]["alertname"]: one["status"]["state"] for one in found}
                return known.items() >= ALERTS_OF_AN_OUTAGE.items()

            watch.alerts(all_are_there, FIRING_SECONDS + RESENT_SECONDS)
            for summary in ("The StatsD exporter is down", "Prometheus cannot scrape probes"):
                watch.messages(began, summary, "FIRING")

    back = datetime.now(UTC)
    watch.samples("sum(airflow_scheduler_heartbeat) > 0")
    watch.samples("lab_probe_success == 1", lambda found: len(found) == 7)
    watch.alerts(lambda found: names(found).isdisjoint(ALERTS_OF_AN_OUTAGE), RESOLVED_SECONDS)
    for summary in ("The StatsD exporter is down", "Prometheus cannot scrape probes"):
        watch.messages(back, summary, "RESOLVED")
    for hidden in HIDDEN_BY_AN_OUTAGE:
        assert watch.count(began, hidden) == 0
    # What Prometheus knew before it was killed, it still knows.
    watch.samples(f"count(up @ {began.timestamp():.0f} == 1) == 5")


@contextmanager
def stopped(lab: WholeLab, *services: str) -> Iterator[None]:
    """Stop services; start them again in the end, except those that run."""
    for name in services:
        lab.supervisor.stop_service(name)
    try:
        yield
    finally:
        for name, process in lab.supervisor.processes().items():
            if name in services and not process.alive:
                lab.supervisor.start_service(name)
