"""Configuration: what a project's model is made of, and how good it has to be, by environment.

`config/base.yaml` describes the projects; `config/<environment>/model_config.yaml` says what differs there; a file
`overrides.yaml` in the state directory, if there is one, what differs on this machine until it is removed. Null takes
away what a file before it has set. Where the machine keeps its state and finds its services comes from the environment,
as README.md lists it.
"""

import os
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from src.failures import ConfigurationWrong

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ("dev", "staging", "prod")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bounds(_Section):
    """The least and the greatest value that a feature can have."""

    minimum: float
    maximum: float


class Source(_Section):
    """Where the data lie (s3://BUCKET/PREFIX/, or a path below the project), and the columns they must have."""

    location: str
    columns: dict[str, str]


class Features(_Section):
    """How features are computed: a query with its parameters, and what it yields besides id, group and label."""

    query: str
    parameters: dict[str, int] = {}
    columns: dict[str, Bounds]


class Sampling(_Section):
    """The shares of a group's rows, by outcome, from which a model learns; the others are left out by chance."""

    positive: float = Field(1, gt=0, le=1)
    negative: float = Field(1, gt=0, le=1)


class Model(_Section):
    """The trees' parameters, how they are calibrated, and for which groups they do not learn from all rows."""

    parameters: dict[str, Any] = {}
    calibration: Literal["sigmoid", "isotonic"]
    folds: int = Field(ge=2)
    baseline: str
    decision: float = Field(gt=0, lt=1)
    test_share: float = Field(gt=0, lt=1)
    sampling: dict[str, Sampling] = {}
    seed: int


class Quality(_Section):
    """What a model has to reach on the test set before anything else is looked at.

    The calibration error may exceed its limit by what chance explains.
    """

    rows: int
    gain_over_baseline: float
    calibration_error: float
    loss_to_champion: float


class Fairness(_Section):
    """How far the groups may be apart, from 0 to 1, and how many a group needs for the figures to mean something."""

    group_rows: int
    true_positive_gap: float
    false_positive_gap: float
    calibration_gap: float


class Robustness(_Section):
    """Noise as a part of each value (standard deviation), and what it may change."""

    noise: float
    score_change: float
    flipped_decisions: float
    roc_auc_loss: float


class Drift(_Section):
    """From which value of a measure a feature has drifted."""

    psi: float
    ks: float


class Project(_Section):
    """One model: its data, features, estimator and limits."""

    registered_model: str
    source: Source
    features: Features
    model: Model
    quality: Quality
    fairness: Fairness
    robustness: Robustness
    drift: Drift
    scores: str
    keep_runs: int = Field(ge=1)


def load_project(name: str, environment: str) -> Project:
    """Return a project's configuration in an environment.

    Raises:
        ConfigurationWrong: there is no such project or environment, or a setting is missing or senseless.

    """
    projects = load_projects(environment)
    if name not in projects:
        raise ConfigurationWrong(f"There is no project {name} in config/base.yaml, only {', '.join(projects)}.")
    return projects[name]


def load_projects(environment: str) -> dict[str, Project]:
    """Return every project's configuration in an environment, as `load_project` does."""
    if environment not in ENVIRONMENTS:
        raise ConfigurationWrong(f"There is no environment {environment}, only {', '.join(ENVIRONMENTS)}.")
    merged: dict[str, Any] = {}
    files = (ROOT / "config" / "base.yaml", ROOT / "config" / environment / "model_config.yaml", overrides_path())
    for path in files:
        if path.exists():
            merged = _merged(merged, _read(path))
    names = ", ".join(str(path) for path in files if path.exists())
    try:
        return {name: Project.model_validate(settings) for name, settings in merged["projects"].items()}
    except (ValidationError, KeyError, AttributeError) as error:
        raise ConfigurationWrong(f"The configuration of {environment} makes no sense ({names}): {error}") from error


def state_directory() -> Path:
    """Return where this machine keeps features and locks, as MLOPS_STATE_DIR says."""
    return Path(_setting("MLOPS_STATE_DIR"))


def overrides_path() -> Path:
    """Return the file of settings that hold on this machine alone; it need not exist."""
    return state_directory() / "overrides.yaml"


def filled(text: str) -> str:
    """Return a text of the configuration with its ${NAMES} replaced by the environment's values."""
    try:
        return Template(text).substitute(os.environ)
    except (KeyError, ValueError) as error:
        raise ConfigurationWrong(f"{text!r} names a variable that the environment does not have: {error}.") from error


def _setting(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationWrong(f"{name} is not set. README.md lists what this project needs from the environment.")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationWrong(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationWrong(f"{path} has to hold settings by name.")
    return content


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    both = {**lower, **upper}
    for name, value in upper.items():
        if value is None:
            del both[name]
        elif isinstance(value, dict) and isinstance(lower.get(name), dict):
            both[name] = _merged(lower[name], value)
    return both
