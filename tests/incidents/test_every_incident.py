"""Every incident in a real lab, run in both ways: caused, told by its alerts and by no others, healed, and over.

Those that do not disturb each other are open at the same time: a minute passes before most alerts fire.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from subprocess import CompletedProcess

import pytest
from watching import Watch

from lab import alerts
from lab.alerts import Alert
from lab.incidents.declarations import INCIDENTS
from lab.incidents.incident import Expected, Incident, unexpected, waves
from lab.settings import Settings
from tests.incidents.running_labs import Lab
from tests.measured import Measure

POLL_SECONDS = 0.5
# Until what else an incident has set going is done: a new datamart has the churn model trained, where that is on.
QUIET_SECONDS = 300
WAVES = waves(INCIDENTS)


class Wave:
    """Incidents that are open together, and the alerts of the lab meanwhile."""

    def __init__(self, lab: Lab, incidents: Sequence[Incident]) -> None:
        self.lab = lab
        self.incidents = incidents
        self.began = datetime.now(UTC)
        # What Alertmanager keeps back, as a message would call it.
        self.kept_back: set[str] = set()

    def look(self) -> list[Alert]:
        """Return the alerts of now; fail at one that nobody has declared."""
        found = alerts.known(self.lab.settings.alertmanager_url)
        assert unexpected(found, self.incidents) == []
        self.kept_back |= {alert.summary for alert in found if alert.state == "suppressed"}
        return found

    def await_alerts(self, what: str, condition: Callable[[list[Alert]], object], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition(found := self.look()):
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; there are {found}"
            time.sleep(POLL_SECONDS)

    def watched(self, command: Future[CompletedProcess[str]]) -> None:
        """Look at the alerts until a command has ended, which has to be well."""
        while not command.done():
            self.look()
            time.sleep(POLL_SECONDS)
        outcome = command.result()
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def is_told(expected: Expected, found: Sequence[Alert]) -> bool:
    return any(expected.matches(alert) and alert.state == "active" for alert in found)


def await_quiet(lab: Lab) -> None:
    """Wait until no alert fires or is about to, and nothing runs."""
    deadline = time.monotonic() + QUIET_SECONDS
    while left := [*raised(lab.settings), *lab.api.unfinished()]:
        assert time.monotonic() < deadline, f"after {QUIET_SECONDS} s: {left}"
        time.sleep(POLL_SECONDS)


def raised(settings: Settings) -> list[Alert]:
    found = alerts.known(settings.alertmanager_url) + alerts.pending(settings.prometheus_url)
    return [alert for alert in found if alert.name != alerts.WATCHDOG]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("incidents", WAVES, ids=["+".join(one.name for one in wave) for wave in WAVES])
def test_incidents_are_told_by_their_alerts_alone_and_healed(
    lab: Lab, watch: Watch, measure: Measure, incidents: list[Incident]
) -> None:
    await_quiet(lab)
    wave = Wave(lab, incidents)
    with ThreadPoolExecutor() as pool:
        began = time.monotonic()
        causes = [pool.submit(lab.command, "incident", incident.name) for incident in incidents]
        waiting = [(incident, expected) for incident in incidents for expected in incident.fires]

        def all_are_told(found: list[Alert]) -> bool:
            for cause in causes:
                assert not cause.done() or cause.result().returncode == 0, cause.result().stderr
            for incident, expected in list(waiting):
                if is_told(expected, found):
                    seconds = time.monotonic() - began
                    assert seconds <= incident.within, f"{incident.name}: {expected} took {seconds:.0f} s"
                    measure(f"{incident.name}: {expected} fired after {seconds:.0f} s")
                    waiting.remove((incident, expected))
            return not waiting

        wave.await_alerts("all alerts to fire", all_are_told, max(incident.within for incident in incidents))
        for cause in causes:
            wave.watched(cause)
        for expected in (expected for incident in incidents for expected in incident.fires):
            watch.messages(wave.began, expected.name, *expected.labels.values(), "FIRING")
        for summary in wave.kept_back:
            assert watch.count(wave.began, summary) == 0, f"a message told of {summary!r}"

        healed, healing = datetime.now(UTC), time.monotonic()
        wave.watched(pool.submit(lab.command, "heal"))
        names = ", ".join(incident.name for incident in incidents)
        measure(f"{names}: healed and resolved after {time.monotonic() - healing:.0f} s")
    # Of one message on several alerts, some may be over.
    for expected in (expected for incident in incidents for expected in incident.fires):
        watch.messages(healed, expected.name, *expected.labels.values(), "(resolved)")
