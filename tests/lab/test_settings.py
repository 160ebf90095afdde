"""Settings: which of the three sources wins, and what a person is told about a bad value."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from lab.errors import LabError
from lab.settings import REPOSITORY, free_ports, load_settings

EXAMPLE = REPOSITORY / ".env.example"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the committed defaults, in a shell that sets nothing."""
    for name in dotenv_values(EXAMPLE):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env.example").write_text(EXAMPLE.read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("dotenv", "environment", "port"),
    [
        ("", {}, 8080),
        ("AIRFLOW_PORT=8081", {}, 8081),
        ("", {"AIRFLOW_PORT": "8082"}, 8082),
        ("AIRFLOW_PORT=8081", {"AIRFLOW_PORT": "8082"}, 8082),
    ],
)
def test_the_environment_wins_over_dotenv_and_that_over_the_example(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, dotenv: str, environment: dict[str, str], port: int
) -> None:
    (checkout / ".env").write_text(dotenv)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings(checkout).airflow_port == port


def test_settings_made_of_others_follow_them(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".env").write_text("AIRFLOW_VAR_DATA_LAB_BUCKET=mine\nLOCALSTACK_PORT=4599\n")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = load_settings(checkout)
    assert settings.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4599"
    assert "s3://mine/athena-staging/" in settings.environment["AIRFLOW_CONN_ATHENA_DEFAULT"]
    assert "eu-west-1" in settings.environment["AIRFLOW_CONN_ATHENA_DEFAULT"]
    assert settings.processed_bucket == settings.ml_artifacts_bucket == "mine"


def test_a_name_of_ones_own_in_dotenv_reaches_airflow(checkout: Path) -> None:
    (checkout / ".env").write_text("AIRFLOW_CONN_SHOP=https://shop.example.org\n")
    assert load_settings(checkout).environment["AIRFLOW_CONN_SHOP"] == "https://shop.example.org"


@pytest.mark.parametrize(
    ("written", "expected"), [("state", "{checkout}/state"), ("/var/lab", "/var/lab"), ("~/lab", "{home}/lab")]
)
def test_the_state_directory_is_relative_to_the_checkout(checkout: Path, written: str, expected: str) -> None:
    (checkout / ".env").write_text(f"LAB_STATE_DIR={written}")
    assert str(load_settings(checkout).state_dir) == expected.format(checkout=checkout, home=Path.home())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AIRFLOW_PORT=http", "AIRFLOW_PORT is 'http', which is no port"),
        ("LOCALSTACK_PORT=0", "LOCALSTACK_PORT is '0', which is no port"),
        ("LOCALSTACK_PORT=65536", "LOCALSTACK_PORT is '65536', which is no port"),
        ("AIRFLOW_PASSWORD=", "AIRFLOW_PASSWORD is empty"),
        ("AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET=", "AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET is empty"),
    ],
)
def test_a_bad_value_is_named(checkout: Path, line: str, message: str) -> None:
    (checkout / ".env").write_text(line)
    with pytest.raises(LabError, match=message):
        load_settings(checkout)


def test_free_ports_are_as_many_as_there_are_settings_of_ports(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = free_ports()
    assert len(set(ports.values())) == len(ports)
    for name, port in ports.items():
        monkeypatch.setenv(name, port)
    settings = load_settings(checkout)
    numbers = {name: value for name, value in vars(settings).items() if name.endswith("_port")}
    assert numbers == {name.lower(): int(port) for name, port in ports.items()}


def test_every_group_of_settings_is_explained() -> None:
    for block in EXAMPLE.read_text().strip().split("\n\n"):
        assert block.startswith("# "), f"no comment above {block!r}"
