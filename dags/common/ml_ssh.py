"""Stages over SSH: each is a command with a terminal of its own, which ends when the connection does."""

import shlex
from collections.abc import Sequence
from functools import cached_property

from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.providers.ssh.operators.ssh import SSHOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from paramiko import AuthenticationException, BadHostKeyException, SSHClient, SSHException

from common.ml_stage import StageOperator

# Is the machine there, does it let this key in, and has it the project with its virtual environment?
CHECK = "check"
COMMANDS = {
    "features": "-m src.pipelines.DS.feature_pipeline.transform",
    "training": "-m src.pipelines.DS.training_pipeline.train",
    "fairness": "-m pytest tests/responsible_ai/test_fairness.py",
    "robustness": "-m pytest tests/responsible_ai/test_robustness.py",
    "promotion": "-m src.deployment.promote_model",
    "rollback": "-m src.deployment.promote_model --rollback",
    "batch_inference": "-m src.inference.batch",
    "monitoring": "-m src.monitoring.drift",
}
CONNECT_SECONDS = 10


class SSHStageOperator(StageOperator, SSHOperator):  # type: ignore[misc]  # whose execute needs no context
    """Run a stage as a command of the ML team's project, over SSH.

    The host's key has to be the one that the connection, or the worker's known hosts, name.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "ssh_conn_id")

    @cached_property
    def ssh_hook(self) -> SSHHook:
        """The connection, tried once: the task's own retries wait longer, and are seen."""
        return SSHHook(self.ssh_conn_id, conn_timeout=CONNECT_SECONDS, conn_retry_attempts=1)

    def get_ssh_client(self) -> SSHClient:
        """Connect.

        Raises:
            AirflowException: the machine cannot be reached.
            AirflowFailException: it does not let the key in, or is not the machine that the connection knows.

        """
        machine = f"{self.ssh_hook.remote_host}, port {self.ssh_hook.port} (connection {self.ssh_conn_id})"
        try:
            return self.ssh_hook.get_conn()
        except BadHostKeyException as error:
            raise AirflowFailException(
                f"{machine} has another host key than the connection says: {error.key.fingerprint} instead of "
                f"{error.expected_key.fingerprint}. Nothing was sent. Ask the ML team whether they changed it; only if "
                "they did, put the new key into the connection as host_key."
            ) from error
        except AuthenticationException as error:
            raise AirflowFailException(
                f"{machine} does not let {self.ssh_hook.username} in with the connection's key: {error} "
                "The ML team's authorized_keys must hold its public half."
            ) from error
        except (SSHException, OSError) as error:
            raise AirflowException(f"{machine} cannot be reached: {error}") from error

    def run_stage(self) -> int:
        """Run the command; a lost connection raises AirflowException."""
        self.command = self._command()
        self.log.info("Running on %s: %s", self.ssh_hook.remote_host, self.command)
        with self.get_ssh_client() as client, client.get_transport().open_session() as channel:
            # With a terminal, the end of the connection is the end of the command. A dumb one has no colors.
            channel.get_pty(term="dumb")
            channel.exec_command(self.command)
            for line in channel.makefile("rb"):
                self.show(line.decode(errors="replace").rstrip())
            exit_code: int = channel.recv_exit_status()
        if exit_code < 0:
            raise AirflowException(f"The connection to {self.ssh_hook.remote_host} was lost, and so was the command.")
        return exit_code

    def _command(self) -> str:
        if self.stage == CHECK:
            arguments = "--version"
        else:
            names = ("--project", self.project, "--environment", self.ml_environment, "--run-id", self.ml_run_id)
            arguments = f"{COMMANDS[self.stage]} {shlex.join(names)}"
        # The shell stays, to say by its exit code what ended the command, and to hang it up.
        return f'cd "$MLOPS_HOME" && .venv/bin/python {arguments}; exit $?'
