"""The first steps of the lab in containers, each a container of its own that ends when they are done.

    python -m lab.container_init files      secrets and the monitoring's configuration, into their volumes
    python -m lab.container_init airflow    Airflow's and MLflow's databases, the buckets, Airflow's connections

Both do what is left to do: every `docker compose up` runs them again.
"""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

import sqlalchemy

from lab import airflow_environment, buckets, checks, connections, ml_host, monitoring_files
from lab.errors import LabError
from lab.settings import LOOPBACK, REPOSITORY, Settings, load_settings

# What is mounted from the clone, to be read by the user of the containers.
MOUNTED = ("alerting", "dags", "data", "grafana", "prometheus")
DATABASE = "postgresql+psycopg2://airflow:{password}@postgres/airflow"
# The user of the image docker/ml_host
ML_USER = "mlops"
# The password once more, as libpq reads it: only from a file that nobody else may read.
PGPASS = "mlflow_pgpass"
GIGABYTE = 10**9
LEAST_MEMORY = 4 * GIGABYTE
FORGET = "`docker compose down --volumes` forgets them all: runs, metrics, messages and passwords."
# Names that anybody may add to .env for Airflow and AWS clients.
FREE_NAMES = ("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_")
ALIKE = 0.85


def main() -> int:
    """Run one of the steps; return the exit code. What a person has to know is printed without a traceback."""
    steps = {"files": write_files, "airflow": prepare_airflow}
    parser = argparse.ArgumentParser(prog="python -m lab.container_init", description=__doc__)
    parser.add_argument("step", choices=steps)
    try:
        steps[parser.parse_args().step](load_settings())
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def write_files(settings: Settings) -> None:
    """Write secrets and configuration, readable by the group that all services belong to.

    Raises:
        LabError: something that a person has to put right first: a setting, a file's rights, memory, disk.

    """
    check_names(os.environ, settings.environment)
    check_connections(os.environ)
    check_mounts(REPOSITORY)
    _check_memory()
    _check_disk(settings.state_dir)
    airflow_environment.write_secrets(settings)
    folder = settings.state_dir / "secrets"
    password = keep_password(folder / "postgres_password", settings.environment["POSTGRES_PASSWORD"])
    airflow_environment.write_private(folder / "sql_alchemy_conn", DATABASE.format(password=quote(password, safe="")))
    keep_password(folder / "grafana_password", settings.environment["GRAFANA_PASSWORD"])
    monitoring_files.render(settings)
    mlflow = keep_password(folder / "mlflow_password", "")
    airflow_environment.write_private(folder / PGPASS, f"*:*:mlflow:mlflow:{mlflow}\n")
    for shared in (folder, settings.state_dir / "monitoring"):
        for path in shared.rglob("*"):
            path.chmod(0o750 if path.is_dir() else 0o600 if path.name == PGPASS else 0o640)
    print("Secrets and configuration are in their volumes.")


def prepare_airflow(settings: Settings) -> None:
    """Bring Airflow's database to its version, and make what is missing: MLflow's database, buckets, connections.

    Raises:
        LabError: the database cannot be used, or the keys of the ML team's machine cannot.

    """
    migration = subprocess.run(["airflow", "db", "migrate"], capture_output=True, text=True, check=False)
    if migration.returncode:
        said = (migration.stdout + migration.stderr).strip()
        if "Can't locate revision" in said:
            raise LabError(f"The database in the volume is of a newer Airflow than this one. {FORGET}")
        raise LabError(f"Airflow cannot migrate its database:\n\n{said[-4000:]}\n\n{FORGET}")
    _make_mlflow_database(settings.state_dir / "secrets")
    buckets.prepare(settings)
    connections.write(settings, ml_host.keys_folder(settings), login=ML_USER)
    print("Databases, buckets and connections are ready.")


def _make_mlflow_database(secrets_folder: Path) -> None:
    """Make MLflow's user and its database, unless they are there; an older lab has left a server without them."""
    server = sqlalchemy.create_engine(
        (secrets_folder / "sql_alchemy_conn").read_text(encoding="utf-8"), isolation_level="AUTOCOMMIT"
    )
    password = (secrets_folder / "mlflow_password").read_text(encoding="utf-8")
    with server.connect() as connection:
        if not connection.scalar(sqlalchemy.text("SELECT 1 FROM pg_roles WHERE rolname = 'mlflow'")):
            connection.execute(sqlalchemy.text("CREATE ROLE mlflow LOGIN PASSWORD :password"), {"password": password})
        if not connection.scalar(sqlalchemy.text("SELECT 1 FROM pg_database WHERE datname = 'mlflow'")):
            connection.execute(sqlalchemy.text("CREATE DATABASE mlflow OWNER mlflow"))


def check_names(environment: Iterable[str], settings: Iterable[str]) -> None:
    """Raise LabError if a name of the environment, which .env is part of, looks like a setting but is none."""
    known = set(settings)
    for name in sorted(set(environment) - known):
        if not name.startswith(FREE_NAMES) and (alike := get_close_matches(name, known, n=1, cutoff=ALIKE)):
            raise LabError(f"{name} is no setting of the lab. Did you mean {alike[0]}? Correct it in .env.")


def check_connections(environment: Mapping[str, str]) -> None:
    """Raise LabError if a connection leads to 127.0.0.1, which in a container is the container itself."""
    for name, value in environment.items():
        if name.startswith("AIRFLOW_CONN_") and LOOPBACK in value:
            raise LabError(
                f"{name} names {LOOPBACK}, which in a container is the container itself. In .env, give it a host that "
                "containers reach. If .env does not set it, Docker Compose is older than 2.38: bring it up to date."
            )


def check_mounts(repository: Path) -> None:
    """Raise LabError if a mounted file of the clone cannot be read by this container's user."""
    for name in MOUNTED:
        for path in (repository / name, *(repository / name).rglob("*")):
            if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
                raise LabError(
                    f"The containers, which run as user {os.getuid()}, cannot read {path.relative_to(repository)}.\n"
                    f"In the clone: chmod -R a+rX {' '.join(MOUNTED)}"
                )


def keep_password(path: Path, given: str) -> str:
    """Return a service's password, which is as it was at the first start: the one given then, or one made up.

    Raises:
        LabError: another one is given now.

    """
    if not path.exists():
        airflow_environment.write_private(path, given or secrets.token_urlsafe(24))
    kept = path.read_text(encoding="utf-8")
    if given not in {"", kept}:
        raise LabError(
            f"{path.name.upper()} in .env is not the password that this lab's volumes were made with.\n"
            f"Put back the old one, or remove the line. {FORGET}"
        )
    return kept


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < checks.LEAST_FREE_BYTES:
        raise LabError(
            f"Only {free / GIGABYTE:.1f} GB of the Docker engine's disk are free; the lab needs "
            f"{checks.LEAST_FREE_BYTES / GIGABYTE:.1f} GB. `docker system prune` removes what no container uses."
        )


def _check_memory() -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if memory < LEAST_MEMORY:
        raise LabError(
            f"The Docker engine has {memory / GIGABYTE:.1f} GB of memory, of {LEAST_MEMORY // GIGABYTE} that the lab "
            "needs. In Docker Desktop: Settings, Resources, Memory."
        )


if __name__ == "__main__":
    sys.exit(main())
