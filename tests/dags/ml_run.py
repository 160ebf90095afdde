"""Run a DAG to its end in this process: a program, for tests, that says in its last line how everything ended.

    python ml_run.py DAG_ID '{"project": "churn"}'

Airflow waits between tries as the DAG wants it, but only for a second, and tries once more at most.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.models.xcom import XComModel
from airflow.sdk import BaseOperator
from airflow.utils.session import create_session
from sqlalchemy import select


def main(dag_id: str, params: dict[str, Any]) -> None:
    """Run the DAG once."""
    dag = DagBag().get_dag(dag_id)
    assert dag is not None
    for task in dag.tasks:
        if isinstance(task, BaseOperator):
            task.retries = min(task.retries or 0, 1)
            task.retry_delay = timedelta(seconds=1)
            task.retry_exponential_backoff = 0
    run = dag.test(logical_date=None, run_conf=params)
    tasks = run.get_task_instances()
    with create_session() as session:
        results: Any = session.execute(XComModel.get_many(run_id=run.run_id, dag_ids=dag_id, key="return_value"))
        events = session.execute(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
        ended = {
            "run_id": run.run_id,
            "state": run.state,
            "tasks": {task.task_id: task.state for task in tasks},
            "tries": {task.task_id: task.try_number for task in tasks},
            "results": {xcom.task_id: XComModel.deserialize_value(xcom) for (xcom,) in results},
            "events": {event.asset.name: event.extra for (event,) in events},
        }
    print(json.dumps(ended))  # noqa: T201 - its answer to the test


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
