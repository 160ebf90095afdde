"""One lab for all incidents, run from a copy of the repository: some of them change its files.

What was measured is printed at the end.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from watching import Watch
from whole_lab import WholeLab

from lab.settings import REPOSITORY, free_ports, load_settings
from tests.compose.compose_lab import clone

# Installed once, by `make setup`; a copy of the repository uses them where they are.
INSTALLED = (".venv", ".tools", "docker/localstack/.venv", "docker/ml_host/.venv")
MEASURED = pytest.StashKey[list[str]]()
Measure = Callable[[str], None]


@pytest.fixture(scope="session")
def measure(pytestconfig: pytest.Config) -> Measure:
    """Have a line printed at the end of the tests."""
    return pytestconfig.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    for line in config.stash.get(MEASURED, []):
        terminalreporter.write_line(f"measured: {line}")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = clone(tmp_path_factory.mktemp("clone"))
    for name in INSTALLED:
        (copy / name).symlink_to(REPOSITORY / name)
    return copy


@pytest.fixture(scope="session")
def lab(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeLab]:
    """Bring a lab up, in which orders_pipeline has succeeded once, as some of the incidents want it."""
    state_dir = tmp_path_factory.mktemp("lab") / "state"
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(state_dir)}.items():
            shell.setenv(name, value)
        whole = WholeLab(load_settings(repository), repository)
        try:
            whole.start()
            with whole.api:
                run = whole.run(whole.settings.orders_csv)
                assert run.state == "success", whole.failure(run)
                yield whole
        finally:
            whole.stop()


@pytest.fixture(scope="session")
def watch(lab: WholeLab) -> Iterator[Watch]:
    with closing(Watch(lab.settings)) as watch:
        yield watch
