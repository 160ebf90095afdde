"""Alerts: those that are firing now, as Alertmanager has them."""

from dataclasses import dataclass

import httpx

from lab.settings import Settings

# Always firing: it shows that alerts arrive.
WATCHDOG = "Watchdog"
REQUEST_SECONDS = 5.0


@dataclass(frozen=True)
class Alert:
    """One alert that is firing and that nothing hides."""

    name: str
    severity: str
    summary: str


def firing(settings: Settings) -> list[Alert]:
    """Return the alerts that Alertmanager would tell people of, by name; the Watchdog left out.

    Raises:
        httpx.HTTPError: Alertmanager does not answer.

    """
    answer = httpx.get(
        f"{settings.alertmanager_url}/api/v2/alerts",
        params={"active": True, "silenced": False, "inhibited": False},
        timeout=REQUEST_SECONDS,
        trust_env=False,
    ).raise_for_status()
    alerts = [
        Alert(
            found["labels"]["alertname"],
            found["labels"].get("severity", ""),
            found["annotations"].get("summary", ""),
        )
        for found in answer.json()
    ]
    return sorted((alert for alert in alerts if alert.name != WATCHDOG), key=lambda alert: (alert.name, alert.summary))
