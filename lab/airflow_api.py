"""Airflow's stable REST API, as much of it as the lab needs: DAGs, runs, task instances, results and logs."""

import time
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

import httpx

from lab.errors import LabError
from lab.settings import Settings

PARSE_SECONDS = 90
SCHEDULE_SECONDS = 60
POLL_SECONDS = 1.0
# SQLite is locked for longer than Airflow waits where much is written on a busy machine. Nothing was done then.
DATABASE_BUSY = '"Database error"'
BUSY_TRIES = 5
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

    def pause(self, dag_id: str) -> None:
        """Let the scheduler start no more runs of the DAG."""
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": True})

    def is_paused(self, dag_id: str) -> bool:
        """Whether the scheduler starts no runs of the DAG."""
        return bool(self._call("GET", f"dags/{dag_id}")["is_paused"])

    def clear(self, run: Run, task_id: str) -> None:
        """End a task that runs, and have it done again, with all that comes after it."""
        which = {"dag_run_id": run.run_id, "task_ids": [task_id], "include_downstream": True, "only_failed": False}
        self._call("POST", f"dags/{run.dag_id}/clearTaskInstances", json={**which, "dry_run": False})

    def has_succeeded(self, dag_id: str) -> bool:
        """Whether a run of the DAG has ever succeeded. A DAG that there is not has not."""
        return bool(self._runs({"dag_ids": [dag_id], "states": ["success"], "page_limit": 1}))

    def unfinished(self) -> list[Run]:
        """Return the runs of all DAGs that have not come to an end."""
        return self._runs({"states": ["queued", "running"]})

    def wait_for_consequence(self, run: Run, dag_id: str) -> Run:
        """Return the run of another DAG that this run's assets started, as soon as there is one.

        Raises:
            LabError: none was started in time.

        """
        deadline = time.monotonic() + SCHEDULE_SECONDS
        events = {"source_dag_id": run.dag_id, "source_run_id": run.run_id}
        while time.monotonic() < deadline:
            # Airflow 3.3 answers 500 as long as a run that it has created waits to begin.
            with suppress(LabError):
                for event in self._call("GET", "assets/events", params=events)["asset_events"]:
                    for started in event["created_dagruns"]:
                        if started["dag_id"] == dag_id:
                            return Run(dag_id, started["run_id"], started["state"])
            time.sleep(POLL_SECONDS)
        raise LabError(
            f"{run.dag_id} updated its assets, but no run of {dag_id} began within {SCHEDULE_SECONDS} s: "
            "`make logs NAME=scheduler`."
        )

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

    def _runs(self, wanted: dict[str, Any]) -> list[Run]:
        found = self._call("POST", "dags/~/dagRuns/list", json=wanted)["dag_runs"]
        return [Run(one["dag_id"], one["dag_run_id"], one["state"]) for one in found]

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
            for _ in range(BUSY_TRIES):
                if response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR or DATABASE_BUSY not in response.text:
                    break
                time.sleep(POLL_SECONDS)
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
