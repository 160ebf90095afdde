"""Preparations: what is done once before, or beside, the services: database, keys, configuration, buckets."""

import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from lab import airflow_environment, buckets, connections, ml_host, monitoring_files, processes
from lab.errors import LabError
from lab.logs import log_file, tail
from lab.services import CONFIGURATION, KEYS, MIGRATION, PYTHON
from lab.settings import Settings


@dataclass(frozen=True)
class Preparation:
    """A job with an end.

    Attributes:
        name: what the progress line calls it, and other rows name in `after`.
        run: does what is left to do and says what that was; raises LabError when it cannot.
        after: preparations and services that have to be ready before it is run.

    """

    name: str
    run: Callable[[], str]
    after: tuple[str, ...] = ()


def preparation_table(settings: Settings) -> tuple[Preparation, ...]:
    """Return all preparations of the lab."""
    return (
        Preparation(MIGRATION, run=lambda: _migrate(settings)),
        Preparation(KEYS, run=lambda: _make_keys(settings)),
        Preparation(CONFIGURATION, run=lambda: monitoring_files.render(settings)),
        Preparation("buckets", run=lambda: buckets.prepare(settings), after=("localstack",)),
    )


def _make_keys(settings: Settings) -> str:
    """Make the keys of the ML team's machine, and the connections that use them."""
    ml_host.make_keys(settings)
    connections.write(settings, ml_host.keys_folder(settings), login=pwd.getpwuid(os.getuid()).pw_name)
    return "written"


def _migrate(settings: Settings) -> str:
    airflow_environment.write_secrets(settings)
    note = settings.state_dir / "airflow" / "migrated_to"
    database = note.with_name("airflow.db")
    # Airflow itself could be asked, but needs six seconds of imports to answer.
    if database.exists() and note.exists() and note.read_text(encoding="utf-8") == version("apache-airflow-core"):
        return "found up to date"
    log = log_file(settings.state_dir, MIGRATION)
    environment = processes.service_environment(settings.state_dir) | airflow_environment.build(settings)
    with log.open("w", encoding="utf-8") as output:
        outcome = subprocess.run(
            [PYTHON, "-m", "airflow", "db", "migrate"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            start_new_session=True,  # a Ctrl-C at the terminal must not leave half a database
        )
    if outcome.returncode:
        raise LabError(
            f"Airflow's database migration failed. The end of {log}:\n\n{tail(log)}\n\n"
            "`make clean` removes the database and everything else the lab keeps; `make up` then starts from nothing."
        )
    note.write_text(version("apache-airflow-core"), encoding="utf-8")
    return "done"
