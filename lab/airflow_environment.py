"""Airflow's environment: its configuration as AIRFLOW__SECTION__OPTION, and the secrets behind it."""

import base64
import json
import os
import shlex
from pathlib import Path

from lab.settings import REPOSITORY, Settings

SECRETS = {
    "CORE__FERNET_KEY": "fernet_key",
    "API_AUTH__JWT_SECRET": "jwt_secret",
    "API__SECRET_KEY": "api_secret_key",
}


def build(settings: Settings) -> dict[str, str]:
    """The settings and Airflow's configuration, for any of Airflow's commands.

    An AIRFLOW__SECTION__OPTION that a person wrote into .env wins over the lab's own.
    """
    options = {
        "CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow_user}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(settings.airflow_port),
        "API__BASE_URL": settings.airflow_url,
        "API__WORKERS": "1",
        # The lab migrates before it starts anything: four processes need not each look again.
        "DATABASE__CHECK_MIGRATIONS": "False",
        # An edited DAG file shows within seconds, as a person who edits one expects.
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        # Every process and every task sends its metrics, with tags, and each under its one present name.
        "METRICS__STATSD_ON": "True",
        "METRICS__STATSD_HOST": "127.0.0.1",
        "METRICS__STATSD_PORT": str(settings.statsd_port),
        "METRICS__STATSD_PREFIX": "airflow",
        "METRICS__STATSD_INFLUXDB_ENABLED": "True",
        "METRICS__LEGACY_NAMES_ON": "False",
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        # Each secret comes from a file that only its owner may read, never from the environment itself.
        **{f"{option}_CMD": shlex.join(("cat", str(_secret_file(settings, name)))) for option, name in SECRETS.items()},
    }
    return {
        "AIRFLOW_HOME": str(settings.state_dir / "airflow"),
        # Airflow would write a default configuration file, which would not be what it runs with.
        "AIRFLOW_CONFIG": os.devnull,
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        **settings.environment,
    }


def write_secrets(settings: Settings) -> None:
    """Make each secret once; write the password file from the settings every time. All are readable by us alone."""
    for name in SECRETS.values():
        if not _secret_file(settings, name).exists():
            _write_private(_secret_file(settings, name), base64.urlsafe_b64encode(os.urandom(32)).decode())
    _write_private(_password_file(settings), json.dumps({settings.airflow_user: settings.airflow_password}))


def _secret_file(settings: Settings, name: str) -> Path:
    return settings.state_dir / "secrets" / name


def _password_file(settings: Settings) -> Path:
    return _secret_file(settings, "airflow_passwords.json")


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
