"""The first steps of the lab in containers: what they check, and what they keep."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from lab import checks, container_init
from lab.errors import LabError
from lab.settings import REPOSITORY, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAB_INBOX_HOST", "inbox")
    return load_settings()


def test_the_group_of_the_services_may_read_everything_and_nobody_else_anything(settings: Settings) -> None:
    container_init.write_files(settings)
    container_init.write_files(settings)
    written = [path for path in settings.state_dir.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"fernet_key", "sql_alchemy_conn", "grafana_password", "prometheus.yml"}
    alone = {path.name for path in written if stat.S_IMODE(path.stat().st_mode) == 0o600}
    assert alone == {"mlflow_pgpass"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in written if path.name not in alone} == {0o640}


def test_secrets_are_made_once(settings: Settings) -> None:
    def secrets() -> dict[str, str]:
        return {path.name: path.read_text() for path in (settings.state_dir / "secrets").iterdir()}

    container_init.write_files(settings)
    first = secrets()
    container_init.write_files(settings)
    assert secrets() == first
    assert first["postgres_password"] in first["sql_alchemy_conn"]
    assert len(set(first.values())) == len(first)


def test_a_password_of_any_characters_fits_into_an_address(settings: Settings) -> None:
    settings = replace(settings, environment={**settings.environment, "POSTGRES_PASSWORD": "a@b/c"})
    container_init.write_files(settings)
    assert (
        (settings.state_dir / "secrets" / "sql_alchemy_conn").read_text().endswith("airflow:a%40b%2Fc@postgres/airflow")
    )


def test_a_given_password_is_taken_and_may_not_change(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "grafana_password"
    assert container_init.keep_password(path, "given") == "given"
    assert container_init.keep_password(path, "") == "given"
    with pytest.raises(LabError, match=r"^GRAFANA_PASSWORD in \.env is not the password"):
        container_init.keep_password(path, "another")


@pytest.mark.parametrize("name", ["AIRFLOW_PROT", "PROMETHEUS_POTR", "POSTGRES_PASWORD", "GRAFANA_IMGE"])
def test_a_name_that_is_nearly_a_setting_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(LabError, match=f"^{name} is no setting of the lab. Did you mean "):
        container_init.check_names({name: "1"}, settings.environment)


@pytest.mark.parametrize(
    "name",
    """PATH HOME HOSTNAME AIRFLOW_HOME AIRFLOW_CONFIG AWS_ENDPOINT_URL LAB_AIRFLOW_HOST LAB_LISTEN_HOST PYTHON_VERSION
    COMPOSE_FILE AIRFLOW__CORE__FERNET_KEY AIRFLOW_VAR_DATA_LAB_BUCKETS""".split(),
)
def test_other_names_are_nobodys_business(settings: Settings, name: str) -> None:
    container_init.check_names({name: "1"}, settings.environment)


def test_a_connection_to_the_container_itself_is_refused() -> None:
    container_init.check_connections({"AIRFLOW_CONN_A": "http://a.example", "OTHER": "127.0.0.1"})
    with pytest.raises(LabError, match=r"^AIRFLOW_CONN_B names 127\.0\.0\.1"):
        container_init.check_connections({"AIRFLOW_CONN_B": "http://127.0.0.1:80"})


def test_a_mounted_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "orders.csv")
    with pytest.raises(LabError, match=r"cannot read data/orders\.csv\.\nIn the clone: chmod -R a\+rX "):
        container_init.check_mounts(REPOSITORY)


def test_too_little_memory_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 500_000, "SC_PAGE_SIZE": 4096}.__getitem__)
    with pytest.raises(LabError, match=r"has 2\.0 GB of memory, of 4 that the lab needs"):
        container_init.write_files(settings)


def test_a_disk_that_is_nearly_full_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(LabError, match=r"GB of the Docker engine's disk are free; the lab needs 1000000000\.0 GB\."):
        container_init.write_files(settings)
