"""The lab in containers with CeleryExecutor and two workers: a run, and what the monitoring sees of the workers."""

from collections.abc import Callable, Iterator

import pytest

from lab.demo import DAG_ID
from tests.compose.compose_lab import ComposeLab, wait_for

# Images are built, and everything starts, before the first test.
pytestmark = pytest.mark.timeout(1800)

WORKERS = 2
FILES = "COMPOSE_FILE=docker-compose.yml:docker-compose.celery.yml\n"


@pytest.fixture(scope="module")
def celery_lab(new_lab: Callable[[str], ComposeLab]) -> Iterator[ComposeLab]:
    lab = new_lab("lab-celery")
    (lab.folder / ".env").write_text(FILES, encoding="utf-8")
    lab.build()
    lab.up()
    lab.done("up", "--detach", "--no-recreate", "--no-deps", "--scale", f"airflow-worker={WORKERS}", "airflow-worker")
    yield lab
    lab.done("down", "--volumes")


def test_every_worker_is_seen_by_prometheus(celery_lab: ComposeLab) -> None:
    celery_lab.samples(f"sum(flower_worker_online) == {WORKERS}")
    wait_for("every worker to be healthy", celery_lab.states, lambda states: states["airflow-worker"] == "healthy")


def test_a_run_succeeds_and_its_tasks_and_slots_are_seen(celery_lab: ComposeLab) -> None:
    with celery_lab.api() as api:
        api.wait_for_dag(DAG_ID)
        api.unpause(DAG_ID)
        run = celery_lab.finished(api, api.trigger(DAG_ID, {}))
        assert run.state == "success", api.tasks(run)
    celery_lab.samples('airflow_executor_open_slots{executor_class_name="CeleryExecutor"} > 0')
    celery_lab.samples(f'airflow_ti_finish{{dag_id="{DAG_ID}",task_id="ctas_orders_summary",state="success"}}')
