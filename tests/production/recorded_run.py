"""Real runs of the DAGs, with every AWS call that their processes make, and that Athena makes on their behalf."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from lab import airflow_environment, lifecycle
from lab.lifecycle import Lab
from lab.preparations import preparation_table
from lab.progress import Progress
from lab.services import Service, service_table
from lab.settings import REPOSITORY, Settings
from lab.supervisor import Supervisor
from tests.production.aws_calls import Call, read_calls

HERE = Path(__file__).parent
# In these folders Python finds the recorder; and what DAG files import.
PATHS = os.pathsep.join((str(HERE / "recorder"), str(REPOSITORY / "dags")))
# More than 8 MB of them, from where on boto3 uploads in parts.
ROWS = 150_000
COMMAND_SECONDS = 240
# Another one than that of the data, so that what is granted on each is told apart.
ARTIFACTS_BUCKET = "pt-ml-artifacts"
SERVICES = {"localstack", "ml-host", "mlflow"}
PREPARATIONS = {"keys", "buckets"}
# What asks AWS for something, in the order in which it runs: DAG, configuration.
AFTER_THE_ORDERS = tuple(
    run
    for project in yaml.safe_load((REPOSITORY / "dags/config/mlops_projects.yaml").read_text())["projects"]
    for run in ((f"mlops_{project}_integration", {}), ("ml_batch_inference_pipeline", {"project": project}))
)


@dataclass(frozen=True)
class RecordedRun:
    """What was asked of AWS: by Airflow's processes, and by Athena."""

    settings: Settings
    by_dags: tuple[Call, ...]
    by_athena: tuple[Call, ...]


def record(settings: Settings, folder: Path) -> RecordedRun:
    """Run orders_pipeline twice, on an empty bucket and over the result of the first run, and what follows from it.

    At the end a query is stopped.
    """
    by_dags, by_athena = folder / "by_dags", folder / "by_athena"
    services = tuple(service for service in service_table(settings) if service.name in SERVICES)
    services = tuple(_listened_to(one, by_athena) if one.name == "localstack" else one for one in services)
    preparations = tuple(one for one in preparation_table(settings) if one.name in PREPARATIONS)
    try:
        lifecycle.up(Lab(settings.state_dir, services, preparations), Progress())
        environment = _airflow_environment(settings, folder, by_dags)
        _run(environment, "-m", "airflow", "db", "migrate")
        exports = (settings.orders_csv, _many_orders(folder))
        runs = (*(("orders_pipeline", {"orders_csv": str(orders)}) for orders in exports), *AFTER_THE_ORDERS)
        for day, (dag_id, configuration) in enumerate(runs, start=1):
            options = [f"2026-01-{day:02d}", "--conf", json.dumps(configuration)]
            said = _run(environment, "-m", "airflow", "dags", "test", dag_id, *options)
            assert "state=success" in said, said
        _run(environment, str(HERE / "stopped_query.py"))
    finally:
        Supervisor(settings.state_dir).shut_down(patience=20)
    return RecordedRun(settings, read_calls(by_dags), read_calls(by_athena))


def _listened_to(service: Service, calls: Path) -> Service:
    return replace(service, environment={**service.environment, "AWS_CALLS": str(calls), "PYTHONPATH": PATHS})


def _airflow_environment(settings: Settings, folder: Path, calls: Path) -> dict[str, str]:
    return {
        **os.environ,
        **settings.environment,
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_file_path": str(settings.state_dir / airflow_environment.CONNECTIONS)}
        ),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_CALLS": str(calls),
        "PYTHONPATH": PATHS,
    }


def _run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def _many_orders(folder: Path) -> Path:
    path = folder / "orders.csv"
    generator = REPOSITORY / "data" / "generate_orders.py"
    options = ["--rows", str(ROWS), "--output", str(path)]
    subprocess.run([sys.executable, generator, *options], check=True, capture_output=True)
    return path
