"""Stages over SSH, with the real server at the other end: how a stage may end, and what is said then."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from common.ml_ssh import CHECK, SSHStageOperator

from lab.settings import free_ports
from tests.dags.ml_servers import (
    RUN_ID,
    SECONDS,
    Machine,
    commands_at_work,
    make_keys,
    running,
    started,
    time_limit,
    wait_until,
)

ENDLESS = "print('at work', flush=True)\nimport time\ntime.sleep(600)"
# What a worker is while it runs a task, without Airflow around it.
WORKER = f"""
from common.ml_ssh import SSHStageOperator
stage = SSHStageOperator(
    task_id="train_model", stage="training", project="churn", ml_environment="dev", ssh_conn_id="ec2_mlops_churn"
)
stage.ml_run_id = {RUN_ID!r}
stage.execute({{}})
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    command = (sys.executable, machine.project / "sshd" / "host.py", "serve", machine.keys, "--port", machine.port)
    with started(command, machine.port, {"MLOPS_STATE_DIR": str(machine.state)}):
        yield machine


@pytest.fixture
def machine(server: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", json.dumps(server.connection))
    server.trains(ENDLESS)
    yield server
    wait_until("nothing is left behind", lambda: not commands_at_work())


def ssh_stage(stage: str = "training", **options: Any) -> SSHStageOperator:
    operator = SSHStageOperator(
        task_id="train_model",
        stage=stage,
        project="churn",
        ml_environment="dev",
        ssh_conn_id="ec2_mlops_churn",
        **options,
    )
    operator.ml_run_id = RUN_ID
    return operator


def test_the_result_is_the_json_of_the_last_line_and_every_line_is_in_the_log(machine: Machine) -> None:
    machine.trains(
        "import sys, json; print('Fitted', file=sys.stderr); print('x' * 20_000); print(json.dumps(sys.argv))"
    )
    operator = ssh_stage()
    assert operator.execute({}) is None, "no object"
    arguments = json.loads(operator.last_lines[-1])[1:]
    assert arguments == ["--project", "churn", "--environment", "dev", "--run-id", RUN_ID]
    assert list(operator.last_lines)[:2] == ["Fitted", "x" * 20_000]
    machine.trains('print(\'{"version": "7", "trained": true}\')')
    assert ssh_stage().execute({}) == {"version": "7", "trained": True}


def test_a_line_is_shown_while_the_command_still_runs(machine: Machine) -> None:
    held = machine.state / "held"
    machine.trains(f"import os\nprint('first', flush=True)\nwhile os.path.exists({str(held)!r}): pass")
    held.touch()
    operator = ssh_stage()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(operator.execute, {})
        wait_until("the first line is shown", lambda: list(operator.last_lines) == ["first"])
        assert not running.done()
        held.unlink()
        assert running.result(SECONDS) is None


def test_whatever_the_run_is_called_the_shell_takes_it_for_one_word(machine: Machine) -> None:
    machine.trains("import sys; print(sys.argv[-1])")
    operator = ssh_stage()
    operator.ml_run_id = "$(touch /tmp/x); 'a' \"b\""
    operator.execute({})
    assert list(operator.last_lines) == [operator.ml_run_id]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('error: Version 3 is not good enough.'); exit(1)", "Version 3 is not good enough. (exit code 1)"),
        ("print('train.py: error: argument --run-id: none'); exit(2)", "argument --run-id: none (exit code 2)"),
        ("print('E       AssertionError: gap 0.3 is over 0.1'); exit(1)", "gap 0.3 is over 0.1 (exit code 1)"),
        ("print('!! Exit: error: No version. !!'); exit(66)", "No version. (exit code 66)"),
        ("print('error: one'); print('error: two'); print('bye'); exit(65)", "one; two (exit code 65)"),
        ("print('Traceback ...'); print('KeyError: 7'); exit(1)", "KeyError: 7 (exit code 1)"),
        ("exit(3)", "it said nothing (exit code 3)"),
        ("import os; os.write(1, b'error: caf\\xe9\\n'); exit(65)", "caf\ufffd (exit code 65)"),
        ("import os; os.kill(os.getpid(), 9)", "the command was killed, as the kernel does when memory is short"),
    ],
)
def test_a_failure_that_no_other_try_mends_fails_the_task_at_once(machine: Machine, program: str, message: str) -> None:
    machine.trains(program)
    with pytest.raises(AirflowFailException) as raised:
        ssh_stage().execute({})
    assert str(raised.value).startswith(f"training of churn failed: {message}")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('error: MLflow does not answer.'); exit(69)", "MLflow does not answer. (exit code 69)"),
        ("print('error: ended by SIGTERM'); exit(143)", "ended by SIGTERM (exit code 143)"),
    ],
)
def test_a_failure_that_may_pass_is_tried_again(machine: Machine, program: str, message: str) -> None:
    machine.trains(program)
    with pytest.raises(AirflowException) as raised:
        ssh_stage().execute({})
    assert not isinstance(raised.value, AirflowFailException)
    assert str(raised.value) == f"training of churn failed: {message}"


def test_a_project_or_an_environment_that_is_missing_is_named(machine: Machine) -> None:
    aside = machine.environment.with_name("aside")
    machine.environment.rename(aside)
    try:
        for stage in (CHECK, "training"):
            with pytest.raises(AirflowFailException, match="the virtual environment or the command is missing"):
                ssh_stage(stage).execute({})
    finally:
        aside.rename(machine.environment)
    checked = ssh_stage(CHECK)
    assert checked.execute({}) is None
    assert list(checked.last_lines) == [f"Python {sys.version.split()[0]}"]


def test_a_machine_that_is_away_is_tried_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    away = {**machine.connection, "port": int(free_ports()["ML_SSH_PORT"])}
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", json.dumps(away))
    with pytest.raises(AirflowException, match=rf"port {away['port']} \(connection ec2_mlops_churn\) cannot") as raised:
        ssh_stage(CHECK).execute({})
    assert not isinstance(raised.value, AirflowFailException)


def test_a_key_that_is_not_let_in_fails_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra = {**machine.connection["extra"], "key_file": str(make_keys(tmp_path) / "client_key")}
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", json.dumps({**machine.connection, "extra": extra}))
    with pytest.raises(AirflowFailException, match=r"does not let .* in with the connection's key"):
        ssh_stage(CHECK).execute({})


def test_a_changed_host_key_is_refused_and_nothing_is_run(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.trains(f"open({str(tmp_path / 'ran')!r}, 'w')")
    other = (make_keys(tmp_path) / "host_key.pub").read_text()
    extra = {**machine.connection["extra"], "host_key": " ".join(other.split()[:2])}
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", json.dumps({**machine.connection, "extra": extra}))
    with pytest.raises(AirflowFailException, match=r"another host key .* SHA256:.* instead of SHA256:.* Nothing was"):
        ssh_stage().execute({})
    assert not (tmp_path / "ran").exists()


def test_a_host_key_that_nobody_has_named_is_not_taken_over(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    extra = {name: value for name, value in machine.connection["extra"].items() if "host_key" not in name}
    monkeypatch.setenv("AIRFLOW_CONN_EC2_MLOPS_CHURN", json.dumps({**machine.connection, "extra": extra}))
    with pytest.raises(AirflowException, match="not found in known_hosts"):
        ssh_stage(CHECK).execute({})


@pytest.mark.usefixtures("machine")
def test_a_lost_connection_ends_the_command_and_is_tried_again() -> None:
    with running(ssh_stage()) as future:
        command = commands_at_work()[0]
        session = next(one for one in command.parents() if "sshd" in one.name())
        session.kill()
        with pytest.raises(AirflowException, match="was lost, and so was the command") as raised:
            future.result(SECONDS)
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.usefixtures("machine")
def test_a_task_that_is_ended_ends_its_command() -> None:
    operator = ssh_stage()
    with running(operator) as future:
        operator.on_kill()
        with pytest.raises(AirflowException, match="was lost"):
            future.result(SECONDS)


@pytest.mark.usefixtures("machine")
def test_a_command_that_takes_too_long_is_ended_and_not_tried_again() -> None:
    operator = ssh_stage(execution_timeout=timedelta(seconds=3))
    with (
        pytest.raises(AirflowFailException, match="training of churn was not done within 0:00:03, and was ended"),
        time_limit(3),
    ):
        operator.execute({})
    assert list(operator.last_lines) == ["at work"]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_is_gone_takes_its_command_with_it(number: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("dags", os.environ.get("PYTHONPATH", "")))}
    worker = subprocess.Popen(
        (sys.executable, "-c", WORKER), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until("the command is at work", commands_at_work)
        worker.send_signal(number)
        wait_until("the command has ended", lambda: not commands_at_work())
    finally:
        worker.kill()
        worker.wait()
