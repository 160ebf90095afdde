"""The ML team's projects as the DAGs see them: what config/mlops_projects.yaml says, read when a DAG file is parsed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from airflow.sdk import Asset, Param

# Updated when monitoring finds that the data of a model have drifted; the event says of which project.
MODEL_DRIFTED = Asset("model_drifted")
CONFIGURATION = Path(__file__).parents[1] / "config" / "mlops_projects.yaml"


@dataclass(frozen=True)
class Project:
    """A project: the key of its data in S3, and the asset, if any, whose update starts a run."""

    name: str
    datamart: str
    scheduled_by: str | None = None

    @property
    def champion(self) -> Asset:
        """What is updated when a version becomes the champion."""
        return Asset(f"{self.name}_champion")


@dataclass(frozen=True)
class Configuration:
    """How the ML team's machine is reached, in which environment it works, and its projects."""

    transport: Literal["ssh", "http"]
    environment: str
    projects: tuple[Project, ...]

    def project_param(self) -> Param:
        """Return the parameter of a DAG whose runs are of one project each."""
        names = [project.name for project in self.projects]
        return Param(names[0], enum=names, title="Project", description="An entry of config/mlops_projects.yaml.")


def load(path: Path = CONFIGURATION) -> Configuration:
    """Read the configuration.

    Raises:
        ValueError: the transport is neither ssh nor http.
        TypeError: an entry is missing, or is none of those above.

    """
    settings: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    projects = tuple(Project(name, **entry) for name, entry in settings.pop("projects").items())
    if settings["transport"] not in {"ssh", "http"}:
        raise ValueError(f"transport in {path} is {settings['transport']!r}; it has to be ssh or http.")
    return Configuration(**settings, projects=projects)
