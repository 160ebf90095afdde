"""The whole lab as the end-to-end tests use it: its commands, and runs of its pipeline."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab import processes
from lab.airflow_api import AirflowApi, Run
from lab.demo import DAG_ID
from lab.settings import REPOSITORY, Settings
from lab.supervisor import Supervisor

RUN_SECONDS = 240
RESTART_SECONDS = 20


@dataclass
class WholeLab:
    """The running lab, as a person at the command line has it."""

    settings: Settings
    repository: Path = REPOSITORY
    api: AirflowApi = field(init=False)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m lab` in a process of its own, as make does."""
        return subprocess.run(
            [sys.executable, "-m", "lab", *arguments], cwd=self.repository, capture_output=True, text=True, check=False
        )

    def start(self) -> None:
        """Bring everything up and log in."""
        started = self.command("up")
        assert started.returncode == 0, started.stdout + started.stderr
        self.api = AirflowApi(self.settings)
        self.api.wait_for_dag(DAG_ID)
        self.api.unpause(DAG_ID)

    def stop(self) -> None:
        """End everything, and see that it has ended."""
        ended = self.command("down")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert not list(processes.marked(self.settings.state_dir))

    @property
    def supervisor(self) -> Supervisor:
        """What starts and stops the services."""
        return Supervisor(self.settings.state_dir)

    def kill(self, service: str) -> int:
        """Kill a service as the kernel does when memory is short; return the process id that it had."""
        pid = self.supervisor.processes()[service].pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_and_await(self, service: str) -> None:
        """Kill a service, and wait until the supervisor has started it again."""
        killed = self.kill(service)
        deadline = time.monotonic() + RESTART_SECONDS
        while (process := self.supervisor.processes()[service]).pid in (0, killed):
            assert time.monotonic() < deadline, f"not started again within {RESTART_SECONDS} s: {process}"
            time.sleep(0.1)

    def run(self, orders_csv: Path) -> Run:
        """Run the pipeline over a file to its end, good or bad."""
        return self.finished(self.api.trigger(DAG_ID, {"orders_csv": str(orders_csv)}))

    def finished(self, run: Run) -> Run:
        deadline = time.monotonic() + RUN_SECONDS
        while not run.is_finished:
            assert time.monotonic() < deadline, f"{run} has not ended within {RUN_SECONDS} s: {self.api.tasks(run)}"
            time.sleep(0.5)
            run = self.api.refreshed(run)
        return run

    def failure(self, run: Run) -> tuple[str, str]:
        """Return the id of the failed task and the error that its last try logged."""
        task = next(task for task in self.api.tasks(run) if task.state == "failed")
        return task.task_id, self.api.error_message(run, task)
