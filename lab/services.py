"""The service table: what runs in the lab, by command line, environment, port and health check.

A further service is one more row of `service_table`.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab import airflow_environment, grafana, ml_host, monitoring_files, monitoring_programs
from lab.health import AirflowHealth, HealthCheck, HttpHealth, LocalStackHealth, SshHealth
from lab.settings import LOOPBACK, REPOSITORY, Settings

PYTHON = REPOSITORY / ".venv" / "bin" / "python"
LOCALSTACK_PYTHON = REPOSITORY / "docker" / "localstack" / ".venv" / "bin" / "python"
MIGRATION = "migration"
CONFIGURATION = "configuration"
KEYS = "keys"
STATSD_EXPORTER = "statsd-exporter"
RETENTION = "168h"
# Services run in the state directory; those of the lab's own are found here.
MODULES = {"PYTHONPATH": str(REPOSITORY)}
AWS_SERVICES = ("s3", "sts", "glue", "athena")


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
        more_ports: further TCP ports on 127.0.0.1 it listens on, by the settings that name them.
        udp_ports: the UDP ports, likewise.
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
    more_ports: Mapping[str, int] = field(default_factory=dict)
    udp_ports: Mapping[str, int] = field(default_factory=dict)
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
            # Airflow sends its metrics without asking whether anybody listens: the first ones would be lost.
            after=(MIGRATION, KEYS, STATSD_EXPORTER),
        )

    return (
        Service(
            name="localstack",
            command=(str(LOCALSTACK_PYTHON), "-m", "localstack.runtime.main"),
            environment=_localstack_environment(settings),
            health=LocalStackHealth(settings.aws_endpoint_url, AWS_SERVICES),
            port=settings.localstack_port,
            port_setting="LOCALSTACK_PORT",
            address=settings.aws_endpoint_url,
        ),
        airflow_service("api-server", component="metadatabase", port=settings.airflow_port),
        # The log servers listen on every interface; the API server reads the log files from disk anyway.
        airflow_service("scheduler", "--skip-serve-logs", component="scheduler"),
        airflow_service("dag-processor", component="dag_processor"),
        airflow_service("triggerer", "--skip-serve-logs", component="triggerer"),
        *_ml_host(settings),
        *_monitoring(settings),
    )


def _ml_host(settings: Settings) -> tuple[Service, ...]:
    """Return the services of the ML team's machine."""
    folder = ml_host.state_folder(settings)
    store = folder / "mlflow"
    return (
        Service(
            name="ml-host",
            command=(
                *(str(ml_host.PYTHON), str(ml_host.SSH_SCRIPT), "serve", str(ml_host.keys_folder(settings))),
                *("--port", str(settings.ml_ssh_port)),
            ),
            environment=ml_host.environment(settings),
            health=SshHealth(LOOPBACK, settings.ml_ssh_port),
            port=settings.ml_ssh_port,
            port_setting="ML_SSH_PORT",
            after=(KEYS,),
        ),
        Service(
            name="mlflow",
            command=(
                *(str(ml_host.PYTHON), "-m", "src.tracking_server", "--port", str(settings.mlflow_port)),
                *("--store", f"sqlite:///{store / 'mlflow.db'}", "--artifacts", str(store / "artifacts")),
            ),
            environment=ml_host.environment(settings),
            health=HttpHealth(f"{settings.mlflow_url}/health"),
            start_seconds=180,  # the first time it makes its tables, one small transaction after another
            port=settings.mlflow_port,
            port_setting="MLFLOW_PORT",
            address=settings.mlflow_url,
            after=(KEYS,),
        ),
        Service(
            name="inference-api",
            command=(
                *(str(ml_host.PYTHON), "-m", "src.inference.api", "--environment", "dev"),
                *("--port", str(settings.ml_api_port)),
            ),
            environment=ml_host.environment(settings),
            health=HttpHealth(f"{settings.ml_api_url}/health"),
            port=settings.ml_api_port,
            port_setting="ML_API_PORT",
            address=settings.ml_api_url,
            after=("mlflow",),
        ),
    )


def _monitoring(settings: Settings) -> tuple[Service, ...]:
    prometheus, alertmanager = (
        str(monitoring_files.rendered_path(settings, source))
        for source in (monitoring_files.PROMETHEUS, monitoring_files.ALERTMANAGER)
    )
    # Nothing reads them. That they change with the files makes `make up` restart what has read these.
    files = {name: {"LAB_FILES": digest} for name, digest in monitoring_files.digests(settings).items()}
    exporter = shutil.which("statsd_exporter")
    return (
        Service(
            name=STATSD_EXPORTER,
            command=(
                *((exporter,) if exporter else (str(PYTHON), "-m", "lab.statsd_exporter")),
                f"--statsd.listen-udp=127.0.0.1:{settings.statsd_port}",
                "--statsd.listen-tcp=",
                f"--web.listen-address=127.0.0.1:{settings.statsd_metrics_port}",
                f"--statsd.mapping-config={monitoring_files.STATSD_MAPPING}",
            ),
            environment=files[STATSD_EXPORTER] | MODULES,
            health=HttpHealth(f"http://127.0.0.1:{settings.statsd_metrics_port}/-/healthy"),
            port=settings.statsd_metrics_port,
            port_setting="STATSD_METRICS_PORT",
            udp_ports={"STATSD_PORT": settings.statsd_port},
        ),
        Service(
            name="probes",
            command=(str(PYTHON), "-m", "lab.probes"),
            environment=dict(settings.environment) | MODULES,
            health=HttpHealth(f"http://127.0.0.1:{settings.probes_port}/metrics"),
            port=settings.probes_port,
            port_setting="PROBES_PORT",
        ),
        Service(
            name="prometheus",
            command=(
                monitoring_programs.find("prometheus"),
                f"--config.file={prometheus}",
                f"--storage.tsdb.path={settings.state_dir / 'prometheus'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address=127.0.0.1:{settings.prometheus_port}",
                f"--web.external-url={settings.prometheus_url}",
            ),
            environment=files["prometheus"],
            health=HttpHealth(f"{settings.prometheus_url}/-/ready"),
            port=settings.prometheus_port,
            port_setting="PROMETHEUS_PORT",
            address=settings.prometheus_url,
            after=(CONFIGURATION,),
        ),
        Service(
            name="alertmanager",
            command=(
                monitoring_programs.find("alertmanager"),
                f"--config.file={alertmanager}",
                f"--storage.path={settings.state_dir / 'alertmanager'}",
                f"--data.retention={RETENTION}",
                f"--web.listen-address=127.0.0.1:{settings.alertmanager_port}",
                f"--web.external-url={settings.alertmanager_url}",
                "--cluster.listen-address=",  # alone: otherwise it listens for others on every interface
            ),
            environment=files["alertmanager"],
            health=HttpHealth(f"{settings.alertmanager_url}/-/ready"),
            port=settings.alertmanager_port,
            port_setting="ALERTMANAGER_PORT",
            address=settings.alertmanager_url,
            after=(CONFIGURATION,),
        ),
        Service(
            name="inbox",
            command=(
                *(str(PYTHON), "-m", "lab.inbox", str(settings.state_dir / "inbox")),
                *("--smtp-port", str(settings.inbox_smtp_port), "--http-port", str(settings.inbox_port)),
                *("--runbooks", str(monitoring_files.RUNBOOKS), "--lab", str(settings.state_dir)),
                *("--alertmanager", settings.alertmanager_url, "--prometheus", settings.prometheus_url),
            ),
            # All settings: it runs the lab's commands.
            environment=dict(settings.environment) | MODULES,
            health=HttpHealth(f"{settings.inbox_url}/-/healthy"),
            port=settings.inbox_port,
            port_setting="INBOX_PORT",
            more_ports={"INBOX_SMTP_PORT": settings.inbox_smtp_port},
            address=settings.inbox_url,
        ),
        _dashboards(settings, files["grafana"]),
    )


def _dashboards(settings: Settings, files: Mapping[str, str]) -> Service:
    """Return Grafana where it is on PATH, else the viewer of the same dashboards; both answer at the same addresses."""
    program = grafana.find()
    viewer = (
        *(str(PYTHON), "-m", "lab.viewer", str(monitoring_files.dashboards_folder(settings))),
        *("--port", str(settings.grafana_port), "--prometheus", settings.prometheus_url),
        *("--scrape-interval", monitoring_files.scrape_interval()),
    )
    return Service(
        name="grafana",
        command=grafana.command(program) if program else viewer,
        environment={**files, **(grafana.environment(settings) if program else MODULES)},
        health=HttpHealth(f"{settings.grafana_url}/api/health"),
        port=settings.grafana_port,
        port_setting="GRAFANA_PORT",
        address=settings.grafana_url,
        after=(CONFIGURATION,),
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
