"""The files of the lab that production is made of, with the cluster's addresses in place of the lab's."""

from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

REPOSITORY = Path(__file__).resolve().parents[1]
PROMETHEUS = REPOSITORY / "prometheus" / "prometheus.yml"
STATSD_MAPPING = REPOSITORY / "prometheus" / "statsd_mapping.yml"
RULES = REPOSITORY / "alerting" / "rules"
DASHBOARDS = REPOSITORY / "grafana" / "generated"
AIRFLOW_OPTIONS = REPOSITORY / "lab" / "airflow.env"
LOCK = REPOSITORY / "requirements.lock"
ADDRESSES = REPOSITORY / "production" / "addresses.yml"


def load(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def defaults() -> dict[str, str]:
    """Return the lab's settings as .env.example has them."""
    settings = dotenv_values(REPOSITORY / ".env.example", interpolate=False)
    return {name: value or "" for name, value in settings.items()}


def inbox() -> str:
    """Return the address of the lab's inbox, which production has none of."""
    return _local("INBOX")


def addressed(text: str) -> str:
    """Return a text with the cluster's addresses: of rules, which take them from Prometheus, and of dashboards."""
    for name, address in load(ADDRESSES).items():
        text = text.replace(f"{{{{ $externalLabels.{name}_url }}}}", address)
        if name != "runbooks":
            text = text.replace(_local(name.upper()), address)
    return text


def _local(program: str) -> str:
    return f"http://127.0.0.1:{defaults()[f'{program}_PORT']}"
