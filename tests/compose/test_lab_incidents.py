"""Incidents in containers: what they do to a part, its files and its exports, and that healing undoes it.

What each of them is told by, tests/incidents shows.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import integration
from lab.airflow_api import AirflowApi, Run
from lab.incidents.containers import Containers
from lab.incidents.faults import run_well
from lab.incidents.parts import PartFile
from lab.settings import REPOSITORY
from tests.compose.compose_lab import ComposeLab

pytestmark = pytest.mark.timeout(2400)

Make = Callable[..., str]
HEARTBEAT = "sum(airflow_scheduler_heartbeat)"


@pytest.fixture(scope="module")
def parts(lab: ComposeLab) -> Containers:
    found = Containers.find(lab.folder)
    assert found is not None
    return found


def test_a_lab_that_was_started_elsewhere_is_not_touched(lab: ComposeLab, tmp_path: Path) -> None:
    assert lab.folder != REPOSITORY
    assert Containers.find(tmp_path) is None


def test_a_file_of_a_part_is_written_read_and_removed(parts: Containers) -> None:
    keys, overrides = PartFile("ml-host", "ssh/authorized_keys"), PartFile("ml-host", "state/overrides.yaml")
    assert (parts.read(keys) or b"").startswith(b"ssh-ed25519 ")
    assert parts.read(overrides) is None
    for content in (b"", b"projects: {}\n"):
        parts.write(overrides, content)
        assert parts.read(overrides) == content
    for _ in range(2):
        parts.remove(overrides)
        assert parts.read(overrides) is None


def test_a_part_stands_still_and_goes_on(lab: ComposeLab, parts: Containers) -> None:
    for _ in range(2):
        parts.pause("scheduler")
        assert lab.inspect("airflow-scheduler")["State"]["Status"] == "paused"
    for _ in range(2):
        parts.resume("scheduler")
        assert lab.inspect("airflow-scheduler")["State"]["Status"] == "running"


def test_runs_go_on_while_the_exporter_is_away_and_metrics_flow_again_after_it(
    lab: ComposeLab, api: AirflowApi, first_run: Run, make: Make
) -> None:
    assert first_run.state == "success"  # there is something to learn from
    make("incident", "exporter-down")
    lab.samples('up{job="statsd-exporter"} == 0')
    # Its name is not even known now, neither to Airflow nor on the ML team's machine.
    run_well(api, integration.DAG_ID, {})
    api.pause(integration.DAG_ID)
    make("heal")
    before = float(lab.samples(HEARTBEAT)[0]["value"][1])
    lab.samples(HEARTBEAT, lambda found: found and float(found[0]["value"][1]) > before)
    assert make("heal") == "No incident is open.\n"
