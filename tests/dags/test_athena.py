"""AthenaCreateTableAsOperator: what a try does about the try before it."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from common import athena


class Aws:
    """Athena and S3 as the operator sees them: they note what they are asked to change; a new query succeeds."""

    conn_region_name = "us-east-2"
    conn_partition = "aws"

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states
        self.changes: list[str] = []

    def run_query(self, query: str, *_: object, **__: object) -> str:
        self.changes.append(query)
        self.states.setdefault(f"id of {query}", "SUCCEEDED")
        return f"id of {query}"

    def check_query_status(self, query_execution_id: str) -> str:
        return self.states[query_execution_id]

    def poll_query_status(self, query_execution_id: str, *_: object) -> str:
        if self.states[query_execution_id] == "RUNNING":
            self.states[query_execution_id] = "SUCCEEDED"
        return self.states[query_execution_id]

    def get_state_change_reason(self, query_execution_id: str) -> str:
        return f"{query_execution_id}: HIVE_PATH_ALREADY_EXISTS"

    def list_keys(self, bucket: str, prefix: str) -> list[str]:
        return [f"{prefix}left-over of {bucket}"]

    def delete_objects(self, bucket: str, keys: list[str]) -> None:
        self.changes += [f"remove {bucket}/{key}" for key in keys]


DROP = ["DROP", "remove lake/table/left-over of lake"]


@pytest.mark.parametrize(
    ("try_number", "earlier_state", "changes", "result"),
    [
        pytest.param(1, None, ["CTAS"], "id of CTAS", id="first try"),
        pytest.param(2, None, [*DROP, "CTAS"], "id of CTAS", id="the first try started nothing"),
        pytest.param(2, "FAILED", [*DROP, "CTAS"], "id of CTAS", id="the first query failed"),
        pytest.param(3, "CANCELLED", [*DROP, "CTAS"], "id of CTAS", id="the second query was cancelled"),
        pytest.param(2, "RUNNING", [], "earlier", id="the first query still runs"),
        pytest.param(2, "SUCCEEDED", [*DROP, "CTAS"], "id of CTAS", id="the task was cleared after its success"),
    ],
)
def test_a_try_joins_a_running_query_and_otherwise_clears_the_ground(
    monkeypatch: pytest.MonkeyPatch, try_number: int, earlier_state: str | None, changes: list[str], result: str
) -> None:
    aws = Aws({"earlier": earlier_state} if earlier_state else {})
    memory = {"query_execution_id": "earlier"} if earlier_state else {}
    assert _run(monkeypatch, aws, memory, try_number) == result
    assert aws.changes == changes
    assert memory["query_execution_id"] == result


def test_a_query_that_fails_fails_the_task_with_athenas_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws({"id of CTAS": "FAILED"})
    with pytest.raises(AirflowException, match="ended as FAILED: id of CTAS: HIVE_PATH_ALREADY_EXISTS"):
        _run(monkeypatch, aws, {}, try_number=1)


def _run(monkeypatch: pytest.MonkeyPatch, aws: Aws, memory: dict[str, str], try_number: int) -> str | None:
    monkeypatch.setattr(athena, "S3Hook", lambda **_: aws)
    operator = athena.AthenaCreateTableAsOperator(
        task_id="ctas", query="CTAS", drop_query="DROP", bucket="lake", prefix="table/"
    )
    monkeypatch.setattr(operator, "hook", aws)
    context: Any = {
        "ti": SimpleNamespace(try_number=try_number, stats_tags={}, xcom_push=lambda **_: None),
        "task_state_store": SimpleNamespace(get=memory.get, set=memory.__setitem__),
    }
    return operator.execute(context)
