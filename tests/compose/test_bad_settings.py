"""What a person is told who starts the lab in containers with something wrong: in a word, and what to do."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.compose.compose_lab import ComposeLab, wait_for
from tests.compose.engine import docker

# The first test waits for an engine and images.
pytestmark = pytest.mark.timeout(2400)

NewLab = Callable[[str], ComposeLab]

SMALL_DISK = """
services:
  lab-init:
    tmpfs: ["/var/lib/lab:size=10m"]
"""
LITTLE_MEMORY = """
services:
  inbox:
    deploy: {resources: {limits: {memory: 20M}}}
"""
# By what Docker calls a CPU, its number in the header of a program: https://refspecs.linuxfoundation.org/elf/gabi4+/
MACHINES = {"amd64": 62, "arm64": 183}
MACHINE_AT = 18
WRONG_CPU = "lab-test/wrong-cpu:1.0"
# With a shell, which as in any image is for the same CPU.
FOREIGN_IMAGE = """
FROM scratch
COPY statsd_exporter /bin/
COPY statsd_exporter /bin/sh
ENTRYPOINT ["/bin/statsd_exporter"]
"""


@pytest.fixture(scope="module", autouse=True)
def meanwhile(request: pytest.FixtureRequest) -> None:
    """Have the whole lab come up, if other tests will need it: these ones take little of the machine."""
    if any("lab" in getattr(test, "fixturenames", ()) for test in request.session.items):
        request.getfixturevalue("starting_lab")


@pytest.fixture(scope="module")
def small(new_lab: NewLab) -> Iterator[ComposeLab]:
    """Clone for a lab of which little is started."""
    lab = new_lab("lab-bad")
    yield lab
    lab.down()


@pytest.fixture
def dotenv(small: ComposeLab) -> Iterator[Callable[[str], None]]:
    """Write the clone's .env for one test."""
    path = small.folder / ".env"

    def write(line: str) -> None:
        path.write_text(line + "\n")

    yield write
    path.unlink(missing_ok=True)


@contextmanager
def overridden(lab: ComposeLab, override: str) -> Iterator[None]:
    """Have an override file in the clone."""
    path = lab.folder / "docker-compose.override.yml"
    path.write_text(override)
    yield
    path.unlink()


def said(lab: ComposeLab, *services: str) -> str:
    """Try to start some services, which must fail; return what a person sees."""
    outcome = lab.compose("up", "--exit-code-from", services[0], *services)
    assert outcome.returncode
    return outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AIRFLOW_PROT=8081", "AIRFLOW_PROT is no setting of the lab. Did you mean AIRFLOW_PORT?"),
        ("AIRFLOW_PORT=", "required variable AIRFLOW_PORT is missing a value"),
        ("AIRFLOW_VAR_DATA_LAB_BUCKET=", "required variable AIRFLOW_VAR_DATA_LAB_BUCKET is missing a value"),
        ("AIRFLOW_VAR_S3_PROCESSED_BUCKET=", "AIRFLOW_VAR_S3_PROCESSED_BUCKET is empty."),
        ("PROMETHEUS_PORT=http", "Invalid containerPort: http"),  # as Compose has it
        ("AIRFLOW_CONN_SHOP=http://127.0.0.1:5000", "AIRFLOW_CONN_SHOP names 127.0.0.1, which in a container"),
        ("AIRFLOW_CONN_SMTP_DEFAULT=smtp://mail.example", "AIRFLOW_CONN_SMTP_DEFAULT is no JSON"),
    ],
)
def test_a_bad_line_in_dotenv_is_named(
    small: ComposeLab, dotenv: Callable[[str], None], line: str, message: str
) -> None:
    # What the shell sets would win over .env.
    set_by_shell = {name: port for name, port in small.ports.items() if name != line.partition("=")[0]}
    lab = replace(small, ports=set_by_shell)
    dotenv(line)
    assert message in said(lab, "lab-init")


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "GRAFANA_PASSWORD"])
def test_a_password_cannot_change_under_its_volume(small: ComposeLab, dotenv: Callable[[str], None], name: str) -> None:
    small.done("up", "lab-init")
    dotenv(f"{name}=another")
    assert f"{name} in .env is not the password that this lab's volumes were made with" in said(small, "lab-init")


def test_a_file_that_the_containers_cannot_read_is_named(small: ComposeLab) -> None:
    folder = small.folder / "dags" / "sql"
    folder.chmod(0o700)
    try:
        assert "cannot read dags/sql.\n" in (message := said(small, "lab-init"))
        assert "chmod -R a+rX" in message
    finally:
        folder.chmod(0o755)


def test_a_port_that_is_taken_is_named(small: ComposeLab) -> None:
    with socket.create_server(("127.0.0.1", int(small.ports["STATSD_METRICS_PORT"]))):
        assert small.ports["STATSD_METRICS_PORT"] in said(small, "statsd-exporter")


def test_a_full_disk_is_told(small: ComposeLab) -> None:
    with overridden(small, SMALL_DISK):
        assert "Only 0.0 GB of the Docker engine's disk are free" in said(small, "lab-init")


def test_a_service_with_too_little_memory_shows_why_it_restarts(small: ComposeLab) -> None:
    with overridden(small, LITTLE_MEMORY):
        small.done("up", "--detach", "inbox")
        wait_for("a restart", lambda: small.restarts("inbox"))
        assert wait_for("its exit code", lambda: small.inspect("inbox")["State"]["ExitCode"]) == 137
        small.done("rm", "--force", "--stop", "inbox")


def test_an_image_for_another_cpu_says_so(small: ComposeLab, dotenv: Callable[[str], None], tmp_path: Path) -> None:
    image = small.settings.environment["STATSD_EXPORTER_IMAGE"]
    here = docker("image", "inspect", "--format", "{{.Architecture}}", image).strip()
    (there,) = MACHINES.keys() - {here}
    container = docker("create", image).strip()
    docker("cp", f"{container}:/bin/statsd_exporter", tmp_path)
    docker("rm", container)
    program = bytearray((tmp_path / "statsd_exporter").read_bytes())
    struct.pack_into("<H", program, MACHINE_AT, MACHINES[there])
    (tmp_path / "statsd_exporter").write_bytes(program)
    (tmp_path / "Dockerfile").write_text(FOREIGN_IMAGE)
    docker("build", "--quiet", "--platform", f"linux/{there}", "--tag", WRONG_CPU, tmp_path)
    try:
        dotenv(f"STATSD_EXPORTER_IMAGE={WRONG_CPU}")
        message = said(small, "statsd-exporter").lower()
        assert "exec format error" in message
        assert f"platform (linux/{there}) does not match the detected host platform" in message
    finally:
        small.done("rm", "--force", "--stop", "statsd-exporter")
        docker("image", "rm", WRONG_CPU)
