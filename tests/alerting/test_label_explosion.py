"""A label with ever new values: the exporter holds out, and a real Prometheus raises the alert by the real rules."""

import time
from pathlib import Path
from typing import Any

import httpx

from lab.settings import Settings
from lab.statsd_series import MOST_SERIES_PER_METRIC
from tests.lab.statsd_process import StatsdProcess

EXCESS = 500
# A scrape, and two groups of rules of which one reads the other. What `for` adds is in alerting/tests/monitoring.yml.
PENDING_SECONDS = 30


def test_ever_new_labels_are_refused_counted_and_told(
    tmp_path: Path, rendered: Settings, prometheus: httpx.Client
) -> None:
    with StatsdProcess(tmp_path / "exporter.log", http_port=rendered.statsd_metrics_port) as exporter:
        exporter.send(
            f"airflow.ti.finish,dag_id=of_one_run_{run},task_id=t,state=success:1|c"
            for run in range(MOST_SERIES_PER_METRIC + EXCESS)
        )
        assert exporter.page().count("\nairflow_ti_finish{") == MOST_SERIES_PER_METRIC
        assert exporter.value("statsd_exporter_series_refused_total", metric_name="airflow_ti_finish") == EXCESS

        # Neither known series of the full metric nor other metrics suffer.
        exporter.send(["airflow.ti.finish,dag_id=of_one_run_0,task_id=t,state=success:1|c"])
        assert exporter.value("airflow_ti_finish", dag_id="of_one_run_0", task_id="t", state="success") == 2
        exporter.send(["airflow.ti.start,dag_id=new,task_id=t:1|c"])
        assert exporter.value("airflow_ti_start", dag_id="new", task_id="t") == 1

        deadline = time.monotonic() + PENDING_SECONDS
        while not (told := _told(prometheus)):
            assert time.monotonic() < deadline, f"no TooManySeries within {PENDING_SECONDS} s"
            time.sleep(0.5)
    assert [(one["labels"]["metric_name"], float(one["value"])) for one in told] == [("airflow_ti_finish", EXCESS)]


def _told(prometheus: httpx.Client) -> list[dict[str, Any]]:
    alerts = prometheus.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
    return [one for one in alerts if one["labels"]["alertname"] == "TooManySeries"]
