"""The model under test, named on the command line, and the record of what its tests found.

    python -m pytest tests/responsible_ai/test_fairness.py --project churn --environment dev --run-id RUN

The result becomes a tag of the version, named after the file: without all of them nobody is promoted. Exit codes: 1 if
a test fails, else those of src/failures.py.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from src import signals
from src.command import Run, make_run
from src.failures import Failure
from src.pipelines.DS.feature_pipeline.features import FeatureFile, Rows
from src.registry import FAILED, PASSED, Registry


def pytest_addoption(parser: pytest.Parser) -> None:
    for name in ("--project", "--environment", "--run-id"):
        parser.addoption(name, required=True)


class Trial:
    """The version that the run trained, and the rows that it has never seen."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.registry = Registry(run.settings.registered_model)
        self.version = self.registry.trained_version(run.run_id)
        self.features = FeatureFile(run)
        self.test: Rows = self.features.test()
        self._model = self.registry.load(self.version)

    def scores(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return self._model.predict_proba(values)[:, 1]

    def measured(self, name: str, value: float) -> float:
        signals.gauge("lab.ml.responsible_ai", value, measure=name, **self.run.labels)
        print(f"{name}: {value:.4f}")  # noqa: T201 - the task's log shows it
        return value


@pytest.fixture(scope="session")
def trial(pytestconfig: pytest.Config) -> Trial:
    try:
        found = Trial(make_run(*(pytestconfig.getoption(name) for name in ("--project", "--environment", "--run-id"))))
    except Failure as failure:
        pytest.exit(f"error: {failure}", returncode=failure.exit_code)
    pytestconfig.stash[TRIAL] = found
    return found


TRIAL = pytest.StashKey[Trial]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    trial = session.config.stash.get(TRIAL, None)
    ran = {Path(item.path).stem.removeprefix("test_") for item in session.items}
    if trial is None or exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return
    result = PASSED if exitstatus == pytest.ExitCode.OK else FAILED
    for check in ran:
        try:
            trial.registry.tag(trial.version, **{check: result})
        except Failure as failure:
            pytest.exit(f"error: {failure}", returncode=failure.exit_code)
        signals.count("lab.ml.check", check=check, result=result, **trial.run.labels)
