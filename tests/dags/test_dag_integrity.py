"""What holds for every DAG file: it can be parsed anywhere, at any time, and says in the UI what it does."""

import ast
import inspect
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.execution_time import context

DAGS = Path(__file__).parents[2] / "dags"


def _parse(folder: Path) -> tuple[DagBag, list[str]]:
    """Parse the DAG files of a folder. Returns also what they asked for, which must be nothing, and did not get."""
    asked: list[str] = []

    def refuse(what: str) -> Callable[..., NoReturn]:
        def refusal(*arguments: object, **options: object) -> NoReturn:
            asked.append(f"{what} {arguments} {options}")
            raise ConnectionRefusedError(asked[-1])

        return refusal

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "_get_variable", refuse("variable"))
        patch.setattr(context, "_get_variable_keys", refuse("variable"))
        patch.setattr(context, "_get_connection", refuse("connection"))
        patch.setattr(socket.socket, "connect", refuse("network"))
        patch.setattr(socket, "getaddrinfo", refuse("network"))
        return DagBag(folder), asked


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    bag, asked = _parse(DAGS)
    assert (bag.import_errors, bag.captured_warnings, asked) == ({}, {}, [])
    return bag.dags


@pytest.mark.parametrize(
    ("line", "asked_for"),
    [
        ("from airflow.sdk import Variable; Variable.get('a')", "variable ('a',)"),
        ("from airflow.sdk import Variable; Variable.get('a', default='b')", "variable ('a',)"),
        ("from airflow.sdk import BaseHook; BaseHook.get_connection('a')", "connection ('a',)"),
        ("from airflow.providers.amazon.aws.hooks.s3 import S3Hook; S3Hook().list_keys('a')", "connection ('aws_d"),
        ("import boto3; boto3.client('s3', region_name='us-east-2').list_buckets()", "network ('s3.us-east-2."),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "network ('127.0.0.1', 9"),
        ("try:\n    import socket; socket.create_connection(('a', 1))\nexcept OSError:\n    pass", "network ('a', 1"),
    ],
)
def test_a_dag_file_that_reaches_out_while_it_is_parsed_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, asked_for: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    (tmp_path / "bad.py").write_text(f"from airflow.sdk import DAG\n{line}\nDAG('bad', schedule=None)\n")
    _, asked = _parse(tmp_path)
    assert asked[0].startswith(asked_for)


def test_every_dag_file_holds_one_dag_of_its_name_or_those_of_its_configuration(dags: dict[str, DAG]) -> None:
    ids = {path.stem: [dag.dag_id for dag in dags.values() if Path(dag.fileloc) == path] for path in DAGS.glob("*.py")}
    generated = ids.pop("mlops_integration")
    assert sorted(generated) == ["mlops_churn_integration", "mlops_credit_risk_integration"]
    assert ids == {name: [name] for name in ids}
    assert ids


def test_every_dag_says_when_it_runs_and_what_it_does(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert inspect.cleandoc(dag.doc_md or "") == ast.get_docstring(ast.parse(Path(dag.fileloc).read_text()))
        assert dag.description
        assert dag.tags
        assert not dag.catchup


def test_every_task_says_what_it_does_and_survives_a_lost_connection(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            assert task.doc_md, task
            assert task.owner != "airflow", task
            assert task.execution_timeout, task
            assert task.retry_exponential_backoff > 1, task
            if task.task_type == "TriggerDagRunOperator":
                continue  # what it starts and waits for has tries of its own
            # Airflow waits once to twice this long before each further try.
            first, factor = task.retry_delay.total_seconds(), task.retry_exponential_backoff
            waits = [first * factor**number for number in range(task.retries or 0)]
            assert waits[0] < 10, task
            assert sum(waits) >= 60, task
