"""Airflow's connections to the ML team's machine: a file that Airflow's LocalFilesystemBackend reads at each use.

They hold keys that are made at the first start, so that they can stand neither in .env.example nor in the environment.
"""

import json
import os
from pathlib import Path
from typing import Any

from lab.airflow_environment import CONNECTIONS, write_private
from lab.errors import LabError
from lab.settings import Settings

SSH = ("ec2_mlops_churn", "ec2_mlops_credit_risk")
CONNECT_SECONDS = 10


def write(settings: Settings, keys: Path, login: str) -> None:
    """Write the connections that no AIRFLOW_CONN_… of .env or the shell sets, for Airflow asks this file first.

    Args:
        settings: say where the machine and its services are, and where the file goes.
        keys: the folder of the machine's keys, as Airflow's tasks see it.
        login: the machine's user.

    Raises:
        LabError: a key is missing or cannot be read.

    """
    set_by_person = {*settings.environment, *os.environ}
    ours = {name: one for name, one in _all(settings, keys, login).items() if _variable(name) not in set_by_person}
    write_private(settings.state_dir / CONNECTIONS, json.dumps(ours, indent=2))


def _all(settings: Settings, keys: Path, login: str) -> dict[str, dict[str, Any]]:
    # Without the comment at its end
    host_key = " ".join(_read(keys / "host_key.pub").split()[:2])
    _read(keys / "client_key")
    machine = {
        "conn_type": "ssh",
        "host": settings.hosts["ML_SSH_PORT"],
        "port": settings.ml_ssh_port,
        "login": login,
        "extra": {
            "key_file": str(keys / "client_key"),
            # A person's own keys are no business of this machine.
            "look_for_keys": False,
            "host_key": host_key,
            "no_host_key_check": False,
            "conn_timeout": CONNECT_SECONDS,
        },
    }
    return {
        **dict.fromkeys(SSH, machine),
        "mlflow_api": _http(settings, "MLFLOW_PORT"),
        "ml_api": {**_http(settings, "ML_API_PORT"), "password": _read(keys / "jobs_token").strip()},
    }


def _http(settings: Settings, port_setting: str) -> dict[str, Any]:
    port = int(settings.environment[port_setting])
    return {"conn_type": "http", "schema": "http", "host": settings.hosts[port_setting], "port": port}


def _variable(connection: str) -> str:
    return f"AIRFLOW_CONN_{connection.upper()}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise LabError(
            f"{path} cannot be read: {error.strerror}. It is one of the ML team's keys, which the first start makes.\n"
            f"Remove the folder {path.parent}; the next start makes all of them anew."
        ) from error
