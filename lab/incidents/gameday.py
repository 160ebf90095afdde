"""A game day: incidents one after another, in an order that a seed fixes, and how long it took until each was seen.

Which one it is, is told at the end: until then there is what a person on call has, the inbox and the dashboards.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from rich import box
from rich.table import Table

from lab import alerts
from lab.errors import LabError
from lab.incidents import commands
from lab.incidents.declarations import INCIDENTS
from lab.incidents.incident import Incident
from lab.incidents.journal import Journal
from lab.incidents.parts import find_parts
from lab.progress import Progress
from lab.settings import Settings

MINUTES = 30
# Between two incidents, and with one after its alerts have come.
QUIET_SECONDS = (20, 90)
LOOK_SECONDS = 60
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Turn:
    """One turn of the series: how many seconds nothing happens, and what happens then."""

    quiet_seconds: float
    incident: Incident


@dataclass(frozen=True)
class Played:
    """A turn that was played: when its incident was caused, and after how many seconds an alert fired, if one did."""

    incident: Incident
    at: str
    detected_after: float | None


def series(seed: int) -> Iterator[Turn]:
    """Return the turns of a seed: every incident once, then every one again, and so on."""
    chance = random.Random(seed)  # noqa: S311 - must be repeatable
    while True:
        for incident in chance.sample(INCIDENTS, len(INCIDENTS)):
            yield Turn(chance.uniform(*QUIET_SECONDS), incident)


def play(settings: Settings, seed: int, minutes: int, progress: Progress) -> None:
    """Play turns until so many minutes are over; heal after each, and when interrupted; tell at the end what it was.

    Raises:
        LabError: no lab runs, something is open, or an incident could not be caused or healed.

    """
    find_parts(settings)
    if opened := Journal(settings.state_dir).opened():
        raise LabError(f"{', '.join(opened)} is open. A game day begins with a lab that is well: `make heal` first.")
    progress.note(
        f"Game day {seed}: for {minutes} minutes something breaks now and then, and is put right.\n"
        f"Alerts arrive in {settings.inbox_url}; what is behind them, {settings.grafana_url} shows. Ctrl-C ends it.\n"
    )
    ends = time.monotonic() + minutes * 60
    played: list[Played] = []
    try:
        for turn in series(seed):
            time.sleep(turn.quiet_seconds)
            if time.monotonic() > ends:
                break
            try:
                played.append(_play(settings, turn.incident, len(played) + 1, progress))
            finally:
                # Also when interrupted: the lab is left as it was.
                commands.heal(settings, progress)
    finally:
        _tell(played, progress)


def _play(settings: Settings, incident: Incident, number: int, progress: Progress) -> Played:
    at = time.strftime("%H:%M:%S")
    commands.cause(settings, incident.name, progress)
    began = time.monotonic()
    progress.note(f"  {at}  incident {number} has begun")
    detected_after = None
    while detected_after is None and time.monotonic() < began + incident.within:
        time.sleep(POLL_SECONDS)
        if _is_told(settings, incident):
            detected_after = time.monotonic() - began
    progress.note(f"  {time.strftime('%H:%M:%S')}  {'an alert has fired' if detected_after else 'no alert has fired'}")
    time.sleep(LOOK_SECONDS)
    return Played(incident, at, detected_after)


def _is_told(settings: Settings, incident: Incident) -> bool:
    try:
        told = [alert for alert in alerts.known(settings.alertmanager_url) if alert.state == "active"]
    except httpx.HTTPError as error:
        raise LabError(f"Alertmanager does not answer: {error}. `make status` shows more.") from error
    return any(expected.matches(alert) for expected in incident.fires for alert in told)


def _tell(played: list[Played], progress: Progress) -> None:
    table = Table("", "at", "incident", "what it was", "seconds to detect", box=box.SIMPLE_HEAD)
    for number, one in enumerate(played, 1):
        seconds = "not detected" if one.detected_after is None else f"{one.detected_after:.0f}"
        table.add_row(str(number), one.at, one.incident.name, one.incident.title, seconds)
    progress.console.print(table)
    progress.note("docs/incidents.md tells of each what it is, and what there is to say about it.")
