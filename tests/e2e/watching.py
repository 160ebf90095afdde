"""The lab's monitoring as the end-to-end tests watch it: samples, alerts, messages, polled until they are as wanted."""

import html
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import httpx

from lab.settings import Settings

# From what happens to a sample in Prometheus; from an alert that fires to a message in the inbox.
SAMPLE_SECONDS = 15
MESSAGE_SECONDS = 15
# How long most alerts wait before they fire, a scrape, and the rules that build on each other.
FIRING_SECONDS = 60 + 30
POLL_SECONDS = 0.2

Found = list[dict[str, Any]]
Answer = TypeVar("Answer")


class Watch:
    """What Prometheus, Alertmanager and the inbox say.

    What takes seconds asks again and again until the answer is as wanted, and returns it; after so many seconds it
    fails and shows the last answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._prometheus = f"{settings.prometheus_url}/api/v1"
        self._alertmanager = f"{settings.alertmanager_url}/api/v2"
        self._inbox = f"{settings.inbox_url}/api"
        self._http = httpx.Client(timeout=30, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def prometheus(self, path: str, **parameters: str) -> Any:
        """Ask Prometheus's API; return the data of its answer."""
        return self._get(f"{self._prometheus}/{path}", parameters)["data"]

    def samples(
        self, query: str, condition: Callable[[Found], object] = bool, seconds: float = SAMPLE_SECONDS
    ) -> Found:
        """Return the result of a query."""
        return self._until(query, lambda: self.prometheus("query", query=query)["result"], condition, seconds)

    def rules(self, state: str, condition: Callable[[set[str]], object], seconds: float = FIRING_SECONDS) -> set[str]:
        """Return the names of the alerts that are pending or firing in Prometheus, hidden or not, delivered or not."""

        def names() -> set[str]:
            alerts = self.prometheus("alerts")["alerts"]
            return {one["labels"]["alertname"] for one in alerts if one["state"] == state}

        return self._until(f"{state} in Prometheus", names, condition, seconds)

    def alerts(self, condition: Callable[[Found], object], seconds: float = MESSAGE_SECONDS) -> Found:
        """Return the alerts that Alertmanager has."""
        return self._until(
            "Alertmanager's alerts", lambda: self._get(f"{self._alertmanager}/alerts"), condition, seconds
        )

    def messages(self, since: datetime, *texts: str, seconds: float = MESSAGE_SECONDS) -> None:
        """Wait for a mail and a Slack message whose titles and contents, links included, have all of the texts."""

        def kinds() -> set[str]:
            rows = self._get(f"{self._inbox}/messages", {"since": since.isoformat()})["messages"]
            whole = [self._get(f"{self._inbox}/messages/{row['id']}") for row in rows]
            return {one["kind"] for one in whole if all(text in _content(one) for text in texts)}

        self._until(f"kinds of messages with {texts}", kinds, lambda found: len(found) == 2, seconds)

    def count(self, since: datetime, text: str) -> int:
        """Return how many messages there are with a text in their words."""
        parameters = {"since": since.isoformat(), "text": text, "limit": "0"}
        count: int = self._get(f"{self._inbox}/messages", parameters)["count"]
        return count

    def post_alert(self, alert: dict[str, Any]) -> None:
        """Hand Alertmanager an alert, as Prometheus does."""
        self._http.post(f"{self._alertmanager}/alerts", json=[alert]).raise_for_status()

    def _get(self, url: str, parameters: dict[str, str] | None = None) -> Any:
        return self._http.get(url, params=parameters or {}).raise_for_status().json()

    def _until(
        self, what: str, ask: Callable[[], Answer], condition: Callable[[Answer], object], seconds: float
    ) -> Answer:
        deadline = time.monotonic() + seconds
        while True:
            last: Answer | httpx.HTTPError
            try:
                last = answer = ask()
                if condition(answer):
                    return answer
            except httpx.HTTPError as error:  # it is just being started
                last = error
            assert time.monotonic() < deadline, f"not within {seconds} s as expected: {what}: {last!r}"
            time.sleep(POLL_SECONDS)


def _content(message: dict[str, Any]) -> str:
    source = html.unescape(message["html"]) if message["kind"] == "mail" else str(message["payload"])
    return f"{message['title']}\n{message['text']}\n{source}"
