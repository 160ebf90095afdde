"""A command as a scheduler runs it: arguments, one at a time, a result as the last line, failures as exit codes.

    python -m MODULE --project churn --environment dev --run-id scheduled__2026-01-01

The last line of standard output is the result as one line of JSON. Everything else goes to standard error; after a
failure its last line starts with `error:`.
"""

import argparse
import fcntl
import json
import logging
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from src import signals
from src.configuration import ENVIRONMENTS, Project, load_project, state_directory
from src.failures import Failure

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+~-]{0,199}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One run of one project in one environment, as the scheduler names it, with the project's configuration."""

    project: str
    environment: str
    run_id: str
    settings: Project

    @property
    def folder(self) -> Path:
        """Where the run's features lie."""
        return features_directory(self.project, self.environment) / self.run_id

    @property
    def labels(self) -> dict[str, str]:
        """What tells this run's metrics from those of other models; never the run itself."""
        return {"project": self.project, "environment": self.environment}


class Ended(SystemExit):
    """A signal told the command to end.

    It is raised, so that what is half done is undone on the way out, and is no Exception, after which libraries go on.
    The signal's handler writes nothing: it may have interrupted the writing of a line.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.reason = f"ended by {signal.Signals(number).name}"


def features_directory(project: str, environment: str) -> Path:
    """Return the folder that holds a folder of features for each run."""
    return state_directory() / "features" / environment / project


def make_run(project: str, environment: str, run_id: str) -> Run:
    """Return the run of these names.

    Raises:
        argparse.ArgumentTypeError: the run id is none that a scheduler would give.
        ConfigurationWrong: as `load_project` raises it.

    """
    return Run(project, environment, _run_id(run_id), load_project(project, environment))


def main(stage: str, work: Callable[[Run, argparse.Namespace], dict[str, Any]], *switches: str) -> NoReturn:
    """Run the command of the line that started this process, and exit with the code that says how it went.

    `stage` names it in metrics and log lines; `switches` are its further arguments, `--source=` with a value and
    `--rollback` without.
    """
    arguments = _parsed(switches)
    logging.basicConfig(level=logging.INFO, format=f"{stage}: %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    began = time.monotonic()
    try:
        run = make_run(arguments.project, arguments.environment, arguments.run_id)
        with _alone(run):
            signals.gauge("lab.ml.started_timestamp_seconds", time.time(), stage=stage, **run.labels)
            result = work(run, arguments)
    except Ended as ended:
        with suppress(OSError):  # nobody reads it any more
            print(f"error: {ended.reason}", file=sys.stderr)
        raise
    except Failure as failure:
        print(f"error: {' '.join(str(failure).split())}", file=sys.stderr)
        sys.exit(failure.exit_code)
    signals.gauge("lab.ml.duration_seconds", time.monotonic() - began, stage=stage, **run.labels)
    signals.gauge("lab.ml.succeeded_timestamp_seconds", time.time(), stage=stage, **run.labels)
    print(json.dumps({**run.labels, "run_id": run.run_id, **result}))
    sys.exit(0)


def _parsed(switches: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", required=True, help="a project of config/base.yaml")
    parser.add_argument("--environment", required=True, choices=ENVIRONMENTS)
    parser.add_argument("--run-id", required=True, type=_run_id, help="the scheduler's name of the run")
    for switch in switches:
        if switch.endswith("="):
            parser.add_argument(switch.removesuffix("="))
        else:
            parser.add_argument(switch, action="store_true")
    return parser.parse_args()


def _run_id(text: str) -> str:
    if not RUN_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no run id: letters, digits and _.:+~- it may have, and begin with a letter or a digit"
        )
    return text


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the project in this environment for this process; the lock ends with the process, however that ends."""
    path = state_directory() / "locks" / f"{run.environment}.{run.project}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another run of %s in %s is at work; waiting for it to end.", run.project, run.environment)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended(number)
