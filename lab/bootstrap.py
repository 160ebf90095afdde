"""Bootstrap: the virtual environments, made from their lock files by uv, which is installed where it is missing.

Runs before anything is installed, so it needs the standard library alone, and an older Python must still be able to
read it and say what is wrong: `python3 -I lab/bootstrap.py airflow|localstack|ml_host`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TOOLS = REPOSITORY / ".tools"
OLDEST, TOO_NEW = (3, 11), (3, 14)  # as in requires-python of pyproject.toml
ENVIRONMENTS = {
    "airflow": REPOSITORY,
    "localstack": REPOSITORY / "docker" / "localstack",
    "ml_host": REPOSITORY / "docker" / "ml_host",
}


class SetupError(Exception):
    """What a person has to do before the set-up can go on."""


def main() -> int:
    """Bring one environment in line with its lock file; return the exit code."""
    name = sys.argv[1]
    try:
        _synchronize(name, ENVIRONMENTS[name])
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"\nThe set-up of {name} stopped: {error.cmd[0]} failed, for the reason above.", file=sys.stderr)
        return 1
    return 0


def _synchronize(name: str, project: Path) -> None:
    began = time.monotonic()
    print(f"Installing the packages of {name} ...", flush=True)
    python = find_python()
    uv = _find_uv(python)
    venv, lock = project / ".venv", project / "requirements.lock"
    if _version(str(venv / "bin" / "python")) != _version(python):
        _run(uv, "venv", "--clear", "--python", python, venv)
    # The few packages that come as source are built with the very setuptools of the lock, not with the newest.
    target = ("--python", venv / "bin" / "python", "--build-constraints", lock, "--compile-bytecode")
    _run(uv, "pip", "sync", "--require-hashes", *target, lock)
    if name == "localstack":  # LocalStack finds the providers by the entry points of an installed package
        _run(uv, "pip", "install", "--no-deps", *target, "--editable", project)
    (venv / "synchronized").touch()
    print(f"Installed the packages of {name} in {time.monotonic() - began:.0f} s.", flush=True)


def find_python() -> str:
    """Return the path of the first Python of a version that every package of the lock files supports."""
    for name in ("python3", *(f"python3.{minor}" for minor in range(TOO_NEW[1] - 1, OLDEST[1] - 1, -1))):
        path = shutil.which(name)
        if path and OLDEST <= _version(path) < TOO_NEW:
            return path
    raise SetupError(
        f"The lab needs Python {OLDEST[0]}.{OLDEST[1]} to {TOO_NEW[0]}.{TOO_NEW[1] - 1}, and there is none on PATH: "
        f"python3 is {'.'.join(map(str, _version('python3'))) or 'missing'}.\n"
        "Install one of them (Debian 12 and 13 and Ubuntu 24.04 have one), then run make again."
    )


def uv_requirement(lock: str) -> str:
    """Return the lines of a lock file that pin uv, with its hashes."""
    block = re.search(r"^uv==.*(?:\n +--hash=.*)*", lock, re.MULTILINE)
    if block is None:
        raise SetupError(
            "requirements.lock does not pin uv. It is in the dev extra of pyproject.toml; run `make lock`."
        )
    return block.group()


def _find_uv(python: str) -> str:
    installed = TOOLS / "bin" / "uv"
    on_path = shutil.which("uv")
    if on_path or installed.exists():
        return on_path or str(installed)
    print("Installing uv into .tools ...", flush=True)
    _ensure_venv_module(python)
    _run(python, "-m", "venv", "--clear", TOOLS)
    requirement = TOOLS / "uv.txt"
    requirement.write_text(uv_requirement((REPOSITORY / "requirements.lock").read_text(encoding="utf-8")))
    pip = (TOOLS / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    _run(*pip, "install", "--require-hashes", "--only-binary", ":all:", "-r", requirement)
    return str(installed)


def _ensure_venv_module(python: str) -> None:
    """Debian leaves `ensurepip` out of Python and packs it on its own; get it if we may."""
    if _succeeds(python, "-c", "import ensurepip"):
        return
    package = "python{}.{}-venv".format(*_version(python))
    install_packages(
        (package,),
        f"{python} cannot make a virtual environment: its module ensurepip is missing.\n"
        f"Install it (on Debian: sudo apt-get install {package}), or install uv, then run make again.",
    )


def install_packages(packages: tuple[str, ...], otherwise: str) -> None:
    """Install Debian's packages, as root or by a sudo that asks for no password.

    Raises:
        SetupError: neither may be had here; its message is `otherwise`, what a person has to do.
        subprocess.CalledProcessError: apt-get failed, and has said why.

    """
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (sudo and not _succeeds(*sudo, "true")):
        raise SetupError(otherwise)
    print(f"Installing Debian's {' and '.join(packages)} ...", flush=True)
    apt = (*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    _run(*apt, "update")
    _run(*apt, "install", "--no-install-recommends", *packages, stdout=subprocess.DEVNULL)


def _version(python: str) -> tuple[int, ...]:
    """Return (3, minor); nothing if there is no such program, or it does not work."""
    try:
        said = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in said.split())


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _run(*command: str | Path, stdout: int | None = None) -> None:
    # Never a Python from the internet: the one that was found is the one to use.
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1")
    quiet = ("--quiet",) if Path(command[0]).name == "uv" else ()
    subprocess.run([*map(str, command), *quiet], env=environment, stdout=stdout, check=True)


if __name__ == "__main__":
    sys.exit(main())
