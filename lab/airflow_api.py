"""Airflow's stable REST API, as much of it as the lab needs: DAGs, runs, task instances, results and logs."""

import time
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Self
from urllib.parse import quote

import httpx

from lab.errors import LabError
from lab.settings import Settings

PARSE_SECONDS = 90
POLL_SECONDS = 1.0
FINISHED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class TaskInstance:
    """A task of one run. `seconds` is the duration of its latest try; `state` is None until it is scheduled."""

    task_id: str
    state: str | None
    tries: int
    seconds: float | None


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    dag_id: str
    run_id: str
    state: str

    @property
    def is_finished(self) -> bool:
        """Whether the run has come to an end, good or bad."""
        return self.state in FINISHED


class AirflowApi:
    """A logged-in client of the lab's Airflow; a context manager, which closes it."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.airflow_url
        self._client = httpx.Client(base_url=f"{self.url}/api/v2/", timeout=30, trust_env=False)
        login = {"username": settings.airflow_user, "password": settings.airflow_password}
        token = self._call("POST", f"{self.url}/auth/token", json=login)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        """Return the client itself; leaving the block closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """See __enter__."""
        self._client.close()

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until Airflow has parsed the DAG.

        Raises:
            LabError: its file cannot be imported, or is not there.

        """
        deadline = time.monotonic() + PARSE_SECONDS
        while time.monotonic() < deadline:
            if dag_id in {dag["dag_id"] for dag in self._call("GET", "dags", params={"limit": 100})["dags"]}:
                return
            if errors := self._call("GET", "importErrors")["import_errors"]:
                raise LabError(f"Airflow cannot import {errors[0]['filename']}:\n\n{errors[0]['stack_trace']}")
            time.sleep(POLL_SECONDS)
        raise LabError(
            f"Airflow did not find the DAG {dag_id} within {PARSE_SECONDS} s: `make logs NAME=dag-processor`."
        )

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> Run:
        """Start a run with this configuration."""
        answer = self._call("POST", f"dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        return Run(dag_id, answer["dag_run_id"], answer["state"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def refreshed(self, run: Run) -> Run:
        """Return the run as it is now."""
        return Run(run.dag_id, run.run_id, self._call("GET", _path(run))["state"])

    def tasks(self, run: Run) -> list[TaskInstance]:
        """Return the run's tasks, each after those that it waits for."""
        found = {task["task_id"]: task for task in self._call("GET", f"{_path(run)}/taskInstances")["task_instances"]}
        return [
            TaskInstance(name, found[name]["state"], found[name]["try_number"], found[name]["duration"])
            for name in self._task_order(run.dag_id)
            if name in found
        ]

    def result(self, run: Run, task_id: str) -> Any:
        """Return what a task returned."""
        path = f"{_path(run)}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._call("GET", path, params={"deserialize": True})["value"]

    def error_message(self, run: Run, task: TaskInstance) -> str:
        """Return the last error that the task's latest try logged: its exception, else its message."""
        path = f"{_path(run)}/taskInstances/{task.task_id}/logs/{task.tries}"
        messages = self._call("GET", path, params={"full_content": True})["content"]
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("level") in {"error", "critical"}:
                if causes := message.get("error_detail"):
                    return f"{causes[0]['exc_type']}: {causes[0]['exc_value']}"
                return str(message["event"])
        return "Its log names no error."

    def _task_order(self, dag_id: str) -> list[str]:
        order: TopologicalSorter[str] = TopologicalSorter()
        for task in self._call("GET", f"dags/{dag_id}/tasks")["tasks"]:
            order.add(task["task_id"])
            for downstream in task["downstream_task_ids"]:
                order.add(downstream, task["task_id"])
        return list(order.static_order())

    def _call(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise LabError(
                f"Airflow's API at {self.url} does not answer: {error}\n`make status` shows more."
            ) from error
        if response.is_error:
            raise LabError(f"Airflow's API refused {method} {path} ({response.status_code}): {response.text[:500]}")
        return response.json()


def _path(run: Run) -> str:
    return f"dags/{run.dag_id}/dagRuns/{quote(run.run_id, safe='')}"
