"""The page of incidents: what each one does, the state of its alerts, and buttons that cause and heal.

In containers the inbox cannot get at the other parts: there the page shows the commands instead of the buttons.
"""

import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from lab import alerts
from lab.incidents.declarations import INCIDENTS
from lab.incidents.incident import Expected, Incident
from lab.incidents.journal import Journal
from lab.settings import REPOSITORY

ADDRESS = "/incidents"
LONGEST_FORM = 1_000  # bytes
LONGEST_OUTPUT = 4_000  # characters, from the end
# The best news last: of several alerts that an expectation meets, such as those of three stages, the first counts.
STATES = ("active", "suppressed", "pending", "quiet")


@dataclass(frozen=True)
class Monitoring:
    """Where Alertmanager and Prometheus answer."""

    alertmanager_url: str
    prometheus_url: str

    def alerts(self) -> list[alerts.Alert] | None:
        """Return the alerts that fire or are about to; None when nobody can say."""
        try:
            return alerts.known(self.alertmanager_url) + alerts.pending(self.prometheus_url)
        except httpx.HTTPError:
            return None


class Commands:
    """The lab's commands, one at a time; what one says is in a file."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._words = ""

    def start(self, *arguments: str) -> None:
        """Start `python -m lab` with these arguments.

        Raises:
            HTTPException: the last one has not ended yet.

        """
        if self._process and self._process.poll() is None:
            raise HTTPException(409, f"`{self._words}` is still at work.")
        self._words = " ".join(arguments)
        self._output.parent.mkdir(parents=True, exist_ok=True)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lab", *arguments],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def last(self) -> Mapping[str, Any] | None:
        """Return the last command: its words, whether it is at work, whether it failed, and what it said."""
        if self._process is None:
            return None
        code = self._process.poll()
        said = self._output.read_text(encoding="utf-8", errors="replace")[-LONGEST_OUTPUT:].strip()
        return {"words": self._words, "at_work": code is None, "failed": bool(code), "said": said}


class LocalLab:
    """A lab without containers, of which the inbox is a service: its open incidents, and its commands."""

    def __init__(self, state_dir: Path) -> None:
        self.journal = Journal(state_dir)
        self.commands = Commands(state_dir / "incidents" / "command.log")


class IncidentPages:
    """The routes. What is no coroutine runs in a thread."""

    def __init__(self, templates: Jinja2Templates, monitoring: Monitoring, lab: LocalLab | None) -> None:
        """See the module; there is no `lab` in containers."""
        self._templates = templates
        self._monitoring = monitoring
        self._lab = lab
        # A page of somebody else's can send a form here, but it cannot read this.
        self._token = secrets.token_urlsafe()

    def page(self, request: Request) -> Response:
        """Show the list and, if one is named, an incident."""
        status = 404 if request.path_params.get("name") and not _named(request) else 200
        return self._templates.TemplateResponse(request, "incidents.html", self._context(request), status)

    def state(self, request: Request) -> Response:
        """Return what changes on the page, for one that is open."""
        return self._templates.TemplateResponse(request, "incidents_state.html", self._context(request))

    async def act(self, request: Request) -> Response:
        """Cause the incident of the path or, without one, heal what is open; answer with the page that shows it."""
        form = b""
        async for chunk in request.stream():
            form += chunk
            if len(form) > LONGEST_FORM:
                raise HTTPException(413, "This is not the form of the incidents' page.")
        token = parse_qs(form.decode("utf-8", "replace")).get("token", [""])[0]
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            raise HTTPException(403, "This form is not of a page that this inbox has shown since its start. Reload it.")
        if self._lab is None:
            raise HTTPException(
                409, "The inbox cannot reach the other containers: use `make incident` and `make heal`."
            )
        if "name" not in request.path_params:
            self._lab.commands.start("heal")
            return RedirectResponse(ADDRESS, 303)
        if not (incident := _named(request)):
            raise HTTPException(404, "There is no such incident.")
        self._lab.commands.start("incident", incident.name)
        return RedirectResponse(f"{ADDRESS}/{incident.name}", 303)

    def _context(self, request: Request) -> dict[str, Any]:
        incident = _named(request)
        known = self._monitoring.alerts()
        return {
            "incidents": INCIDENTS,
            "name": request.path_params.get("name", ""),
            "incident": incident,
            "opened": self._lab.journal.opened() if self._lab else {},
            "fires": [(one, _state(one, known)) for one in incident.fires] if incident else [],
            "hides": [(one, _state(one, known)) for one in incident.hides] if incident else [],
            "has_buttons": self._lab is not None,
            "command": self._lab.commands.last() if self._lab else None,
            "token": self._token,
        }


def _named(request: Request) -> Incident | None:
    return next((one for one in INCIDENTS if one.name == request.path_params.get("name")), None)


def _state(expected: Expected, known: list[alerts.Alert] | None) -> str:
    if known is None:
        return "unknown"
    found = {alert.state for alert in known if expected.matches(alert)}
    return next((state for state in STATES if state in found), STATES[-1])
