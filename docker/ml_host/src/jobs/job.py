"""A job: one stage of a run as a process of its own, with its output, until it ends or is ended.

It is the very command that a scheduler would run over SSH, hence with the same lock, exit codes and output. It lives no
longer than the process that started it, whatever ends that one.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from src.configuration import ROOT

STAGES = {
    "features": ("-m", "src.pipelines.DS.feature_pipeline.transform"),
    "training": ("-m", "src.pipelines.DS.training_pipeline.train"),
    "fairness": ("-m", "pytest", "tests/responsible_ai/test_fairness.py"),
    "robustness": ("-m", "pytest", "tests/responsible_ai/test_robustness.py"),
    "promotion": ("-m", "src.deployment.promote_model"),
    "rollback": ("-m", "src.deployment.promote_model", "--rollback"),
    "batch_inference": ("-m", "src.inference.batch"),
    "monitoring": ("-m", "src.monitoring.drift"),
}
# Of each job; of more lines the latest are kept, of longer ones their parts.
MOST_LINES = 10_000
MOST_LINE_BYTES = 64_000
# How long a job that was asked to end may take to put its things in order.
GRACE_SECONDS = 10
# Jobs that have ended are remembered until there are this many others.
MOST_ENDED = 200


@dataclass(frozen=True)
class JobName:
    """What tells a job from all others."""

    project: str
    environment: str
    run_id: str
    stage: str

    @property
    def command(self) -> tuple[str, ...]:
        """The command line; setpriv has the kernel end the job if this process dies without having done so."""
        arguments = ("--project", self.project, "--environment", self.environment, "--run-id", self.run_id)
        return ("setpriv", "--pdeathsig", "TERM", "--", sys.executable, *STAGES[self.stage], *arguments)


class Job:
    """A process that was started; `exit_code` is None until it has ended, and then what a shell would give."""

    def __init__(self, process: Process) -> None:
        self.exit_code: int | None = None
        self.result: dict[str, Any] | None = None
        self._process = process
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._seen = 0
        self._following = asyncio.create_task(self._follow())

    @property
    def state(self) -> str:
        """What has become of it so far."""
        if self.exit_code is None:
            return "running"
        return "failed" if self.exit_code else "succeeded"

    def log(self, start: int) -> tuple[list[str], int]:
        """Return the lines from number `start` (of the first: 0) on, and the number of the line to come next."""
        gone = self._seen - len(self._lines)
        return list(self._lines)[max(start - gone, 0) :], self._seen

    async def end(self) -> None:
        """Ask the process and all that it has started to end, and make them if they do not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.exit_code is None:
                with suppress(ProcessLookupError):  # it has ended just now
                    os.killpg(self._process.pid, number)
                await asyncio.wait({self._following}, timeout=GRACE_SECONDS)

    async def _follow(self) -> None:
        last, _ = await asyncio.gather(self._read(self._process.stdout), self._read(self._process.stderr))
        code = await self._process.wait()
        self.result = _result(last)
        self.exit_code = code if code >= 0 else 128 - code

    async def _read(self, stream: asyncio.StreamReader | None) -> str:
        """Keep what comes until there is no more, and return its last line."""
        line = ""
        async for line in _lines(stream):
            self._lines.append(line)
            self._seen += 1
        return line


class Jobs:
    """The jobs that this process has started and still remembers."""

    def __init__(self) -> None:
        self._jobs: dict[JobName, Job] = {}
        self._starting = asyncio.Lock()

    def get(self, name: JobName) -> Job | None:
        """Return a job, if it is known."""
        return self._jobs.get(name)

    async def start(self, name: JobName) -> Job:
        """Return the job of this name: the one that runs, else one that begins now.

        Raises:
            OSError: the machine cannot start a process.

        """
        async with self._starting:
            job = self._jobs.get(name)
            if job is None or job.exit_code is not None:
                self._forget()
                process = await asyncio.create_subprocess_exec(
                    *name.command,
                    cwd=ROOT,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=PIPE,
                    stderr=PIPE,
                    start_new_session=True,
                )
                # To the end, so that those started last are forgotten last.
                self._jobs.pop(name, None)
                job = self._jobs[name] = Job(process)
        return job

    async def end_all(self) -> None:
        """End whatever runs."""
        await asyncio.gather(*(job.end() for job in self._jobs.values()))

    def _forget(self) -> None:
        ended = [name for name, job in self._jobs.items() if job.exit_code is not None]
        for name in ended[:-MOST_ENDED]:
            del self._jobs[name]


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[str]:
    rest = b""
    while stream and (part := await stream.read(MOST_LINE_BYTES)):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


def _result(line: str) -> dict[str, Any] | None:
    """Return the object that a command's last line is; the tests of responsible AI leave none."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
