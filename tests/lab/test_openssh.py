"""OpenSSH's programs: this machine's own, or unpacked from Debian's packages; and what they are for."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from lab import ml_host, openssh
from lab.health import SshHealth
from lab.services import Service

USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a folder for the programs, on a machine that has everything on PATH except them."""
    path = tmp_path / "path"
    path.mkdir()
    for directory in os.get_exec_path():
        for program in Path(directory).glob("*"):
            if program.name not in openssh.PROGRAMS and not (path / program.name).is_symlink():
                (path / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(openssh, "SYSTEM_FOLDERS", "")
    folder = tmp_path / "openssh"
    monkeypatch.setattr(openssh, "UNPACKED", folder)
    monkeypatch.setattr(openssh, "BIN", folder / "bin")
    return folder


@pytest.mark.skipif(not shutil.which("apt-get"), reason="the packages are Debian's")
def test_debians_packages_are_unpacked_and_let_in_who_has_the_key(
    folder: Path, tmp_path: Path, web: Callable[..., Service], wait_until: Callable[[str, Callable[[], object]], None]
) -> None:
    assert openssh.main() == 0
    programs = {name: folder / "bin" / name for name in openssh.PROGRAMS}
    assert all(os.access(program, os.X_OK) and not program.is_symlink() for program in programs.values())

    keys, port = tmp_path / "keys", web("machine").port or 0
    environment = {"PATH": f"{folder / 'bin'}:{os.defpath}"}
    subprocess.run([sys.executable, ml_host.SSH_SCRIPT, "keys", keys], env=environment, check=True)
    command = (sys.executable, str(ml_host.SSH_SCRIPT), "serve", str(keys), "--port", str(port))
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until("the server answers", lambda: SshHealth("127.0.0.1", port).problem(0) is None)
            with paramiko.SSHClient() as client:
                host_key = paramiko.Ed25519Key(filename=str(keys / "host_key"))
                client.get_host_keys().add(f"[127.0.0.1]:{port}", host_key.get_name(), host_key)
                options = {"look_for_keys": False, "allow_agent": False}
                client.connect("127.0.0.1", port, USER, key_filename=str(keys / "client_key"), **options)
                _, said, _ = client.exec_command('cd "$MLOPS_HOME" && pwd')
                assert said.read().decode().strip() == str(ml_host.PROJECT)
        finally:
            server.terminate()


def test_programs_of_this_machine_are_linked(folder: Path, tmp_path: Path) -> None:
    for name in openssh.PROGRAMS:
        (tmp_path / "path" / name).symlink_to(shutil.which("true") or "")
    assert openssh.main() == 0
    assert {link.name: link.readlink() for link in (folder / "bin").iterdir()} == {
        name: tmp_path / "path" / name for name in openssh.PROGRAMS
    }


def test_without_apt_a_person_is_told_what_to_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "path" / "apt-get").unlink(missing_ok=True)
    assert openssh.main() == 1
    assert "This machine has no sshd and ssh-keygen." in capsys.readouterr().err
    assert not folder.exists()
