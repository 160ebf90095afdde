"""The ML team's machine and what it needs, as the lab runs them, and runs of DAGs against it."""

import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from lab import airflow_environment, aws, lifecycle, ml_host
from lab.lifecycle import Lab
from lab.preparations import preparation_table
from lab.progress import Progress
from lab.services import service_table
from lab.settings import REPOSITORY, Settings
from lab.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
DAGS = REPOSITORY / "dags"
SERVICES = {"localstack", "ml-host", "mlflow", "inference-api", "inbox"}
PREPARATIONS = {"keys", "buckets"}
RUN_SECONDS = 280
DATAMART_KEY = "processed-data/customer_orders/part-0"
# The ML team's own tests know how to write one; only their environment can.
WRITE_DATAMART = "import sys, pathlib, conftest; print(conftest.write_datamart(pathlib.Path(sys.argv[1]), 50_000))"


@dataclass(frozen=True)
class Ended:
    """A run of a DAG that has ended: states, tries and results by task, events by asset, and all that was logged."""

    run_id: str
    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    results: dict[str, Any]
    events: dict[str, Any]
    log: str = field(repr=False)

    def tasks_in(self, state: str) -> set[str]:
        """Return the tasks that ended so."""
        return {task_id for task_id, found in self.tasks.items() if found == state}


class MlTeam:
    """The services that an ML pipeline meets, on free ports."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.supervisor = Supervisor(settings.state_dir)
        self.machine_state = ml_host.state_folder(settings) / "state"
        self.inbox = f"http://127.0.0.1:{settings.inbox_port}"
        self.connections: dict[str, Any] = {}

    def start(self) -> None:
        services = tuple(service for service in service_table(self.settings) if service.name in SERVICES)
        preparations = tuple(one for one in preparation_table(self.settings) if one.name in PREPARATIONS)
        lifecycle.up(Lab(self.settings.state_dir, services, preparations), Progress())
        path = self.settings.state_dir / airflow_environment.CONNECTIONS
        self.connections = json.loads(path.read_text())
        command = (sys.executable, "-m", "airflow", "db", "migrate")
        subprocess.run(command, env=self._environment(DAGS), check=True, capture_output=True)

    def stop(self) -> None:
        self.supervisor.shut_down(patience=20)

    def write_datamart(self) -> None:
        """Put the orders of the lab's own size where orders_pipeline puts them."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("tests/ml_host", "data"))}
        command = (ml_host.PYTHON, "-c", WRITE_DATAMART, self.folder)
        done = subprocess.run(command, env=environment, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        with closing(aws.s3_client(self.settings)) as s3:
            s3.upload_file(done.stdout.strip(), self.settings.processed_bucket, DATAMART_KEY)

    def run(self, dag_id: str, connections: dict[str, Any] | None = None, dags: Path = DAGS, **params: Any) -> Ended:
        """Run a DAG to its end, with connections changed from the lab's own."""
        with self.running(dag_id, connections, dags, **params) as process:
            said, _ = process.communicate(timeout=RUN_SECONDS)
        assert process.returncode == 0, said
        return Ended(**json.loads(said.strip().rpartition("\n")[2]), log=said)

    @contextmanager
    def running(
        self, dag_id: str, connections: dict[str, Any] | None = None, dags: Path = DAGS, **params: Any
    ) -> "Iterator[subprocess.Popen[str]]":
        """Start a run of a DAG; it is ended with the block, if it has not come to its end."""
        (self.folder / "connections.json").write_text(json.dumps(self.connections | (connections or {})))
        command = (sys.executable, str(HERE / "ml_run.py"), dag_id, json.dumps(params))
        process = subprocess.Popen(
            command, env=self._environment(dags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def override(self, settings: str) -> None:
        """Write the machine's own settings, in the place of those that it has."""
        self.machine_state.mkdir(exist_ok=True)
        (self.machine_state / "overrides.yaml").write_text(settings)

    def champion(self, project: str) -> str | None:
        """Return the champion's version, as MLflow's registry has it."""
        question = {"name": f"dev.{project}", "alias": "champion"}
        path = "/api/2.0/mlflow/registered-models/alias"
        answer = httpx.get(self.settings.mlflow_url + path, params=question, trust_env=False)
        return answer.json()["model_version"]["version"] if answer.is_success else None

    def messages(self) -> list[dict[str, Any]]:
        """Return what has come to the inbox since it was last asked, the newest first."""
        with httpx.Client(base_url=self.inbox, trust_env=False) as inbox:
            found = inbox.get("/api/messages").json()["messages"]
            read = [inbox.get(f"/api/messages/{message['id']}").json() for message in found]
            inbox.delete("/api/messages")
        return read

    def _environment(self, dags: Path) -> dict[str, str]:
        kwargs = {"connections_file_path": str(self.folder / "connections.json")}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            **self.settings.environment,
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
            "PYTHONPATH": os.pathsep.join((str(dags), os.environ.get("PYTHONPATH", ""))),
        }
