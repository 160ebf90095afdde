"""Alerts: those that are firing now, as Alertmanager has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from lab.settings import Settings

# Always firing: it shows that alerts arrive.
WATCHDOG = "Watchdog"
REQUEST_SECONDS = 5.0


@dataclass(frozen=True)
class Alert:
    """One alert.

    `state` is active, or suppressed when no message tells of it because it follows from another; before that, pending,
    which Prometheus alone knows.
    """

    name: str
    summary: str
    labels: Mapping[str, str]
    state: str

    @property
    def severity(self) -> str:
        """How bad it is: critical, warning or info."""
        return self.labels.get("severity", "")


def firing(settings: Settings) -> list[Alert]:
    """Return the alerts that Alertmanager would tell people of, by name; the Watchdog left out.

    Raises:
        httpx.HTTPError: Alertmanager does not answer.

    """
    told = (alert for alert in known(settings.alertmanager_url) if alert.state == "active" and alert.name != WATCHDOG)
    return sorted(told, key=lambda alert: (alert.name, alert.summary))


def known(alertmanager_url: str) -> list[Alert]:
    """Return all alerts that an Alertmanager has, active or suppressed.

    Raises:
        httpx.HTTPError: it does not answer.

    """
    return [_alert(found, found["status"]["state"]) for found in _get(f"{alertmanager_url}/api/v2/alerts")]


def pending(prometheus_url: str) -> list[Alert]:
    """Return the alerts whose condition holds, but not for long enough yet.

    Raises:
        httpx.HTTPError: Prometheus does not answer.

    """
    found = _get(f"{prometheus_url}/api/v1/alerts")["data"]["alerts"]
    return [_alert(one, "pending") for one in found if one["state"] == "pending"]


def _alert(found: Mapping[str, Any], state: str) -> Alert:
    labels = found["labels"]
    return Alert(labels["alertname"], found["annotations"].get("summary", ""), labels, state)


def _get(url: str) -> Any:
    return httpx.get(url, timeout=REQUEST_SECONDS, trust_env=False).raise_for_status().json()
