"""The monitoring's files: their copies follow the settings, and are what the programs accept."""

import json
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import monitoring_files, monitoring_programs
from lab.errors import LabError
from lab.services import service_table
from lab.settings import REPOSITORY, Settings, free_ports, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in {**free_ports(), "LAB_STATE_DIR": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def with_value(settings: Settings, name: str, value: str) -> Settings:
    return replace(settings, environment={**settings.environment, name: value})


def rendered(settings: Settings, source: Path) -> dict[str, Any]:
    monitoring_files.render(settings)
    content: dict[str, Any] = yaml.safe_load(monitoring_files.rendered_path(settings, source).read_text())
    return content


def test_the_copies_hold_the_ports_of_the_settings(settings: Settings) -> None:
    prometheus = rendered(settings, monitoring_files.PROMETHEUS)
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    del jobs["flower"]  # in containers with Celery alone
    targets = {name: job["static_configs"][0]["targets"] for name, job in jobs.items()}
    ports = {
        "statsd-exporter": settings.statsd_metrics_port,
        "probes": settings.probes_port,
        "inference-api": settings.ml_api_port,
        "prometheus": settings.prometheus_port,
        "alertmanager": settings.alertmanager_port,
    }
    assert targets == {job: [f"127.0.0.1:{port}"] for job, port in ports.items()}
    assert prometheus["rule_files"] == [str(REPOSITORY / "alerting" / "rules" / "*.yml")]
    alertmanager = rendered(settings, monitoring_files.ALERTMANAGER)["global"]
    assert alertmanager["slack_api_url"] == f"{settings.inbox_url}/slack"
    assert alertmanager["smtp_smarthost"] == f"127.0.0.1:{settings.inbox_smtp_port}"
    assert alertmanager["smtp_require_tls"] is False


@pytest.mark.parametrize(
    ("program", "arguments", "source"),
    [
        ("promtool", ("check", "config"), monitoring_files.PROMETHEUS),
        ("amtool", ("check-config",), monitoring_files.ALERTMANAGER),
    ],
)
def test_the_programs_accept_the_copies(
    settings: Settings, program: str, arguments: tuple[str, ...], source: Path
) -> None:
    monitoring_files.render(settings)
    path = monitoring_files.rendered_path(settings, source)
    outcome = subprocess.run(
        [monitoring_programs.find(program), *arguments, path], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_a_real_mail_server_and_webhook_are_taken_from_airflows_connections(settings: Settings) -> None:
    mail = {
        "host": "mail.example.org",
        "port": 587,
        "login": "lab",
        "password": "p",
        "extra": {"from_email": "a@b.org"},
    }
    settings = with_value(settings, "AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(mail))
    settings = with_value(settings, "AIRFLOW_CONN_SLACK_WEBHOOK", '{"host": "https://hooks.example.org/T/B"}')
    settings = with_value(settings, "AIRFLOW_VAR_ALERT_EMAIL", "team@example.org")
    content = rendered(settings, monitoring_files.ALERTMANAGER)
    assert (
        content["global"].items()
        >= {
            "smtp_smarthost": "mail.example.org:587",
            "smtp_from": "a@b.org",
            "smtp_auth_username": "lab",
            "smtp_auth_password": "p",
            "smtp_require_tls": True,
            "slack_api_url": "https://hooks.example.org/T/B",
        }.items()
    )
    emails = [email for receiver in content["receivers"] for email in receiver.get("email_configs", ())]
    assert {email["to"] for email in emails} == {"team@example.org"}
    path = monitoring_files.rendered_path(settings, monitoring_files.ALERTMANAGER)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "others could read the mail server's password"


@pytest.mark.parametrize("value", ["smtp://mail.example.org", '"mail.example.org"'])
def test_a_connection_in_another_form_is_named(settings: Settings, value: str) -> None:
    with pytest.raises(LabError, match=r"AIRFLOW_CONN_SMTP_DEFAULT is no JSON.*\.env"):
        monitoring_files.render(with_value(settings, "AIRFLOW_CONN_SMTP_DEFAULT", value))


@pytest.mark.parametrize(
    ("name", "value", "restarted"),
    [
        ("AIRFLOW_VAR_ALERT_EMAIL", "team@example.org", {"alertmanager"}),
        ("INBOX_PORT", "8026", {"alertmanager", "grafana", "prometheus"}),
    ],
)
def test_what_has_read_a_setting_from_a_file_starts_anew_when_it_changes(
    settings: Settings, name: str, value: str, restarted: set[str]
) -> None:
    before, after = (monitoring_files.digests(given) for given in (settings, with_value(settings, name, value)))
    assert {service for service in before if before[service] != after[service]} == restarted


def test_each_digest_reaches_its_service(settings: Settings) -> None:
    services = {service.name: service for service in service_table(settings)}
    for name, digest in monitoring_files.digests(settings).items():
        assert services[name].environment["LAB_FILES"] == digest
