"""The command that writes objects into production/kubernetes, and values for Helm into production/helm.

    python -m production

does it for the repository, as `make production`.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from production import objects, values

HERE = Path(__file__).parent


def files() -> dict[str, str]:
    """Return the content of each file by its path in this folder."""
    return {
        "kubernetes/prometheus_rules.yaml": _yaml(objects.prometheus_rules(), "alerting/rules"),
        "kubernetes/service_monitor.yaml": _yaml([objects.service_monitor()], "prometheus/prometheus.yml"),
        "kubernetes/scrape_config.yaml": _yaml([objects.scrape_config()], "prometheus/prometheus.yml"),
        "kubernetes/dashboards.yaml": _yaml(objects.dashboards(), "grafana/generated"),
        "helm/airflow.yaml": _yaml([values.airflow()], "prometheus/statsd_mapping.yml and lab/airflow.env"),
        "helm/kube-prometheus-stack.yaml": _yaml([values.kube_prometheus_stack()], "production/values.py"),
    }


def main() -> int:
    """Write into the repository; return the exit code."""
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"production/{name}\n")
    return 0


class _Plain(yaml.SafeDumper):
    """YAML as people write it: texts of several lines as blocks, nothing by reference to something above."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _Plain.represent_text)


def _yaml(documents: Iterable[dict[str, Any]], source: str) -> str:
    header = f"# Written by `make production` from {source}. Change it there.\n"
    return header + yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.exit(main())
