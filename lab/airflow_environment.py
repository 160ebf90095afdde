"""Airflow's environment: its configuration as AIRFLOW__SECTION__OPTION, and the secrets behind it."""

import base64
import json
import os
import shlex
from pathlib import Path

from dotenv import dotenv_values
from dotenv.main import resolve_variables

from lab.settings import REPOSITORY, Settings

OPTIONS = REPOSITORY / "lab" / "airflow.env"
# Where lab/connections.py writes them, in the state directory.
CONNECTIONS = Path("secrets", "connections.json")
SECRETS = {
    "CORE__FERNET_KEY": "fernet_key",
    "API_AUTH__JWT_SECRET": "jwt_secret",
    "API__SECRET_KEY": "api_secret_key",
}


def build(settings: Settings) -> dict[str, str]:
    """The settings and Airflow's configuration, for any of Airflow's commands.

    An AIRFLOW__SECTION__OPTION that a person wrote into .env wins over the lab's own.
    """
    # What depends on where the lab's files are; docker/compose.yml has the same of its own.
    options = {
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "SECRETS__BACKEND_KWARG__CONNECTIONS_FILE_PATH": str(settings.state_dir / CONNECTIONS),
        # Each secret comes from a file that only its owner may read, never from the environment itself.
        **{f"{option}_CMD": shlex.join(("cat", str(_secret_file(settings, name)))) for option, name in SECRETS.items()},
    }
    return {
        "AIRFLOW_HOME": str(settings.state_dir / "airflow"),
        # Airflow would write a default configuration file, which would not be what it runs with.
        "AIRFLOW_CONFIG": os.devnull,
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        **_common_options(settings),
        **settings.environment,
    }


def _common_options(settings: Settings) -> dict[str, str]:
    """Return what the options file says, with the settings in the place of their names."""
    options = dotenv_values(OPTIONS, interpolate=False)
    resolved = resolve_variables([*settings.environment.items(), *options.items()], override=True)
    return {name: resolved[name] or "" for name in options}


def write_secrets(settings: Settings) -> None:
    """Make each secret once; write the password file from the settings every time. All are readable by us alone."""
    for name in SECRETS.values():
        if not _secret_file(settings, name).exists():
            length = 32 if name == "fernet_key" else 64  # the one length that Fernet takes; for signatures the longer
            write_private(_secret_file(settings, name), base64.urlsafe_b64encode(os.urandom(length)).decode())
    write_private(_password_file(settings), json.dumps({settings.airflow_user: settings.airflow_password}))


def _secret_file(settings: Settings, name: str) -> Path:
    return settings.state_dir / "secrets" / name


def _password_file(settings: Settings) -> Path:
    return _secret_file(settings, "airflow_passwords.json")


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, unless it says so already: somebody may be reading it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
