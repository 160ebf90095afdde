"""The values for the Helm charts: of the official Airflow chart, and of kube-prometheus-stack."""

import re
from typing import Any

from dotenv import dotenv_values

from production import sources

Values = dict[str, Any]

# By the chart itself: on, and where the chart's own exporter is.
SET_BY_CHART = {"statsd_on", "statsd_host", "statsd_port"}


def airflow() -> Values:
    """Return what the official Airflow chart needs to send the lab's metrics, under the lab's names."""
    version = re.search(r"^apache-airflow==(\S+)", sources.LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if version is None:
        raise LookupError(f"{sources.LOCK} does not name apache-airflow")
    repository, _, tag = sources.defaults()["STATSD_EXPORTER_IMAGE"].partition(":")
    return {
        "airflowVersion": version[1],
        "defaultAirflowTag": version[1],
        "images": {"statsd": {"repository": repository, "tag": tag}},
        "config": {"metrics": _metrics_options()},
        "statsd": {"enabled": True, "overrideMappings": mappings()},
    }


def kube_prometheus_stack() -> Values:
    """Return what makes kube-prometheus-stack see rules, monitors and targets that it did not bring itself."""
    seen = ("rule", "serviceMonitor", "scrapeConfig")
    return {"prometheus": {"prometheusSpec": {f"{kind}SelectorNilUsesHelmValues": False for kind in seen}}}


def mappings() -> list[Values]:
    """Return the exporter's mappings; the chart takes no defaults, so that they are written into each one.

    What no mapping names gets the defaults by the last one.
    """
    content = sources.load(sources.STATSD_MAPPING)
    defaults = {name: value for name, value in content["defaults"].items() if name != "ttl"}
    every_other = {"match": r"(.+)", "match_type": "regex", "name": "${1}"}
    return [
        mapping if mapping.get("action") == "drop" else mapping | (defaults | mapping)
        for mapping in [*content["mappings"], every_other]
    ]


def _metrics_options() -> dict[str, str]:
    section = "AIRFLOW__METRICS__"
    options = {
        name.removeprefix(section).lower(): value or ""
        for name, value in dotenv_values(sources.AIRFLOW_OPTIONS, interpolate=False).items()
        if name.startswith(section)
    }
    return {name: value for name, value in options.items() if name not in SET_BY_CHART}
