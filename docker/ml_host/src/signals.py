"""Signals: metrics of commands, sent as StatsD lines with tags, in the form in which Airflow sends its own.

Sent to STATSD_HOST and STATSD_PORT; where the first is not set there is nobody to send to, and nothing is sent. No
command fails because nobody listens. The names of the labels and of the metrics are those of README.md.
"""

import functools
import logging
import os

from statsd import StatsClient

log = logging.getLogger(__name__)


def gauge(name: str, value: float, **labels: str) -> None:
    """Say how much there is of something now."""
    if client := _client():
        client.gauge(_tagged(name, labels), value)


def count(name: str, **labels: str) -> None:
    """Say that something happened once more."""
    if client := _client():
        client.incr(_tagged(name, labels))


def _tagged(name: str, labels: dict[str, str]) -> str:
    return ",".join((name, *(f"{label}={value}" for label, value in labels.items())))


@functools.cache
def _client() -> StatsClient | None:
    host = os.environ.get("STATSD_HOST")
    if not host:
        return None
    try:
        return StatsClient(host, int(os.environ.get("STATSD_PORT", "8125")))
    except OSError as error:  # a container's name is known only while it runs
        log.warning("No metrics are sent: STATSD_HOST %s: %s.", host, error)
        return None
