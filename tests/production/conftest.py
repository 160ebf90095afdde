"""The recorded runs of the DAGs, once for all tests."""

import pytest

from lab.settings import free_ports, load_settings
from tests.production.recorded_run import ARTIFACTS_BUCKET, RecordedRun, record


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as shell:
        ours = {"LAB_STATE_DIR": str(folder / "state"), "AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET": ARTIFACTS_BUCKET}
        for name, value in {**free_ports(), **ours}.items():
            shell.setenv(name, value)
        settings = load_settings()
    return record(settings, folder)
