"""The whole lab stopped, and started again with Celery; on volumes of other versions; and its end.

The tests build on each other in this order, and come last.
"""

import json
from collections.abc import Callable

import pytest

from lab.airflow_api import Run
from lab.demo import DAG_ID
from tests.compose.compose_lab import ComposeLab, wait_for
from tests.compose.engine import docker
from tests.grafana.generated_dashboards import questions

# The first test waits for all services, and, run alone, for an engine and images.
pytestmark = pytest.mark.timeout(2400)

Measure = Callable[[str], None]

WORKERS = 2
CELERY = "COMPOSE_FILE=docker-compose.yml:docker-compose.celery.yml\n"


def test_stopped_and_started_again_with_celery_it_has_forgotten_nothing(
    lab: ComposeLab, first_run: Run, measure: Measure
) -> None:
    before = lab.messages()
    lab.done("down", seconds=180)
    (lab.folder / ".env").write_text(f"{CELERY}AIRFLOW_VAR_GREETING=hello\n")
    measure(f"with Celery, up and healthy again in {lab.up('--scale', f'airflow-worker={WORKERS}'):.0f} s")
    assert "AIRFLOW_VAR_GREETING=hello" in lab.inspect("airflow-scheduler")["Config"]["Env"]
    with lab.api() as api:
        assert api.refreshed(first_run).state == "success"
    assert {message["id"] for message in before} <= {message["id"] for message in lab.messages()}
    lab.samples(f'last_over_time(airflow_ti_finish{{dag_id="{DAG_ID}",state="success"}}[1h])')
    lab.assert_right()


def test_prometheus_and_the_dashboards_see_every_worker(lab: ComposeLab) -> None:
    lab.samples(f"sum(flower_worker_online) == {WORKERS}")
    asked = [question for question in questions() if "flower_" in question.expr]
    assert len(asked) == 2
    for question in asked:
        lab.samples(question.expr, lambda found: len(found) == WORKERS)


def test_a_run_on_celerys_workers_is_green_and_seen(lab: ComposeLab) -> None:
    with lab.api() as api:
        run = lab.finished(api, api.trigger(DAG_ID, {}))
        assert run.state == "success", [api.error_message(run, one) for one in api.tasks(run) if one.state == "failed"]
    lab.assert_right()
    lab.samples('airflow_executor_open_slots{executor_class_name="CeleryExecutor"} > 0')
    lab.samples(f'airflow_ti_finish{{dag_id="{DAG_ID}",task_id="ctas_orders_summary",state="success"}}')


def version_of_database(lab: ComposeLab) -> str:
    """Return which version Airflow's database is of, as Airflow's migrations call it."""
    query = ("psql", "--username=airflow", "--tuples-only", "--command=SELECT version_num FROM alembic_version")
    return lab.done("exec", "-T", "postgres", *query).strip()


def test_a_database_of_an_older_airflow_is_brought_up_to_date(lab: ComposeLab) -> None:
    lab.done("stop", "--timeout", "5", *(name for name in lab.services if name.startswith("airflow-")))
    newest = version_of_database(lab)
    downgrade = ("db", "downgrade", "--to-version=3.2.0", "--yes")
    lab.done("run", "--rm", "--no-deps", "--entrypoint=airflow", "airflow-init", *downgrade)
    assert version_of_database(lab) != newest
    lab.done("run", "--rm", "--no-deps", "airflow-init")
    assert version_of_database(lab) == newest


def test_a_database_of_a_newer_airflow_is_left_alone(lab: ComposeLab) -> None:
    newer = "UPDATE alembic_version SET version_num = 'of_a_newer_one'"
    lab.done("exec", "-T", "postgres", "psql", "--username=airflow", "--command", newer)
    refused = lab.compose("run", "--rm", "--no-deps", "airflow-init")
    assert refused.returncode
    assert "The database in the volume is of a newer Airflow than this one." in refused.stderr


def test_a_volume_of_another_postgresql_is_left_alone(lab: ComposeLab) -> None:
    lab.done("stop", "postgres")
    older = ("--entrypoint=sh", "postgres", "-c", 'echo 16 > "$PGDATA/PG_VERSION"')
    lab.done("run", "--rm", "--no-deps", *older)
    lab.done("up", "--detach", "--no-deps", "postgres")
    why = "database files are incompatible with server"
    wait_for("postgres to say why", lambda: lab.logs("postgres"), lambda said: why in said)


def test_taken_down_with_its_volumes_it_leaves_nothing(lab: ComposeLab) -> None:
    containers = json.loads(docker("inspect", *lab.done("ps", "--all", "--quiet").split()))
    volumes = {mount["Name"] for one in containers for mount in one["Mounts"] if mount["Type"] == "volume"}
    assert len(volumes) >= 8
    lab.done("down", "--volumes", seconds=180)
    assert not lab.done("ps", "--all", "--quiet")
    assert not volumes & set(docker("volume", "ls", "--quiet").split())
    assert not docker("network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={lab.project}")
