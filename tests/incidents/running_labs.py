"""A lab that runs, in each of the two ways, from a copy of the repository: some incidents change its files."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from whole_lab import WholeLab

from lab.airflow_api import AirflowApi
from lab.settings import REPOSITORY, Settings, free_ports, load_settings
from tests.compose.compose_lab import built_lab, clone

# Installed once, by `make setup`; a copy of the repository uses them where they are.
INSTALLED = (".venv", ".tools", "docker/localstack/.venv", "docker/ml_host/.venv")


@dataclass(frozen=True)
class Lab:
    """The lab, in whichever way it runs.

    Attributes:
        settings: its settings.
        api: its Airflow.
        command: runs `python -m lab` with arguments in its repository, as make does there.

    """

    settings: Settings
    api: AirflowApi
    command: Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def in_processes(folder: Path) -> Iterator[Lab]:
    """Have a lab of processes."""
    repository = clone(folder / "clone")
    for name in INSTALLED:
        (repository / name).symlink_to(REPOSITORY / name)
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(folder / "state")}.items():
            shell.setenv(name, value)
        whole = WholeLab(load_settings(repository), repository)
        try:
            whole.start()
            with whole.api:
                yield Lab(whole.settings, whole.api, whole.command)
        finally:
            whole.stop()


@contextmanager
def in_containers(folder: Path) -> Iterator[Lab]:
    """Have a lab of containers."""
    with built_lab(folder, "lab-incidents") as whole:
        whole.up()
        with whole.api() as api:
            yield Lab(whole.settings, api, whole.command)


WAYS: dict[str, Callable[[Path], AbstractContextManager[Lab]]] = {
    "processes": in_processes,
    "containers": in_containers,
}
