"""The service table: what runs in the lab, by command line, environment, port and health check.

A further service is one more row of `service_table`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lab import airflow_environment
from lab.health import AirflowHealth, HealthCheck, LocalStackHealth
from lab.settings import REPOSITORY, Settings

PYTHON = REPOSITORY / ".venv" / "bin" / "python"
LOCALSTACK_PYTHON = REPOSITORY / "docker" / "localstack" / ".venv" / "bin" / "python"
MIGRATION = "migration"


@dataclass(frozen=True)
class Service:
    """One row of the table.

    Attributes:
        name: what `make status` and `make logs NAME=` call it.
        command: an absolute path and its arguments.
        environment: what it gets besides the common environment.
        health: asked until it is ready, and again by `make status`.
        start_seconds: how long it may take to become ready.
        stop_seconds: how long it may take to end before it is killed.
        port: the TCP port on 127.0.0.1 it listens on, if any.
        port_setting: the setting that names this port, for messages.
        address: what a person may open, if anything.
        after: services or preparations that have to be ready before it is started.

    """

    name: str
    command: tuple[str, ...]
    health: HealthCheck
    environment: Mapping[str, str]
    start_seconds: float = 90
    stop_seconds: int = 10
    port: int | None = None
    port_setting: str = ""
    address: str = ""
    after: tuple[str, ...] = ()


def service_table(settings: Settings) -> tuple[Service, ...]:
    """Return all services of the lab, in the order in which they are shown."""
    airflow = airflow_environment.build(settings)

    def airflow_service(name: str, *arguments: str, component: str, port: int | None = None) -> Service:
        return Service(
            name=name,
            command=(str(PYTHON), "-m", "airflow", name, *arguments),
            environment=airflow,
            health=AirflowHealth(settings.airflow_url, component),
            port=port,
            port_setting="AIRFLOW_PORT" if port else "",
            address=settings.airflow_url if port else "",
            after=(MIGRATION,),
        )

    return (
        Service(
            name="localstack",
            command=(str(LOCALSTACK_PYTHON), "-m", "localstack.runtime.main"),
            environment=_localstack_environment(settings),
            health=LocalStackHealth(settings.aws_endpoint_url, ("s3", "sts", "glue", "athena")),
            port=settings.localstack_port,
            port_setting="LOCALSTACK_PORT",
            address=settings.aws_endpoint_url,
        ),
        airflow_service("api-server", component="metadatabase", port=settings.airflow_port),
        # The log servers listen on every interface; the API server reads the log files from disk anyway.
        airflow_service("scheduler", "--skip-serve-logs", component="scheduler"),
        airflow_service("dag-processor", component="dag_processor"),
        airflow_service("triggerer", "--skip-serve-logs", component="triggerer"),
    )


def _localstack_environment(settings: Settings) -> dict[str, str]:
    return {
        # LocalStack 4.13 listens on every interface when it is given an IPv4 address, but heeds an IPv6 one:
        # hence 127.0.0.1 in IPv6 notation, which IPv4 clients reach.
        "GATEWAY_LISTEN": f"[::ffff:127.0.0.1]:{settings.localstack_port}",
        "LOCALSTACK_ATHENA_STATE_DIR": str(settings.state_dir / "localstack"),
        "FILESYSTEM_ROOT": str(settings.state_dir / "localstack-runtime"),
        # Nothing is asked of the internet: no usage events, no certificate, no name server.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
    }
