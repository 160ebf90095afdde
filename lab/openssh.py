"""OpenSSH's server for the ML team's machine: `sshd` and `ssh-keygen`, of this machine or of Debian's packages.

`python -m lab.openssh` links both into .tools, or unpacks there what is missing. Not installed: an installed server
would let people in from outside, on port 22.
"""

import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.debian_packages import Packages
from lab.errors import LabError
from lab.settings import REPOSITORY

UNPACKED = REPOSITORY / ".tools" / "openssh"
BIN = UNPACKED / "bin"
# Each with the package that has it, and where.
PROGRAMS = {"sshd": ("openssh-server", "usr/sbin/sshd"), "ssh-keygen": ("openssh-client", "usr/bin/ssh-keygen")}
# Newer ones (Debian 13) hand a connection to further programs; where these are, by the option that says so.
HELPERS = {"SshdSessionPath": "usr/lib/openssh/sshd-session", "SshdAuthPath": "usr/lib/openssh/sshd-auth"}
# Not on the PATH of an ordinary user.
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
# What an sshd that runs as root becomes for as long as it does not know whom it talks to.
SEPARATE_USER = "sshd"


def main() -> int:
    """Make .tools/openssh/bin hold both programs; return the exit code."""
    missing = [name for name in PROGRAMS if not _of_this_machine(name)]
    try:
        if missing:
            _unpack(missing)
        if os.geteuid() == 0:
            _make_separate_user()
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    # make sees a link whose target has gone as missing, and comes back here.
    for name in PROGRAMS:
        if found := _of_this_machine(name):
            _replace(name).symlink_to(found)
    return 0


def _of_this_machine(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")


def _unpack(missing: Iterable[str]) -> None:
    what = " and ".join(missing)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LabError(
            f"This machine has no {what}.\nThe lab takes them from Debian's or Ubuntu's packages, and there is no apt "
            "here. Install OpenSSH's server, then run make again."
        )
    print(f"Unpacking {what} from Debian's packages into {UNPACKED} ...", flush=True)
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="lab-apt-") as scratch:
        packages = Packages(Path(scratch), "install OpenSSH's server")
        packages.update()
        wanted = {PROGRAMS[name][0] for name in missing}
        needed = {needed for package in wanted for needed in packages.missing(package)}
        for package in packages.download(wanted | {name for name in needed if name.startswith("lib")}):
            packages.extract(package, UNPACKED)
    helpers = [f"-o{option}={UNPACKED / path}" for option, path in HELPERS.items() if (UNPACKED / path).exists()]
    for name in missing:
        _wrap(name, helpers if name == "sshd" else ())


def _wrap(name: str, options: Iterable[str]) -> None:
    """Write a script that runs an unpacked program with the unpacked libraries."""
    libraries = sorted({str(path.parent) for path in UNPACKED.rglob("lib*.so.*")})
    words = " ".join(map(shlex.quote, (str(UNPACKED / PROGRAMS[name][1]), *options)))
    path = _replace(name)
    path.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(":".join(libraries))} exec {words} "$@"\n', encoding="utf-8"
    )
    path.chmod(0o755)


def _make_separate_user() -> None:
    """Make the user that Debian's package makes when it is installed, if there is none."""
    try:
        pwd.getpwnam(SEPARATE_USER)
    except KeyError:
        options = ("--system", "--no-create-home", "--home-dir=/run/sshd", "--shell=/usr/sbin/nologin")
        print(f"Making the system's user {SEPARATE_USER}, which sshd needs when root runs it ...", flush=True)
        made = subprocess.run(["useradd", *options, SEPARATE_USER], capture_output=True, text=True, check=False)
        if made.returncode:
            raise LabError(
                f"useradd could not make the user {SEPARATE_USER}: {made.stderr.strip()}\n"
                "Install OpenSSH's server, or run the lab as an ordinary user; then run make again."
            ) from None


def _replace(name: str) -> Path:
    BIN.mkdir(parents=True, exist_ok=True)
    path = BIN / name
    path.unlink(missing_ok=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
