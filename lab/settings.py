"""Settings: every port, name and credential of the lab, read from .env.example, .env and the environment."""

import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from dotenv.main import resolve_variables

from lab.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[1]
HIGHEST_PORT = 65535
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """What the lab was told.

    `environment` holds every setting by its name, as the services receive it. `hosts` says, by the setting of its port,
    where the others find a service: on this machine, unless LAB_X_HOST says otherwise for X_PORT, as it does in
    containers. `listen_host` is the address that the lab's own services listen on. The URLs are those of a person, who
    finds every port on this machine.
    """

    state_dir: Path
    airflow_port: int
    airflow_user: str
    airflow_password: str
    localstack_port: int
    statsd_port: int
    statsd_metrics_port: int
    probes_port: int
    prometheus_port: int
    alertmanager_port: int
    inbox_smtp_port: int
    inbox_port: int
    grafana_port: int
    ml_ssh_port: int
    mlflow_port: int
    ml_api_port: int
    flower_port: int
    region: str
    bucket: str
    processed_bucket: str
    ml_artifacts_bucket: str
    orders_csv: Path
    environment: Mapping[str, str]
    hosts: Mapping[str, str]
    listen_host: str

    def address(self, port_setting: str) -> str:
        """Return where the other services reach the one that listens on a setting's port, as HOST:PORT."""
        return f"{self.hosts[port_setting]}:{self.environment[port_setting]}"

    @property
    def airflow_url(self) -> str:
        """Where Airflow's user interface and API answer, without a slash at the end."""
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def aws_endpoint_url(self) -> str:
        """Where LocalStack answers for every AWS service, to the lab and to Airflow."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus's pages and API answer."""
        return f"http://127.0.0.1:{self.prometheus_port}"

    @property
    def alertmanager_url(self) -> str:
        """Where Alertmanager's page and API answer."""
        return f"http://127.0.0.1:{self.alertmanager_port}"

    @property
    def inbox_url(self) -> str:
        """Where the inbox shows the messages that the lab sent."""
        return f"http://127.0.0.1:{self.inbox_port}"

    @property
    def grafana_url(self) -> str:
        """Where Grafana, or the lab's viewer in its place, shows the dashboards."""
        return f"http://127.0.0.1:{self.grafana_port}"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow's pages and API answer."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def ml_api_url(self) -> str:
        """Where the inference API answers."""
        return f"http://127.0.0.1:{self.ml_api_port}"


def load_settings(repository: Path = REPOSITORY) -> Settings:
    """Read the settings: .env.example holds the defaults, .env overrides them, the process's environment both.

    Every name in .env counts, known or not: that is how a person hands a variable or a connection to Airflow.

    Raises:
        LabError: a value that cannot be used, named with where it may come from.
    """
    layers = {
        **dotenv_values(repository / ".env.example", interpolate=False),
        **dotenv_values(repository / ".env", interpolate=False),
    }
    merged = {name: os.environ.get(name, value) for name, value in layers.items()}
    # Interpolated after merging, so that a default made of other settings follows what those were set to.
    values = {name: value or "" for name, value in resolve_variables(merged.items(), override=True).items()}

    state_dir = Path(repository, Path(_filled(values, "LAB_STATE_DIR")).expanduser())
    orders_csv = repository / "data" / "orders.csv"
    hosts = {
        name: os.environ.get(f"LAB_{name.removesuffix('_PORT')}_HOST", LOOPBACK)
        for name in values
        if name.endswith("_PORT")
    }
    environment = {
        "AIRFLOW_VAR_ORDERS_CSV": str(orders_csv),
        **values,
        "AWS_ENDPOINT_URL": f"http://{hosts['LOCALSTACK_PORT']}:{_port(values, 'LOCALSTACK_PORT')}",
    }
    return Settings(
        state_dir=Path(os.path.normpath(state_dir)),
        airflow_port=_port(values, "AIRFLOW_PORT"),
        airflow_user=_filled(values, "AIRFLOW_USER"),
        airflow_password=_filled(values, "AIRFLOW_PASSWORD"),
        localstack_port=_port(values, "LOCALSTACK_PORT"),
        statsd_port=_port(values, "STATSD_PORT"),
        statsd_metrics_port=_port(values, "STATSD_METRICS_PORT"),
        probes_port=_port(values, "PROBES_PORT"),
        prometheus_port=_port(values, "PROMETHEUS_PORT"),
        alertmanager_port=_port(values, "ALERTMANAGER_PORT"),
        inbox_smtp_port=_port(values, "INBOX_SMTP_PORT"),
        inbox_port=_port(values, "INBOX_PORT"),
        grafana_port=_port(values, "GRAFANA_PORT"),
        ml_ssh_port=_port(values, "ML_SSH_PORT"),
        mlflow_port=_port(values, "MLFLOW_PORT"),
        ml_api_port=_port(values, "ML_API_PORT"),
        flower_port=_port(values, "FLOWER_PORT"),
        region=_filled(values, "AWS_DEFAULT_REGION"),
        bucket=_filled(values, "AIRFLOW_VAR_DATA_LAB_BUCKET"),
        processed_bucket=_filled(values, "AIRFLOW_VAR_S3_PROCESSED_BUCKET"),
        ml_artifacts_bucket=_filled(values, "AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET"),
        orders_csv=Path(environment["AIRFLOW_VAR_ORDERS_CSV"]),
        environment=environment,
        hosts=hosts,
        listen_host=os.environ.get("LAB_LISTEN_HOST", LOOPBACK),
    )


def free_ports() -> dict[str, str]:
    """Return every setting of a port with a port that nobody uses, for a lab beside another one."""
    names = [name for name in dotenv_values(REPOSITORY / ".env.example", interpolate=False) if name.endswith("_PORT")]
    with ExitStack() as held:  # until all are found, so that none is found twice
        probes = [held.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}


def _filled(values: Mapping[str, str], name: str) -> str:
    value = values[name].strip()
    if not value:
        raise LabError(f"{name} is empty. Give it a value in .env, or remove it there to get the default.")
    return value


def _port(values: Mapping[str, str], name: str) -> int:
    text = _filled(values, name)
    if not text.isdecimal() or not 0 < int(text) <= HIGHEST_PORT:
        raise LabError(f"{name} is {text!r}, which is no port. Give it a number from 1 to {HIGHEST_PORT} in .env.")
    return int(text)
