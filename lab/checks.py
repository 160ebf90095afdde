"""Checks before the start: what would keep a service from coming up, found while nothing runs yet."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab import processes
from lab.errors import LabError
from lab.services import Service

GIGABYTE = 10**9
LEAST_FREE_BYTES = 1 * GIGABYTE


def check_commands(services: Iterable[Service]) -> None:
    """Raise LabError if a service's program is not installed."""
    for service in services:
        if not os.access(service.command[0], os.X_OK):
            raise LabError(f"{service.name}: {service.command[0]} is missing. `make setup` installs it.")


def check_ports(services: Iterable[Service]) -> None:
    """Raise LabError if a port that a service wants is taken. Ask only for services that do not run."""
    for service in services:
        wanted: Mapping[processes.Protocol, Mapping[str, int | None]] = {
            "tcp": {service.port_setting: service.port, **service.more_ports},
            "udp": service.udp_ports,
        }
        for protocol, ports in wanted.items():
            for setting, port in ports.items():
                if port and not processes.port_is_free(port, protocol):
                    raise LabError(
                        f"{service.name}: port {port} is taken by {processes.port_owner(port, protocol)}.\n"
                        f"End that process, or set {setting} in .env to a free port."
                    )


def check_disk(state_dir: Path, least: int = LEAST_FREE_BYTES) -> None:
    """Raise LabError if fewer than `least` bytes are free where the lab keeps its state."""
    existing = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < least:
        raise LabError(
            f"Only {free / GIGABYTE:.1f} GB are free at {existing}; the lab needs {least / GIGABYTE:.1f} GB.\n"
            "Make room there, or set LAB_STATE_DIR in .env to a folder on a larger disk."
        )
