"""The connections to the ML team's machine, as Airflow finds and uses them."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import airflow_environment, connections, ml_host, processes
from lab.errors import LabError
from lab.services import Service, service_table
from lab.settings import Settings, free_ports, load_settings

USER = pwd.getpwuid(os.getuid()).pw_name
# As an SSHOperator does it; then what the other connections are. Airflow logs to standard output too.
ASK_AIRFLOW = """
import json
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.ssh.hooks.ssh import SSHHook
found = {}
for name in ("ec2_mlops_churn", "ec2_mlops_credit_risk"):
    with SSHHook(name).get_conn() as client:
        found[name] = client.exec_command('echo "$MLOPS_HOME"')[1].read().decode().strip()
for name in ("mlflow_api", "ml_api"):
    hook = HttpHook(http_conn_id=name)
    hook.get_conn()
    found[name] = [hook.base_url, hook.get_connection(name).password]
print(json.dumps(found))
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a lab of its own, whose keys are made."""
    for name, value in {**free_ports(), "LAB_STATE_DIR": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    ml_host.make_keys(settings)
    return settings


@pytest.fixture
def machine(settings: Settings, wait_until: Callable[[str, Callable[[], object]], None]) -> Iterator[Service]:
    """Run the machine's SSH server as the lab does."""
    service = next(one for one in service_table(settings) if one.name == "ml-host")
    with subprocess.Popen(service.command, env=dict(service.environment), stderr=subprocess.DEVNULL) as server:
        wait_until("the machine answers", lambda: service.health.problem(0) is None)
        yield service
        server.terminate()


def written(settings: Settings) -> dict[str, Any]:
    connections.write(settings, ml_host.keys_folder(settings), USER)
    content: dict[str, Any] = json.loads((settings.state_dir / airflow_environment.CONNECTIONS).read_text())
    return content


@pytest.mark.usefixtures("machine")
def test_airflow_reaches_the_machine_by_its_connections(settings: Settings) -> None:
    written(settings)
    airflow_environment.write_secrets(settings)
    asked = subprocess.run(
        [sys.executable, "-c", ASK_AIRFLOW],
        env=processes.service_environment(settings.state_dir) | airflow_environment.build(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    token = (ml_host.keys_folder(settings) / "jobs_token").read_text().strip()
    assert json.loads(asked.stdout.splitlines()[-1]) == {
        "ec2_mlops_churn": str(ml_host.PROJECT),
        "ec2_mlops_credit_risk": str(ml_host.PROJECT),
        "mlflow_api": [settings.mlflow_url, None],
        "ml_api": [settings.ml_api_url, token],
    }


def test_the_key_of_the_machine_is_pinned(settings: Settings) -> None:
    extra = written(settings)["ec2_mlops_churn"]["extra"]
    kind, key = (ml_host.keys_folder(settings) / "host_key.pub").read_text().split()[:2]
    assert extra["host_key"] == f"{kind} {key}"
    assert extra["no_host_key_check"] is False


def test_only_their_owner_may_read_them(settings: Settings) -> None:
    written(settings)
    assert (settings.state_dir / airflow_environment.CONNECTIONS).stat().st_mode & 0o777 == 0o600


def test_a_connection_of_a_persons_own_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"ec2_mlops_churn", "ml_api"} <= written(settings).keys()
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", '{"conn_type": "ssh", "host": "ec2.example.org"}')
    assert written(settings).keys() == {"ec2_mlops_credit_risk", "mlflow_api", "ml_api"}


def test_in_containers_they_lead_to_the_other_containers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, host in {"ML_SSH": "ml-host", "MLFLOW": "mlflow", "ML_API": "inference-api"}.items():
        monkeypatch.setenv(f"LAB_{name}_HOST", host)
    hosts = {name: one["host"] for name, one in written(load_settings()).items()}
    ssh = dict.fromkeys(("ec2_mlops_churn", "ec2_mlops_credit_risk"), "ml-host")
    assert hosts == {**ssh, "mlflow_api": "mlflow", "ml_api": "inference-api"}
    assert settings.state_dir == load_settings().state_dir


@pytest.mark.parametrize("name", ["host_key.pub", "client_key", "jobs_token"])
def test_a_key_that_is_gone_is_named(settings: Settings, name: str) -> None:
    path = ml_host.keys_folder(settings) / name
    path.unlink()
    with pytest.raises(LabError, match=f"{path} cannot be read: No such file or directory.*\n.*Remove the folder"):
        written(settings)


def test_keys_that_cannot_be_made_are_explained(settings: Settings) -> None:
    folder = ml_host.keys_folder(settings)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.touch()
    with pytest.raises(LabError, match=f"cannot be made in {folder}:\n(?s:.*)File exists"):
        ml_host.make_keys(settings)
