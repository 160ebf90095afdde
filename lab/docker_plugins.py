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

from lab.debian_packages import Packages
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
        packages = Packages(Path(scratch), "install Docker Compose 2.38 or newer, and Buildx", SUITE)
        packages.update()
        for package in packages.download(missing):
            packages.extract(package, Path(scratch))
        for name in missing:
            shutil.copy2(Path(scratch, "usr", "libexec", "docker", "cli-plugins", name), PLUGINS / name)


if __name__ == "__main__":
    sys.exit(main())
