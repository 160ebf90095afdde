"""The supervisor: supervisord, which starts, restarts and ends the services and keeps their logs."""

import configparser
import hashlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from lab import processes
from lab.errors import LabError
from lab.logs import log_file
from lab.services import Service

# The kernel takes 107 bytes for a socket's path, and supervisord first makes the socket under a longer name.
LONGEST_SOCKET_PATH = 95
LAUNCH = Path(__file__).with_name("launch.py")
CRASH_SECONDS = 10


@dataclass(frozen=True)
class ProcessInfo:
    """What supervisord knows of one service. `since` is in seconds since 1970; `pid` is 0 when nothing runs."""

    name: str
    state: str
    pid: int
    since: float

    @property
    def alive(self) -> bool:
        """Whether the service has a process that is not on its way out."""
        return self.state in {"STARTING", "RUNNING"}


class Supervisor:
    """The supervisord of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.socket = state_dir / "supervisor.sock"
        self.config = state_dir / "supervisord.conf"
        self.pid_file = state_dir / "supervisord.pid"
        self.log = log_file(state_dir, "supervisord")

    def is_running(self) -> bool:
        """Whether this lab's supervisord answers."""
        try:
            self._call("getState")
        except (OSError, http.client.HTTPException):
            return False
        return True

    def pid(self) -> int:
        """Return the process id of supervisord itself."""
        return int(self._call("getPID"))

    def start(self, services: Iterable[Service]) -> None:
        """Write the configuration and start supervisord in the background. No service is started yet.

        Raises:
            LabError: supervisord did not come up.
        """
        self._write_config(services)
        outcome = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)],
            env=processes.service_environment(self.state_dir),
            capture_output=True,
            text=True,
            check=False,
        )
        # supervisord detaches itself once its socket is bound: an exit code of 0 means that it runs.
        if outcome.returncode:
            said = (outcome.stderr or outcome.stdout).strip()
            raise LabError(f"supervisord did not start: {said}\nIts log: {self.log}")

    def reload(self, services: Iterable[Service]) -> None:
        """Take over a changed service table: services whose description changed or went are stopped."""
        self._write_config(services)
        added, changed, removed = self._call("reloadConfig")[0]
        for name in (*changed, *removed):
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)

    def processes(self) -> dict[str, ProcessInfo]:
        """All services by name, as supervisord sees them now."""
        return {
            info["name"]: ProcessInfo(info["name"], info["statename"], info["pid"], float(info["start"]))
            for info in self._call("getAllProcessInfo")
        }

    def start_service(self, name: str) -> None:
        """Start one service, without waiting for it."""
        self._call("startProcess", name, False)  # noqa: FBT003 - XML-RPC has no keyword arguments

    def stop_service(self, name: str) -> None:
        """Stop one service and wait until it has ended. A service that does not run is left as it is."""
        try:
            self._call("stopProcess", name)
        except Fault:
            if self.processes()[name].alive:
                raise

    def shut_down(self, patience: float) -> None:
        """End supervisord and all it started; whatever is left after `patience` seconds is killed.

        Works as well when supervisord has crashed and left its services behind.
        """
        # Found now: a task that outlives its worker may hide every sign of where it came from.
        started = processes.marked(self.state_dir)
        if self.is_running():
            supervisord = psutil.Process(self.pid())
            self._call("stopAllProcesses")  # at once; `shutdown` alone would end one after another
            self._call("shutdown")
            psutil.wait_procs([supervisord], timeout=patience)
        processes.end({*started, *processes.marked(self.state_dir)}, patience=5)
        for leftover in (self.socket, self.pid_file):
            leftover.unlink(missing_ok=True)

    def _call(self, method: str, *arguments: object) -> Any:
        # A connection for each call: supervisord's transport cannot be used again once a call has failed.
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _write_config(self, services: Iterable[Service]) -> None:
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET_PATH:
            raise LabError(
                f"The path of the state directory is too long for a socket: {self.state_dir}\n"
                "Set LAB_STATE_DIR in .env to a shorter one."
            )
        sections: dict[str, dict[str, object]] = {
            "supervisord": {
                "logfile": self.log,
                "logfile_maxbytes": "5MB",
                "logfile_backups": 1,
                "pidfile": self.pid_file,
                "childlogdir": self.log.parent,
                "umask": "077",
            },
            "unix_http_server": {"file": self.socket, "chmod": "0700"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
        for service in services:
            sections[f"program:{service.name}"] = self._program(service)
        parser = configparser.RawConfigParser()
        parser.read_dict({name: _escaped(options) for name, options in sections.items()})
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.config.open("w", encoding="utf-8") as file:
            parser.write(file)

    def _program(self, service: Service) -> dict[str, object]:
        description = json.dumps({"environment": dict(service.environment), "command": service.command}, indent=2)
        path = self.state_dir / "services" / f"{service.name}.json"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(description, encoding="utf-8")
        # The digest makes supervisord see that a service's environment has changed.
        digest = hashlib.sha256(description.encode()).hexdigest()[:12]
        return {
            "command": f'"{sys.executable}" -I "{LAUNCH}" "{path}" {digest}',
            "directory": self.state_dir,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": CRASH_SECONDS,
            "startretries": 10,
            "stopwaitsecs": service.stop_seconds,
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": log_file(self.state_dir, service.name),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 2,
        }


def _escaped(options: dict[str, object]) -> dict[str, str]:
    return {name: str(value).replace("%", "%%") for name, value in options.items()}
