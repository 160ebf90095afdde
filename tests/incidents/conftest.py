"""One lab for all incidents, for each way of running it. What was measured is printed at the end."""

import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from watching import Watch

from lab.bootstrap import SetupError
from lab.demo import DAG_ID
from lab.incidents.faults import run_well
from tests.incidents.running_labs import WAYS, Lab
from tests.measured import measure, pytest_terminal_summary

__all__ = ["measure", "pytest_terminal_summary"]


@pytest.fixture(scope="session", params=WAYS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Bring a lab up, in which orders_pipeline has succeeded once, as some of the incidents want it."""
    try:
        with WAYS[request.param](tmp_path_factory.mktemp(request.param)) as running:
            running.api.wait_for_dag(DAG_ID)
            run_well(running.api, DAG_ID, {})
            yield running
    except (SetupError, subprocess.CalledProcessError) as error:
        # One message, not one for each test.
        pytest.exit(f"\n{error}", returncode=1)


@pytest.fixture(scope="session")
def watch(lab: Lab) -> Iterator[Watch]:
    with closing(Watch(lab.settings)) as watch:
        yield watch
