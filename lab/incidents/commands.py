"""The commands: cause an incident, and heal whatever is open."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from difflib import get_close_matches
from textwrap import fill

import httpx
from rich import box
from rich.table import Table

from lab import alerts, lifecycle
from lab.airflow_api import AirflowApi
from lab.errors import LabError
from lab.incidents.declarations import INCIDENTS
from lab.incidents.faults import BROKEN_DAG, Scene, run_well
from lab.incidents.incident import Incident
from lab.incidents.journal import Journal
from lab.incidents.parts import Parts, find_parts
from lab.progress import Progress
from lab.settings import Settings

POLL_SECONDS = 1.0
WIDTH = 100


def show(settings: Settings, progress: Progress) -> None:
    """Print all incidents, and which are open."""
    opened = Journal(settings.state_dir).opened()
    table = Table("incident", "what happens", "", box=box.SIMPLE_HEAD)
    for incident in INCIDENTS:
        since = opened.get(incident.name)
        table.add_row(incident.name, incident.title, f"open since {since:%H:%M} UTC" if since else "")
    progress.console.print(table)
    progress.note("make incident NAME=... causes one, `make heal` ends what is open. docs/incidents.md describes them.")


def cause(settings: Settings, name: str, progress: Progress) -> Incident:
    """Cause an incident; return its declaration.

    Raises:
        LabError: there is no such incident, no lab runs, something else is open that would disturb it, or it could not
            be caused; what had been done by then is healed by `heal`.

    """
    incident = find(name)
    parts = find_parts(settings)
    journal = Journal(settings.state_dir)
    _check_open(incident, journal)
    _prepare(settings, incident, progress)
    with ExitStack() as held:
        # Which also makes the state directory a lab's: in containers nobody else does.
        with lifecycle.alone(settings.state_dir, progress):
            held.enter_context(journal.together(progress))
            _check_open(incident, journal)
            folder = journal.open(incident.name)
        try:
            for fault in incident.faults:
                fault.cause(Scene(settings, parts, folder))
        except LabError as error:
            raise LabError(f"{error}\n{name} is open as far as it came: `make heal` undoes that.") from error
    return incident


def tell(settings: Settings, incident: Incident, progress: Progress) -> None:
    """Print what was caused, and what is to come of it."""
    happens = fill(" ".join(incident.happens.split()), WIDTH)
    progress.note(f"{incident.name}: {incident.title}.\n\n{happens}\n")
    progress.note(f"Within {incident.within} s these alerts fire, and a message of each is in {settings.inbox_url}:")
    for expected in incident.fires:
        progress.note(f"  {expected}")
    for uid in incident.look:
        progress.note(f"See {settings.grafana_url}/d/{uid}")
    progress.note(f"{settings.inbox_url}/incidents/{incident.name} tells more. `make heal` ends it.")


def heal(settings: Settings, progress: Progress) -> list[Incident]:
    """Undo every open incident, and wait until its alerts are gone; return what was open.

    Raises:
        LabError: no lab runs, something could not be undone and is open still, or an alert did not go.

    """
    journal = Journal(settings.state_dir)
    if not journal.opened():
        return []
    with journal.alone(progress):
        opened = [find(name) for name in journal.opened()]
        parts = find_parts(settings)
        with progress.live(), ThreadPoolExecutor() as pool:
            progress.waiting_for(["what is open to be undone"])
            healings = [pool.submit(_heal, settings, incident, parts, journal) for incident in opened]
        if errors := [str(error) for healing in healings if (error := healing.exception())]:
            raise LabError("\n\n".join(errors))
    with progress.live():
        _await_silence(settings, opened, progress)
    return opened


def forget() -> None:
    """Remove what an open incident has left outside of the state directory, when that is removed."""
    BROKEN_DAG.unlink(missing_ok=True)


def tell_healed(healed: Sequence[Incident], progress: Progress) -> None:
    """Print what was healed."""
    names = ", ".join(incident.name for incident in healed)
    progress.note(f"Healed, and the alerts are resolved: {names}." if names else "No incident is open.")


def find(name: str) -> Incident:
    """Return the incident of a name.

    Raises:
        LabError: there is none.

    """
    by_name = {incident.name: incident for incident in INCIDENTS}
    if name not in by_name:
        alike = get_close_matches(name, by_name, n=1)
        meant = f" Did you mean {alike[0]}?" if alike else f" There are: {', '.join(by_name)}."
        raise LabError(f"There is no incident {name!r}.{meant}")
    return by_name[name]


def _prepare(settings: Settings, incident: Incident, progress: Progress) -> None:
    """Have each DAG succeed once that must have, before the incident shows anything."""
    if not incident.after:
        return
    with AirflowApi(settings) as api:
        for dag_id in incident.after:
            api.wait_for_dag(dag_id)
            if not api.has_succeeded(dag_id):
                progress.note(f"{dag_id} has not succeeded yet, which has to come first: it runs.")
                was_paused = api.is_paused(dag_id)
                run_well(api, dag_id, {})
                if was_paused:
                    api.pause(dag_id)


def _check_open(incident: Incident, journal: Journal) -> None:
    for name in journal.opened():
        if name == incident.name:
            raise LabError(f"{name} is open already. `make heal` ends it.")
        if incident.disturbs(find(name)):
            raise LabError(f"{name} is open, and {incident.name} would not be what it is beside it: `make heal` first.")


def _heal(settings: Settings, incident: Incident, parts: Parts, journal: Journal) -> None:
    try:
        for fault in incident.faults:
            fault.heal(Scene(settings, parts, journal.folder(incident.name)))
    except LabError as error:
        raise LabError(f"{incident.name} is not healed: {error}") from error
    journal.close(incident.name)


def _await_silence(settings: Settings, healed: Sequence[Incident], progress: Progress) -> None:
    patience = max((incident.resolves_within for incident in healed), default=0)
    deadline = time.monotonic() + patience
    while left := _raised(settings, healed):
        if time.monotonic() > deadline:
            raise LabError(
                f"All is undone, but {patience} s later these alerts fire still: {', '.join(left)}.\n"
                f"Their runbooks: {settings.inbox_url}/runbooks"
            )
        progress.waiting_for([f"{len(left)} alerts to resolve"])
        time.sleep(POLL_SECONDS)


def _raised(settings: Settings, incidents: Sequence[Incident]) -> list[str]:
    """Return the names of the incidents' alerts that fire, or are about to: what was put right early is told too.

    Without those that are for information only: they say what was, for minutes.
    """
    try:
        raised = alerts.known(settings.alertmanager_url) + alerts.pending(settings.prometheus_url)
    except httpx.HTTPError as error:
        raise LabError(f"The alerts cannot be asked for: {error}. `make status` shows more.") from error
    theirs = (alert for alert in raised if any(incident.causes(alert) for incident in incidents))
    return sorted({alert.name for alert in theirs if alert.severity != "info"})
