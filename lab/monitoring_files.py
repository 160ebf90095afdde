"""The monitoring's files: configuration of Prometheus and Alertmanager, and dashboards, at the settings' addresses.

The committed files hold the addresses of .env.example. Their copies, in the state directory, have those of .env in
their place, and send messages to where Airflow sends its own.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from lab.errors import LabError
from lab.settings import LOOPBACK, REPOSITORY, Settings

PROMETHEUS = REPOSITORY / "prometheus" / "prometheus.yml"
ALERTMANAGER = REPOSITORY / "alerting" / "alertmanager.yml"
STATSD_MAPPING = REPOSITORY / "prometheus" / "statsd_mapping.yml"
RULES = REPOSITORY / "alerting" / "rules"
DASHBOARDS = REPOSITORY / "grafana" / "generated"
PROVISIONING = REPOSITORY / "grafana" / "provisioning"
RUNBOOKS = REPOSITORY / "alerting" / "runbooks"


def rendered_path(settings: Settings, source: Path) -> Path:
    """Return where the copy of a committed file lies."""
    return settings.state_dir / "monitoring" / source.name


def dashboards_folder(settings: Settings) -> Path:
    """Return where the copies of the dashboards lie."""
    return settings.state_dir / "monitoring" / "dashboards"


def scrape_interval() -> str:
    """Return the time between two scrapes, as Prometheus's configuration has it."""
    return str(_load(PROMETHEUS)["global"]["scrape_interval"])


def render(settings: Settings) -> str:
    """Write the copies of all files. Alertmanager's is readable by us alone: it may hold a mail server's password.

    Raises:
        LabError: a file is no YAML, or a connection in .env is no JSON.

    """
    committed = _load(PROMETHEUS)
    # What every alert tells people stands in `global`; all else is between the services.
    told = _relocated(committed["global"], _addresses_for_people(settings))
    prometheus = _relocated(committed, _addresses(settings)) | {"global": told}
    prometheus["rule_files"] = [os.path.normpath(PROMETHEUS.parent / path) for path in prometheus["rule_files"]]
    alertmanager = _relocated(_load(ALERTMANAGER), _addresses(settings))
    alertmanager["global"] |= _targets(settings)
    for email in (email for receiver in alertmanager["receivers"] for email in receiver.get("email_configs", ())):
        email["to"] = settings.environment["AIRFLOW_VAR_ALERT_EMAIL"]
    for source, content in ((PROMETHEUS, prometheus), (ALERTMANAGER, alertmanager)):
        path = rendered_path(settings, source)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        header = f"# Written at the lab's start from {source.relative_to(REPOSITORY)} and the settings.\n"
        path.write_text(header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    _render_dashboards(settings)
    return "written"


def digests(settings: Settings) -> dict[str, str]:
    """Return, by service, what changes whenever a file or a setting does that the service has read at its start."""
    return {
        "statsd-exporter": _digest([STATSD_MAPPING], {}),
        "prometheus": _digest([PROMETHEUS, *sorted(RULES.glob("*.yml"))], _addresses(settings)),
        "alertmanager": _digest([ALERTMANAGER], settings.environment),
        "grafana": _digest(
            sorted([*DASHBOARDS.glob("*.json"), *PROVISIONING.rglob("*.yml")]), _addresses_for_people(settings)
        ),
    }


def _render_dashboards(settings: Settings) -> None:
    folder = dashboards_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {path.name: path for path in DASHBOARDS.glob("*.json")}
    for path in folder.glob("*.json"):
        if path.name not in sources:
            path.unlink()
    for name, source in sources.items():
        content = _relocated(source.read_text(encoding="utf-8"), _addresses_for_people(settings))
        (folder / name).write_text(content, encoding="utf-8")


def _digest(files: Iterable[Path], values: Mapping[str, str]) -> str:
    content = hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode())
    for path in files:
        content.update(path.read_bytes())
    return content.hexdigest()


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise LabError(f"{path} is no YAML: {error}") from error
    return content


def _addresses(settings: Settings) -> dict[str, str]:
    """Return each address as the committed files have it, with the one to take its place."""
    return {committed: settings.address(name) for name, committed in _committed_addresses().items()}


def _addresses_for_people(settings: Settings) -> dict[str, str]:
    return {committed: f"{LOOPBACK}:{settings.environment[name]}" for name, committed in _committed_addresses().items()}


def _committed_addresses() -> dict[str, str]:
    """Return the addresses of the committed files, by the setting of the port."""
    defaults = dotenv_values(REPOSITORY / ".env.example", interpolate=False)
    return {name: f"{LOOPBACK}:{default}" for name, default in defaults.items() if name.endswith("_PORT")}


def _relocated(content: Any, addresses: Mapping[str, str]) -> Any:
    match content:
        case dict():
            return {name: _relocated(value, addresses) for name, value in content.items()}
        case list():
            return [_relocated(value, addresses) for value in content]
        case str():
            return re.sub(
                re.escape(LOOPBACK) + r":\d+", lambda found: addresses.get(found.group(), found.group()), content
            )
    return content


def _targets(settings: Settings) -> dict[str, Any]:
    """Return Alertmanager's words for the mail server and the webhook of Airflow's connections."""
    mail, slack = (
        _connection(settings, "AIRFLOW_CONN_SMTP_DEFAULT"),
        _connection(settings, "AIRFLOW_CONN_SLACK_WEBHOOK"),
    )
    extra = mail.get("extra", {})
    login = {"smtp_auth_username": mail.get("login", ""), "smtp_auth_password": mail.get("password", "")}
    return {
        "slack_api_url": slack.get("host", ""),
        "smtp_smarthost": f"{mail.get('host', '')}:{mail.get('port', 25)}",
        "smtp_from": extra.get("from_email", ""),
        # STARTTLS. On port 465 Alertmanager talks TLS from the first byte, whatever stands here.
        "smtp_require_tls": not extra.get("disable_tls", False),
        **(login if login["smtp_auth_username"] else {}),
    }


def _connection(settings: Settings, name: str) -> dict[str, Any]:
    try:
        connection = json.loads(settings.environment[name])
    except json.JSONDecodeError as error:
        raise LabError(f"{name} is no JSON: {error}. Write it into .env as .env.example has it.") from error
    if not isinstance(connection, dict):
        raise LabError(f"{name} is no JSON object. Write it into .env as .env.example has it.")
    return connection
