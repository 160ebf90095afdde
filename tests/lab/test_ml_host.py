"""The ML team's machine in the lab: what its services are told, and when they start."""

import os
import re
from pathlib import Path

import pytest

from lab import ml_host, openssh
from lab.services import KEYS, service_table
from lab.settings import free_ports, load_settings


@pytest.fixture(autouse=True)
def _own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**free_ports(), "LAB_STATE_DIR": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)


def test_it_is_told_all_that_its_readme_lists() -> None:
    section = (ml_host.PROJECT / "README.md").read_text(encoding="utf-8").partition("## Environment")[2]
    listed = {
        name for row in re.findall(r"^\| (`.*`) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed
    environment = ml_host.environment(load_settings())
    assert listed <= environment.keys()
    assert all(environment[name] for name in listed)


def test_it_finds_the_programs_of_the_set_up_whatever_path_the_shell_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ml_host.environment(load_settings())["PATH"].split(os.pathsep)[0] == str(openssh.BIN)


def test_its_buckets_may_be_others_than_the_data_teams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET", "models")
    settings = load_settings()
    environment = ml_host.environment(settings)
    assert environment["S3_PROCESSED_BUCKET"] == settings.bucket
    assert environment["S3_ML_ARTIFACTS_BUCKET"] == "models"


def test_nobody_uses_keys_before_they_are_made() -> None:
    services = {service.name: service for service in service_table(load_settings())}

    def waits_for_keys(name: str) -> bool:
        return name == KEYS or any(
            waits_for_keys(other) for other in services[name].after if other in {*services, KEYS}
        )

    users = [name for name, service in services.items() if "MLOPS_STATE_DIR" in service.environment]
    assert users == ["ml-host", "mlflow", "inference-api"]
    assert all(waits_for_keys(name) for name in (*users, "scheduler", "triggerer", "api-server", "dag-processor"))
