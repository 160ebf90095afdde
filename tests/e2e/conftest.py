"""One whole lab for all end-to-end tests: free ports, a temporary state directory, started and ended by commands."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from watching import Watch
from whole_lab import WholeLab

from lab.airflow_api import Run
from lab.settings import REPOSITORY, free_ports, load_settings


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeLab]:
    state_dir = tmp_path_factory.mktemp("lab") / "state"
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(state_dir)}.items():
            shell.setenv(name, value)
        whole = WholeLab(load_settings())
        try:
            whole.start()
            with whole.api:
                yield whole
        finally:
            whole.stop()


@pytest.fixture(scope="session")
def watch(lab: WholeLab) -> Iterator[Watch]:
    with closing(Watch(lab.settings)) as watch:
        yield watch


@pytest.fixture(scope="session")
def good_run(lab: WholeLab) -> Run:
    """Run the pipeline over the lab's own file, for all tests that need a run to have been."""
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "success", lab.failure(run)
    return run


@pytest.fixture(scope="session")
def write_orders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a file of orders by the generator of data/orders.csv: so many rows, such a share of them bad."""

    def write(rows: int, dirty: float = 0.03) -> Path:
        path = tmp_path_factory.mktemp("orders") / "orders.csv"
        generator = REPOSITORY / "data" / "generate_orders.py"
        options = ["--rows", str(rows), "--dirty", str(dirty), "--output", str(path)]
        subprocess.run([sys.executable, generator, *options], check=True, capture_output=True)
        return path

    return write
