"""One recorded run of the pipeline for all tests."""

import pytest

from lab.settings import free_ports, load_settings
from tests.production.recorded_run import RecordedRun, record


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**free_ports(), "LAB_STATE_DIR": str(folder / "state")}.items():
            shell.setenv(name, value)
        settings = load_settings()
    return record(settings, folder)
