"""Docker's plug-ins compose and buildx: those of this machine where they are new enough, or those of Debian's packages.

`python -m lab.docker_plugins` links or unpacks both into .tools/docker/cli-plugins. Docker finds them there when
DOCKER_CONFIG is .tools/docker; `docker-compose` also checks the compose files by itself, without an engine.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.errors import LabError
from lab.settings import REPOSITORY

CONFIG = REPOSITORY / ".tools" / "docker"
PLUGINS = CONFIG / "cli-plugins"
COMPOSE = PLUGINS / "docker-compose"
# By plug-in: the oldest version that does what the lab asks for. An older compose puts nothing of a service's own
# environment into its env_file.
OLDEST = {"docker-compose": (2, 38), "docker-buildx": (0, 10)}
# Where Docker looks for them, in this order.
FOLDERS = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# The first suite with a compose that is new enough; both programs need a C library of 2021 or later, no more.
SUITE = "sid"


def main() -> int:
    """Make .tools/docker/cli-plugins hold both; return the exit code."""
    try:
        PLUGINS.mkdir(parents=True, exist_ok=True)
        missing = [name for name in OLDEST if not _link(name)]
        if missing:
            _unpack(missing)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _link(name: str) -> bool:
    """Link the machine's own plug-in, if it has one that is new enough; say whether it has."""
    for folder in FOLDERS:
        found = Path(folder).expanduser() / name
        if os.access(found, os.X_OK) and _version(found) >= OLDEST[name]:
            (PLUGINS / name).unlink(missing_ok=True)
            (PLUGINS / name).symlink_to(found)
            return True
    return False


def _version(plugin: Path) -> tuple[int, ...]:
    said = subprocess.run([plugin, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv?(\d+)\.(\d+)\.\d+", said)
    return tuple(int(part) for part in found.groups()) if found else ()


def _unpack(missing: Iterable[str]) -> None:
    what = " and ".join(missing)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LabError(
            f"Docker's plug-ins are missing or too old: {what}.\n"
            "The lab takes them from Debian's packages, and there is no apt here. "
            "Install Docker Compose 2.38 or newer, and Buildx, then run make again."
        )
    print(f"Unpacking {what} from Debian's packages into {PLUGINS} ...", flush=True)
    with TemporaryDirectory(prefix="lab-apt-") as scratch:
        for package in _download(Path(scratch), missing):
            _run("dpkg-deb", "--extract", str(package), scratch)
        for name in missing:
            shutil.copy2(Path(scratch, "usr", "libexec", "docker", "cli-plugins", name), PLUGINS / name)


def _download(scratch: Path, names: Iterable[str]) -> Iterable[Path]:
    """Download packages of another suite as apt would, from the system's mirror and by its keys."""
    for folder in ("state/lists/partial", "cache/archives/partial", "packages"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "sources.list").write_text(f"deb {_mirror()} {SUITE} main\n", encoding="utf-8")
    options = (
        f"Dir::State={scratch}/state",
        f"Dir::Cache={scratch}/cache",
        f"Dir::Etc::SourceList={scratch}/sources.list",
        "Dir::Etc::SourceParts=-",
        "Debug::NoLocking=1",
        "APT::Sandbox::User=",  # as root, apt would download as a user who may not write here
        "Acquire::Languages=none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        "Acquire::Check-Valid-Until=false",  # a mirror may be some weeks behind
    )
    apt = ("apt-get", *(word for option in options for word in ("-o", option)))
    _run(*apt, "update")
    _run(*apt, "download", *names, folder=scratch / "packages")
    return sorted((scratch / "packages").glob("*.deb"))


def _mirror() -> str:
    """Return where this machine gets Debian's packages from."""
    wanted = ("Created-By: Packages", "Component: main", "Origin: Debian")
    found = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).splitlines()
    mirrors = [mirror for mirror in found if "security" not in mirror]
    if not mirrors:
        raise LabError("apt knows no mirror of Debian's packages. Run `apt-get update` as root, then make again.")
    return mirrors[0]


def _run(*command: str, folder: Path | None = None) -> str:
    outcome = subprocess.run(
        command, cwd=folder, env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True, check=False
    )
    if outcome.returncode:
        raise LabError(
            f"{command[0]} could not get Debian's packages:\n{outcome.stderr.strip()}\n"
            "Once the cause is gone, run make again; or install Docker Compose 2.38 or newer, and Buildx."
        )
    return outcome.stdout


if __name__ == "__main__":
    sys.exit(main())
