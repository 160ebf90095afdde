"""Probes: whether Airflow, AWS's services and the ML team's answer, asked every few seconds and told to Prometheus.

    python -m lab.probes

serves `lab_probe_success{target}` (1 or 0) and `lab_probe_duration_seconds{target}` of each target's last probe, at the
address and about the services of the lab's settings.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from prometheus_client import Gauge, start_http_server

from lab import aws, datamart
from lab.errors import LabError
from lab.health import AirflowHealth, HealthCheck, HttpHealth, LocalStackHealth, SshHealth
from lab.services import AWS_SERVICES
from lab.settings import Settings, load_settings

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

SECONDS = 5.0
# A query leaves a record behind for weeks, and takes Athena's time from the pipelines.
ATHENA_QUERY_SECONDS = 300.0
ANSWER_SECONDS = 5.0

SUCCESS = Gauge("lab_probe_success", "Whether the target gave the right answer to the last probe.", ["target"])
DURATION = Gauge("lab_probe_duration_seconds", "How long the last probe of the target took.", ["target"])

log = logging.getLogger("probes")


@dataclass(frozen=True)
class Probe:
    """One question. `ask` raises an exception that says what is wrong."""

    target: str
    ask: Callable[[], object]


def probe_table(settings: Settings) -> tuple[Probe, ...]:
    """Return all probes of the lab."""
    s3 = aws.s3_client(settings, ANSWER_SECONDS)
    athena = aws.athena_client(settings, ANSWER_SECONDS)
    return (
        Probe("airflow", _healthy(AirflowHealth(f"http://{settings.address('AIRFLOW_PORT')}", "metadatabase"))),
        Probe("localstack", _healthy(LocalStackHealth(settings.aws_endpoint_url, AWS_SERVICES))),
        Probe("s3", lambda: s3.head_bucket(Bucket=settings.bucket)),
        Probe("athena", AthenaQuestion(athena, s3, settings.bucket)),
        Probe("ml-host", _healthy(SshHealth(settings.hosts["ML_SSH_PORT"], settings.ml_ssh_port))),
        Probe("mlflow", _healthy(HttpHealth(f"http://{settings.address('MLFLOW_PORT')}/health"))),
        Probe("inference-api", _healthy(HttpHealth(f"http://{settings.address('ML_API_PORT')}/health"))),
    )


def run(probe: Probe, stop: Event) -> None:
    """Ask until told to stop. A change for the better or the worse is logged."""
    last: str | None = None
    while not stop.is_set():
        began = time.monotonic()
        problem = _problem(probe)
        SUCCESS.labels(probe.target).set(problem is None)
        DURATION.labels(probe.target).set(time.monotonic() - began)
        if problem != last:
            log.log(logging.WARNING if problem else logging.INFO, "%s: %s", probe.target, problem or "answers again")
        last = problem
        stop.wait(SECONDS)


def _problem(probe: Probe) -> str | None:
    try:
        probe.ask()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer
        return str(error) or type(error).__name__
    return None


def _healthy(check: HealthCheck) -> Callable[[], None]:
    def ask() -> None:
        if problem := check.problem(since=0):
            raise LabError(problem)

    return ask


class AthenaQuestion:
    """Asks for Athena's workgroup each time, and from time to time for a query; after a failure until that succeeds."""

    def __init__(self, athena: "AthenaClient", s3: "S3Client", bucket: str) -> None:
        self._athena = athena
        self._s3 = s3
        self._bucket = bucket
        self._next_query = 0.0

    def __call__(self) -> None:
        """Ask once; raise what is wrong."""
        due, self._next_query = self._next_query, 0.0
        self._athena.get_work_group(WorkGroup="primary")
        now = time.monotonic()
        if now >= due:
            query = datamart.execute(self._athena, self._bucket, "SELECT 1", ANSWER_SECONDS)
            for suffix in (".csv", ".csv.metadata"):
                self._s3.delete_object(Bucket=self._bucket, Key=f"{datamart.STAGING_PREFIX}{query}{suffix}")
            due = now + ATHENA_QUERY_SECONDS
        self._next_query = due


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # otherwise a line for every question
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load_settings()
        start_http_server(settings.probes_port, addr=settings.listen_host)
    except (LabError, OSError) as error:
        print(f"\nThe probes cannot be served: {error}", file=sys.stderr)
        return 1
    for probe in probe_table(settings):
        Thread(target=run, args=(probe, stop), name=probe.target, daemon=True).start()
    stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
