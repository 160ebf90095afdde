"""The registry: versions of a model in MLflow, who is champion, who challenger, and which checks each has passed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Protocol, cast

import mlflow
import numpy as np
import numpy.typing as npt
import requests
import sqlalchemy.exc
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from src.failures import ConfigurationWrong, InputMissing, ServiceAway

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous_champion"
RUN_TAG = "pipeline_run_id"
PASSED, FAILED = "passed", "failed"
# What a version has to pass to become the champion; each is a tag of the version.
CHECKS = ("quality", "fairness", "robustness")
# How features and scores were spread, among the artifacts of the training.
REFERENCE = "reference.json"
ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


class Classifier(Protocol):
    """What is kept of a model: scikit-learn's own interface."""

    def predict_proba(self, values: npt.NDArray[np.float64], /) -> npt.NDArray[np.float64]:
        """Return the probabilities of False and True for each row."""


class Registry:
    """One registered model, by its name. Every method raises ServiceAway when MLflow does not answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = mlflow.MlflowClient(tracking_uri())

    def version_of_run(self, run_id: str) -> ModelVersion | None:
        """Return the version that a run of the pipeline trained to the end, if any."""
        with answering():
            found = self._client.search_model_versions(f"name = '{self.name}' AND tags.{RUN_TAG} = '{run_id}'")
        # The tag of the first check is the last thing that a training writes.
        return next((version for version in found if CHECKS[0] in version.tags), None)

    def trained_version(self, run_id: str) -> ModelVersion:
        """Return the version that a run trained; raise InputMissing if it has not."""
        version = self.version_of_run(run_id)
        if version is None:
            raise InputMissing(
                f"Run {run_id} has trained no version of {self.name}. Run the training of this run first."
            )
        return version

    def version_by_alias(self, alias: str) -> ModelVersion | None:
        """Return the version that an alias names, if any."""
        try:
            with answering():
                return self._client.get_model_version_by_alias(self.name, alias)
        except MlflowException as error:
            if error.error_code in ABSENT:
                return None
            raise

    def load(self, version: ModelVersion) -> Classifier:
        """Return the model of a version, as it was trained."""
        with answering():
            return cast("Classifier", mlflow.sklearn.load_model(f"models:/{self.name}/{version.version}"))

    def reference(self, version: ModelVersion) -> dict[str, Any]:
        """Return how features, in the model's order, and scores were spread when a version was trained."""
        with answering(), TemporaryDirectory() as folder:
            path = self._client.download_artifacts(str(version.run_id), REFERENCE, folder)
            return mlflow.artifacts.load_dict(path)

    def tag(self, version: ModelVersion, **tags: str) -> None:
        """Write tags of a version."""
        with answering():
            for name, value in tags.items():
                self._client.set_model_version_tag(self.name, version.version, name, value)

    def point(self, alias: str, version: ModelVersion) -> None:
        """Let an alias name a version, and no other from now on."""
        with answering():
            self._client.set_registered_model_alias(self.name, alias, version.version)

    def unpoint(self, alias: str) -> None:
        """Let an alias name no version."""
        with answering():
            self._client.delete_registered_model_alias(self.name, alias)


def tracking_uri() -> str:
    """Return where MLflow is, and tell MLflow.

    Raises:
        ConfigurationWrong: MLFLOW_TRACKING_URI is not set: MLflow would write into the working directory.

    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise ConfigurationWrong("MLFLOW_TRACKING_URI is not set. README.md lists what the environment has to hold.")
    mlflow.set_tracking_uri(uri)
    return uri


@contextmanager
def answering() -> Iterator[None]:
    """Turn whatever MLflow raises when its server or its store is away into ServiceAway."""
    try:
        yield
    except (requests.RequestException, sqlalchemy.exc.OperationalError, OSError) as error:
        raise ServiceAway(_away(error)) from error
    except MlflowException as error:
        # A connection that fails has no code of its own.
        if str(error).startswith("API request to") or error.error_code == "TEMPORARILY_UNAVAILABLE":
            raise ServiceAway(_away(error)) from error
        raise


def _away(error: Exception) -> str:
    return (
        f"MLflow at {mlflow.get_tracking_uri()} does not answer: {str(error).splitlines()[0]} "
        "Start it, or correct MLFLOW_TRACKING_URI; nothing was changed in the registry."
    )
