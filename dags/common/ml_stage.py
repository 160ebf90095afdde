"""A stage of a run on the ML team's machine: its names, and what its end means, however the machine is reached.

The commands answer by exit code, by the last line of their output, and, after a failure, by a line with `error:`; the
README of the ML team's project lists the codes.
"""

import json
import os
import re
import signal
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout

if TYPE_CHECKING:
    from airflow.sdk import Context

# A service of the machine does not answer, or the command was told to end: by a restart, for instance.
TRY_AGAIN = {os.EX_UNAVAILABLE, *(128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))}
MEANINGS = {
    127: "the virtual environment or the command is missing",
    128 + signal.SIGKILL: "the command was killed, as the kernel does when memory is short",
}
# The rest of a log is only passed on.
LINES_REMEMBERED = 1_000
# What a command says last when it fails, or pytest of an assertion or of a fixture that gave up.
COMPLAINT = re.compile(r"^(?:E +AssertionError|(?:.*\s)?error): (?P<what>.*?)[ !]*$")


class StageOperator(BaseOperator):
    """Run one stage of a project on the ML team's machine; the result is the JSON of its last line, if that is any.

    A stage that another try cannot mend fails the task at once, with what the command complained of. One that takes
    too long, or whose task is ended, is ended on the machine.

    :param stage: name of the stage, as the machine's jobs API has it.
    :param project: name of the project. (templated)
    :param ml_environment: dev, staging or prod.
    """

    template_fields: Sequence[str] = ("project", "ml_run_id")

    def __init__(self, *, stage: str, project: str, ml_environment: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.project = project
        self.ml_environment = ml_environment
        # Always this run's: by it the machine knows what it has trained before.
        self.ml_run_id = "{{ run_id }}"
        self.last_lines: deque[str] = deque(maxlen=LINES_REMEMBERED)

    @abstractmethod
    def run_stage(self) -> int:
        """Run the stage to its end, passing each line of its output to `show`; return its exit code."""

    def execute(self, context: "Context") -> Any:  # noqa: ARG002 - the operator's signature
        """Run the stage and return its result.

        Raises:
            AirflowException: it failed in a way that another try may mend.
            AirflowFailException: it failed, or took too long; another try would do the same.

        """
        try:
            exit_code = self.run_stage()
        except AirflowTaskTimeout as timeout:
            self.on_kill()
            raise AirflowFailException(
                f"{self.stage} of {self.project} was not done within {self.execution_timeout}, and was ended."
            ) from timeout
        if exit_code:
            kind = AirflowException if exit_code in TRY_AGAIN else AirflowFailException
            raise kind(f"{self.stage} of {self.project} failed: {self._complaint(exit_code)} (exit code {exit_code})")
        return self._result()

    def show(self, line: str) -> None:
        """Write a line of the stage's output into the task's log."""
        self.last_lines.append(line)
        self.log.info(line)

    def _complaint(self, exit_code: int) -> str:
        found = [match["what"] for line in self.last_lines if (match := COMPLAINT.match(line))]
        last = self.last_lines[-1] if self.last_lines else "it said nothing"
        return MEANINGS.get(exit_code, "; ".join(found[-3:]) or last)

    def _result(self) -> dict[str, Any] | None:
        # The tests of responsible AI leave none: their result is a tag of the version.
        last = self.last_lines[-1] if self.last_lines else ""
        result: dict[str, Any] | None = json.loads(last) if last.startswith("{") else None
        return result
