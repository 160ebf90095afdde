"""A real run of the pipeline, with every AWS call that its processes make, and that Athena makes on their behalf."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from lab import buckets, lifecycle
from lab.lifecycle import Lab
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


@dataclass(frozen=True)
class RecordedRun:
    """What was asked of AWS: by Airflow's processes, and by Athena."""

    settings: Settings
    by_dags: tuple[Call, ...]
    by_athena: tuple[Call, ...]


def record(settings: Settings, folder: Path) -> RecordedRun:
    """Run the pipeline twice, on an empty bucket and over the result of the first run; then stop a query."""
    by_dags, by_athena = folder / "by_dags", folder / "by_athena"
    try:
        lifecycle.up(Lab(settings.state_dir, (_localstack(settings, by_athena),)), Progress())
        buckets.prepare(settings)
        environment = _airflow_environment(settings, folder, by_dags)
        _run(environment, "-m", "airflow", "db", "migrate")
        for day, orders in (("2026-01-01", settings.orders_csv), ("2026-01-02", _many_orders(folder))):
            options = [day, "--conf", json.dumps({"orders_csv": str(orders)})]
            said = _run(environment, "-m", "airflow", "dags", "test", "orders_pipeline", *options)
            assert "state=success" in said, said
        _run(environment, str(HERE / "stopped_query.py"))
    finally:
        Supervisor(settings.state_dir).shut_down(patience=20)
    return RecordedRun(settings, read_calls(by_dags), read_calls(by_athena))


def _localstack(settings: Settings, calls: Path) -> Service:
    service = next(one for one in service_table(settings) if one.name == "localstack")
    return replace(service, environment={**service.environment, "AWS_CALLS": str(calls), "PYTHONPATH": PATHS})


def _airflow_environment(settings: Settings, folder: Path, calls: Path) -> dict[str, str]:
    return {
        **os.environ,
        **settings.environment,
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
