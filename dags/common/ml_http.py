"""Stages over HTTP: jobs of the ML team's API, asked after until they have ended."""

import time
from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from requests import RequestException, Session

from common.ml_stage import StageOperator

POLL_SECONDS = 1.0
REQUEST_SECONDS = 30


class HttpStageOperator(StageOperator):
    """Run a stage as a job of the ML team's API. A try that finds it running goes on with it.

    :param http_conn_id: connection of the API; its password is the token of the jobs. (templated)
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "http_conn_id")

    def __init__(self, *, http_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.http_conn_id = http_conn_id

    @cached_property
    def hook(self) -> HttpHook:
        """The connection."""
        return HttpHook(http_conn_id=self.http_conn_id)

    @cached_property
    def session(self) -> Session:
        """What shows the token with each request."""
        token = self.hook.get_connection(self.http_conn_id).password
        session: Session = self.hook.get_conn(headers={"Authorization": f"Bearer {token}"})
        return session

    def run_stage(self) -> int:
        """Run the job."""
        self.log.info("Running %s", self._job)
        state, seen = self._ask("PUT"), 0
        while True:
            for line in state["log"]:
                self.show(line)
            seen = state["next"]
            if state["state"] != "running":
                return int(state["exit_code"])
            time.sleep(POLL_SECONDS)
            state = self._ask("GET", {"from": seen})

    def on_kill(self) -> None:
        """End the job on the machine."""
        self._ask("DELETE")
        self.log.info("%s has ended.", self._job)

    @property
    def _job(self) -> str:
        names = (self.project, self.ml_environment, self.ml_run_id, self.stage)
        return "/".join(("/jobs", *(quote(name, safe="") for name in names)))

    def _ask(self, method: str, question: dict[str, int] | None = None) -> dict[str, Any]:
        """Return the job's state.

        Raises:
            AirflowException: the API does not answer, or does not know the job any more; another try starts it.
            AirflowFailException: it refuses the token or the request.

        """
        session, address = self.session, self.hook.url_from_endpoint(self._job)
        try:
            answer = session.request(method, address, params=question, timeout=REQUEST_SECONDS)
        except RequestException as error:
            raise AirflowException(f"The ML team's API does not answer: {error}") from error
        if answer.ok:
            state: dict[str, Any] = answer.json()
            return state
        forgotten = method == "GET" and answer.status_code == HTTPStatus.NOT_FOUND
        mended_by_time = forgotten or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        kind = AirflowException if mended_by_time else AirflowFailException
        raise kind(f"{address} (connection {self.http_conn_id}) answers {answer.status_code}: {answer.text}")
