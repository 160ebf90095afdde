"""The Kubernetes objects: for the Prometheus Operator, and for Grafana's sidecar."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from production import sources

Object = dict[str, Any]

LABELS = {"app.kubernetes.io/part-of": "airflow-observability-lab"}
PREFIX = "airflow"
JOB = "statsd-exporter"
API_JOB = "inference-api"

# Alerts that belong to the lab, each with the reason why a cluster does not get it.
LEFT_OUT = {
    "ProbeFailed": "the lab's probes ask LocalStack",
    "ProbesMissing": "the lab's probes ask LocalStack",
    "AthenaSlow": "the lab's probes ask LocalStack",
    "Watchdog": "kube-prometheus-stack has its own",
    "TargetDown": "kube-prometheus-stack has its own; this one would look at every target of the cluster",
    "RuleEvaluationFailing": "kube-prometheus-stack: PrometheusRuleFailures",
    "AlertmanagerUnreachable": "kube-prometheus-stack: PrometheusNotConnectedToAlertmanagers",
    "NotificationsFailing": "kube-prometheus-stack: AlertmanagerFailedToSendAlerts",
}
# The page that the lab opens with: its own addresses, and what its probes say.
LEFT_OUT_DASHBOARDS = {"home"}


def prometheus_rules() -> list[Object]:
    """Return one PrometheusRule for each file of rules that leaves any; it is evaluated as often as in the lab."""
    interval = sources.load(sources.PROMETHEUS)["global"]["evaluation_interval"]
    found = []
    for path in sorted(sources.RULES.glob("*.yml")):
        content = json.loads(sources.addressed(json.dumps(sources.load(path), ensure_ascii=False)))
        groups = [
            {"name": group["name"], "interval": interval, **group, "rules": rules}
            for group in content["groups"]
            if (rules := [rule for rule in group["rules"] if rule.get("alert") not in LEFT_OUT])
        ]
        if groups:
            found.append(_object("monitoring.coreos.com/v1", "PrometheusRule", path, spec={"groups": groups}))
    return found


def service_monitor() -> Object:
    """Return the ServiceMonitor for the StatsD exporter of the official Airflow chart."""
    every = sources.load(sources.PROMETHEUS)["global"]
    endpoint = {
        "port": "statsd-scrape",
        "interval": every["scrape_interval"],
        "scrapeTimeout": every["scrape_timeout"],
        "relabelings": [
            # The rules know the exporter by this name.
            {"targetLabel": "job", "replacement": JOB},
            # A new pod is the same exporter, started again: with labels of its own, its counters would be others.
            {"sourceLabels": ["service"], "targetLabel": "instance"},
            {"action": "labeldrop", "regex": "pod|container|endpoint"},
        ],
    }
    chart = {"tier": "airflow", "component": "statsd"}
    spec = {"selector": {"matchLabels": chart}, "endpoints": [endpoint]}
    return _object("monitoring.coreos.com/v1", "ServiceMonitor", Path(JOB), spec=spec)


def scrape_config() -> Object:
    """Return the ScrapeConfig for the ML team's inference API, which serves outside the cluster."""
    every = sources.load(sources.PROMETHEUS)["global"]
    address = urlsplit(sources.load(sources.ADDRESSES)["ml_api"])
    spec = {
        "jobName": API_JOB,
        "scheme": address.scheme.upper(),
        "scrapeInterval": every["scrape_interval"],
        "scrapeTimeout": every["scrape_timeout"],
        "staticConfigs": [{"targets": [address.netloc]}],
    }
    return _object("monitoring.coreos.com/v1alpha1", "ScrapeConfig", Path(API_JOB), spec=spec)


def dashboards() -> list[Object]:
    """Return a ConfigMap for each dashboard, with the label that Grafana's sidecar looks for."""
    return [
        _object("v1", "ConfigMap", path, {"grafana_dashboard": "1"}, data={path.name: _dashboard(path)})
        for path in sorted(sources.DASHBOARDS.glob("*.json"))
        if path.stem not in LEFT_OUT_DASHBOARDS
    ]


def _dashboard(path: Path) -> str:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    dashboard["links"] = [link for link in dashboard["links"] if link["url"] != sources.inbox()]
    return sources.addressed(json.dumps(dashboard, indent=1, sort_keys=True, ensure_ascii=False)) + "\n"


def _object(version: str, kind: str, source: Path, labels: dict[str, str] | None = None, **content: Any) -> Object:
    name = f"{PREFIX}-{source.stem}".replace("_", "-")
    metadata = {"name": name, "labels": LABELS | (labels or {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
