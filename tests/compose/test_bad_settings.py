"""What a person is told who starts the lab in containers with something wrong: in a word, and what to do."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.compose.compose_lab import ComposeLab

# The first test waits for an engine and images.
pytestmark = pytest.mark.timeout(2400)

NewLab = Callable[[str], ComposeLab]


@pytest.fixture(scope="module")
def small(new_lab: NewLab) -> Iterator[ComposeLab]:
    """Clone for a lab of which little is started."""
    lab = new_lab("lab-bad")
    yield lab
    lab.done("down", "--volumes")


@pytest.fixture
def dotenv(small: ComposeLab) -> Iterator[Callable[[str], None]]:
    """Write the clone's .env for one test."""
    path = small.folder / ".env"

    def write(line: str) -> None:
        path.write_text(line + "\n")

    yield write
    path.unlink(missing_ok=True)


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


def test_a_database_of_a_newer_airflow_is_left_alone(small: ComposeLab) -> None:
    small.done("up", "--exit-code-from", "airflow-init", "airflow-init", seconds=300)
    newer = "UPDATE alembic_version SET version_num = 'of_a_newer_one'"
    small.done("up", "--detach", "--wait", "postgres")
    small.done("exec", "-T", "postgres", "psql", "--username=airflow", "--command", newer)
    assert "The database in the volume is of a newer Airflow than this one." in said(small, "airflow-init")
