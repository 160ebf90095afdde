"""The monitoring's files: Prometheus's and Alertmanager's configuration, with the addresses of the settings.

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
from lab.settings import REPOSITORY, Settings

PROMETHEUS = REPOSITORY / "prometheus" / "prometheus.yml"
ALERTMANAGER = REPOSITORY / "alerting" / "alertmanager.yml"
STATSD_MAPPING = REPOSITORY / "prometheus" / "statsd_mapping.yml"
RULES = REPOSITORY / "alerting" / "rules"


def rendered_path(settings: Settings, source: Path) -> Path:
    """Return where the copy of a committed file lies."""
    return settings.state_dir / "monitoring" / source.name


def render(settings: Settings) -> str:
    """Write the copies of both files, readable by us alone: they may hold a mail server's password.

    Raises:
        LabError: a file is no YAML, or a connection in .env is no JSON.

    """
    prometheus = _relocated(_load(PROMETHEUS), _ports(settings))
    prometheus["rule_files"] = [os.path.normpath(PROMETHEUS.parent / path) for path in prometheus["rule_files"]]
    alertmanager = _relocated(_load(ALERTMANAGER), _ports(settings))
    alertmanager["global"] |= _targets(settings)
    for email in (email for receiver in alertmanager["receivers"] for email in receiver.get("email_configs", ())):
        email["to"] = settings.environment["AIRFLOW_VAR_ALERT_EMAIL"]
    for source, content in ((PROMETHEUS, prometheus), (ALERTMANAGER, alertmanager)):
        path = rendered_path(settings, source)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        header = f"# Written by `make up` from {source.relative_to(REPOSITORY)} and the settings.\n"
        path.write_text(header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return "written"


def digests(settings: Settings) -> dict[str, str]:
    """Return, by service, what changes whenever a file or a setting does that the service has read at its start."""
    return {
        "statsd-exporter": _digest([STATSD_MAPPING], {}),
        "prometheus": _digest([PROMETHEUS, *sorted(RULES.glob("*.yml"))], _ports(settings)),
        "alertmanager": _digest([ALERTMANAGER], settings.environment),
    }


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


def _ports(settings: Settings) -> dict[str, str]:
    """Return each port as the committed files have it, with the one to take its place."""
    defaults = dotenv_values(REPOSITORY / ".env.example", interpolate=False)
    return {
        default: settings.environment[name] for name, default in defaults.items() if name.endswith("_PORT") and default
    }


def _relocated(content: Any, ports: Mapping[str, str]) -> Any:
    match content:
        case dict():
            return {name: _relocated(value, ports) for name, value in content.items()}
        case list():
            return [_relocated(value, ports) for value in content]
        case str():
            return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: ports.get(port.group(), port.group()), content)
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
