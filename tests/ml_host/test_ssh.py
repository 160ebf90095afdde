"""The machine's SSH server, as an ordinary process: who gets in, what commands find, what ends with a connection."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from machine import FEATURES, HOST, PROJECT, Machine, end, free_port, names, new_machine, wait_until

USER = pwd.getpwuid(os.getuid()).pw_name
SSH_SECONDS = 60
HOST_SCRIPT = str(PROJECT / "sshd" / "host.py")


@dataclass(frozen=True)
class Server:
    folder: Path
    port: int

    def command(self, *options: str, user: str = USER, key: Path | None = None) -> tuple[str, ...]:
        return (
            *("ssh", "-F", "none", "-p", str(self.port), "-i", str(key or self.folder / "client_key")),
            *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "-o", "GlobalKnownHostsFile=none"),
            *("-o", "StrictHostKeyChecking=yes", *options, f"{user}@{HOST}"),
        )

    def run(
        self, remote: str, *options: str, user: str = USER, key: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            (*self.command(*options, user=user, key=key), remote),
            capture_output=True,
            text=True,
            timeout=SSH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("machine")
    return new_machine(folder / "state", MLFLOW_TRACKING_URI="http://127.0.0.1:9", AWS_DEFAULT_REGION="us-east-2")


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[Server]:
    folder, port = machine.state.parent / "ssh", free_port()
    subprocess.run((sys.executable, HOST_SCRIPT, "keys", str(folder)), check=True)
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[{HOST}]:{port} {host_key}\n")
    process = machine.start(HOST_SCRIPT, "serve", str(folder), "--port", str(port))
    try:
        server = Server(folder, port)
        wait_until("the server lets in its client", lambda: server.run("true").returncode == 0, process)
        yield server
    finally:
        end(process)


def test_a_command_runs_with_the_machines_environment_and_its_exit_code_comes_back(
    server: Server, machine: Machine
) -> None:
    done = server.run('echo "$MLOPS_HOME|$MLOPS_STATE_DIR|$MLFLOW_TRACKING_URI|$AWS_DEFAULT_REGION"; exit 69')
    assert done.returncode == 69
    assert done.stdout.strip() == f"{PROJECT}|{machine.state}|http://127.0.0.1:9|us-east-2"


def test_a_stage_fails_over_ssh_as_it_does_at_home(server: Server) -> None:
    done = server.run(f'cd "$MLOPS_HOME" && .venv/bin/python -m {FEATURES} {" ".join(names("nobody"))}; exit $?')
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    ("remote", "code", "complaint"),
    [
        ("no-such-command", 127, "no-such-command: command not found"),
        ('cd "$MLOPS_HOME/src" && .venv/bin/python -m src.command', 127, ".venv/bin/python: No such file or directory"),
        ("cd /nowhere/mlops && .venv/bin/python", 1, "/nowhere/mlops: No such file or directory"),
        # As the kernel does it for want of memory. The shell, which outlives it, tells.
        (f'{sys.executable} -c "import os; os.kill(os.getpid(), 9)"; exit $?', 137, "Killed"),
    ],
)
def test_what_the_machine_cannot_run_or_finish_has_a_code_and_a_reason(
    server: Server, remote: str, code: int, complaint: str
) -> None:
    done = server.run(remote)
    assert (done.returncode, complaint in done.stderr) == (code, True), done.stderr


def test_nobody_else_gets_in(server: Server, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)), check=True)
    for refused in (
        server.run("true", key=stranger),
        server.run("true", user="nobody"),
        server.run("true", "-o", "PreferredAuthentications=password,keyboard-interactive"),
    ):
        assert refused.returncode == 255
        assert "Permission denied (publickey)" in refused.stderr


def test_a_changed_host_key_is_refused(server: Server, tmp_path: Path) -> None:
    subprocess.run((sys.executable, HOST_SCRIPT, "keys", str(tmp_path / "other")), check=True)
    pinned = " ".join((tmp_path / "other" / "host_key.pub").read_text().split()[:2])
    (tmp_path / "known_hosts").write_text(f"[{HOST}]:{server.port} {pinned}\n")
    # Of an option given twice ssh heeds the first.
    command = server.command()
    place = next(place for place, part in enumerate(command) if part.startswith("UserKnownHostsFile="))
    changed = (*command[:place], f"UserKnownHostsFile={tmp_path / 'known_hosts'}", *command[place + 1 :], "true")
    done = subprocess.run(changed, capture_output=True, text=True, timeout=SSH_SECONDS, check=False)
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_there_is_no_way_through_to_other_machines(server: Server) -> None:
    done = server.run("true", "-W", f"{HOST}:{server.port}")
    assert done.returncode != 0
    assert "administratively prohibited" in done.stderr


def test_a_command_with_a_terminal_ends_with_its_connection(server: Server, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    program = f"import os, time; print(os.getpid(), file=open('{noted}', 'w'), flush=True); time.sleep(600)"
    remote = f'{sys.executable} -c "{program}"'
    client = subprocess.Popen(
        (*server.command("-tt"), remote), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until("the command runs", lambda: noted.exists() and noted.read_text().endswith("\n"))
    finally:
        client.kill()
        client.wait()
    wait_until("the command has ended", lambda: not Path(f"/proc/{noted.read_text().strip()}").exists(), seconds=20)


def test_keys_are_made_once_and_their_lack_is_named(server: Server, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in server.folder.iterdir()}
    subprocess.run((sys.executable, HOST_SCRIPT, "keys", str(server.folder)), check=True)
    assert {path.name: path.read_bytes() for path in server.folder.iterdir()} == before
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert (server.folder / "jobs_token").stat().st_mode & 0o777 == 0o600
    assert len((server.folder / "jobs_token").read_text().strip()) > 40
    lacking = subprocess.run(
        (sys.executable, HOST_SCRIPT, "serve", str(tmp_path), "--port", "1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert lacking.returncode == 1
    assert "has no host_key and no authorized_keys. Run: " in lacking.stderr
