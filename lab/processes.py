"""Processes: which ones belong to a lab, what they weigh, and who holds a port."""

import contextlib
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

Protocol = Literal["tcp", "udp"]
SOCKETS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
MARK = "LAB_PROCESS_OF"
PROXY_BYPASS = ("127.0.0.1", "localhost")
# A person's own AWS account, Airflow, MLflow or Python set-up must neither break the lab nor be touched by it.
NOT_INHERITED = ("AIRFLOW_HOME", "AIRFLOW_CONFIG", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
NOT_INHERITED_PREFIXES = ("AWS_", "AIRFLOW__", "MLFLOW_")


def clean_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the inherited environment without what would mislead the lab, and with what all of its processes need."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in NOT_INHERITED and not name.startswith(NOT_INHERITED_PREFIXES)
    }
    bypassed = (kept.get("NO_PROXY") or kept.get("no_proxy") or "").split(",")
    bypass = ",".join(dict.fromkeys((*filter(None, bypassed), *PROXY_BYPASS)))
    return {
        **kept,
        "NO_PROXY": bypass,
        "no_proxy": bypass,
        # Neither a profile nor an endpoint of ~/.aws reaches the lab.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def service_environment(state_dir: Path) -> dict[str, str]:
    """Return what every process started for this state directory gets, before its own settings."""
    return {
        **clean_environment(os.environ),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        # glibc keeps a heap for every few threads; two are enough here and save tens of megabytes a process.
        "MALLOC_ARENA_MAX": "2",
        # Airflow renames its processes; without this the new name overwrites the environment, and with it the mark.
        "SPT_NOENV": "1",
        MARK: str(state_dir),
    }


def marked(state_dir: Path) -> list[psutil.Process]:
    """Return every living process that was started for this state directory, however it was orphaned.

    Some hide their environment, and so their mark: Airflow's workers from everybody but root, sshd behind the title
    that it gives itself. They are found by the session that they share with the supervisor and the services, or as
    children of these.
    """
    found: list[psutil.Process] = []
    others: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                (found if _mark(process) == str(state_dir) else others).append(process)
    # Never a session that somebody else leads: it may be a person's, in which a command of the lab is just starting.
    led_by_others = {process.pid for process in others}
    sessions = set(filter(None, map(_session, found))) - led_by_others
    family = {process.pid for process in found} | {one.pid for one in others if _session(one) in sessions}
    parents = _parents(others)
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return found + [process for process in others if process.pid in family]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except psutil.AccessDenied:
        return None


def _parents(of: Iterable[psutil.Process]) -> dict[int, int]:
    """Return each process's parent, by its id."""
    found = {}
    for process in of:
        with contextlib.suppress(psutil.NoSuchProcess):
            found[process.pid] = process.ppid()
    return found


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def end(processes: Iterable[psutil.Process], patience: float) -> None:
    """Ask the processes to end; kill those that have not after `patience` seconds."""
    asked = list(processes)
    for process in asked:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(asked, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=patience)


@dataclass(frozen=True)
class Memory:
    """Proportional memory (PSS) of some processes in bytes: what they share with others counts by its share.

    `unknown` is how many of them would not say: Airflow's workers tell nobody but root.
    """

    size: int
    unknown: int


def memory(pid: int) -> Memory:
    """Return the memory of a process and all its descendants."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return Memory(0, 0)
    sizes = [_proportional_size(process.pid) for process in family]
    return Memory(sum(filter(None, sizes)), sizes.count(None))


def _proportional_size(pid: int) -> int | None:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except PermissionError:
        return None
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def port_is_free(port: int, protocol: Protocol = "tcp") -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(type=SOCKETS[protocol]) as probe:
        if protocol == "tcp":
            # As servers do: a connection of a server that has just ended does not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def port_owner(port: int, protocol: Protocol = "tcp") -> str:
    """Who listens on the port, as a person would look for it."""
    for connection in psutil.net_connections(protocol):
        # What receives UDP has no such state, nor somebody at the other end.
        listens = connection.status == psutil.CONN_LISTEN if protocol == "tcp" else not connection.raddr
        if listens and port in connection.laddr[1:] and connection.pid:
            with contextlib.suppress(psutil.Error):
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f"process {connection.pid} ({command[:80]})"
    return "a process of another user"
