"""The SSH server of the ML team's machine: its keys, its configuration, and sshd itself in the place of this process.

    python sshd/host.py keys FOLDER
    python sshd/host.py serve FOLDER --port 2222

`keys` makes what is missing: `host_key` (with `.pub`, which clients pin), `client_key` (with `.pub`) with which the
scheduler logs in, the `authorized_keys` that let it, and `jobs_token`, which the inference API wants to be shown before
it starts jobs. `serve` runs sshd as the user who calls it; commands get of
this process's environment what README.md lists. Needs OpenSSH's `sshd` and `ssh-keygen`, and nothing besides Python.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

PROJECT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("sshd_config.template")
SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"
# Where sshd, run as root, locks up the part of it that talks to strangers; Debian makes it when the system starts.
SEPARATION = Path("/run/sshd")
HANDED_ON = (
    *("MLFLOW_TRACKING_URI", "S3_PROCESSED_BUCKET", "S3_ML_ARTIFACTS_BUCKET", "STATSD_HOST", "STATSD_PORT"),
    *("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"),
)


def make_keys(folder: Path) -> None:
    """Make the keys that are missing; those that are there stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("host_key", "client_key"):
        if not (folder / name).exists():
            generate = (_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
            subprocess.run(generate, check=True)
    authorized = folder / "authorized_keys"
    if not authorized.exists():
        authorized.write_text((folder / "client_key.pub").read_text(encoding="utf-8"), encoding="utf-8")
        authorized.chmod(0o600)
    token = folder / "jobs_token"
    if not token.exists():
        token.touch(mode=0o600)
        token.write_text(f"{secrets.token_urlsafe(32)}\n", encoding="utf-8")


def write_configuration(folder: Path, listen: str, port: int) -> Path:
    """Return the path of the configuration, written for this user, folder and port."""
    user = pwd.getpwuid(os.getuid()).pw_name
    environment = {
        "MLOPS_HOME": str(PROJECT),
        "MLOPS_STATE_DIR": os.environ.get("MLOPS_STATE_DIR", str(folder.parent / "state")),
        **{name: os.environ[name] for name in HANDED_ON if os.environ.get(name)},
    }
    rendered = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        folder=folder,
        listen=listen,
        port=port,
        user=user,
        root_login="prohibit-password" if os.getuid() == 0 else "no",
        # One line: of several, sshd heeds the first alone.
        environment=" ".join(f'"{name}={_quotable(name, value)}"' for name, value in environment.items()),
    )
    path = folder / "sshd_config"
    path.write_text(rendered, encoding="utf-8")
    path.chmod(0o600)  # it holds what commands sign their requests with
    return path


def serve(folder: Path, listen: str, port: int) -> None:
    """Become sshd, in the foreground and with its log on standard error."""
    missing = [name for name in ("host_key", "authorized_keys") if not (folder / name).exists()]
    if missing:
        sys.exit(f"error: {folder} has no {' and no '.join(missing)}. Run: python {__file__} keys {folder}")
    if os.getuid() == 0:
        SEPARATION.mkdir(mode=0o755, exist_ok=True)
    configuration = write_configuration(folder, listen, port)
    sshd = _program("sshd")
    os.execv(sshd, (sshd, "-D", "-e", "-f", str(configuration)))  # noqa: S606 - no shell is wanted


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PROGRAMS}")
    if path is None:
        sys.exit(f"error: there is no {name}. Install OpenSSH's server; on Debian: apt-get install openssh-server")
    return path


def _quotable(name: str, value: str) -> str:
    if set(value) & {'"', "\n", "\\"}:
        sys.exit(f"error: {name} holds a quote, a backslash or a line break, which sshd_config cannot express.")
    return value


def main() -> None:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("keys", "serve"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path)
        if name == "serve":
            command.add_argument("--port", type=int, required=True)
            command.add_argument("--listen", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.command == "keys":
        make_keys(folder)
    else:
        serve(folder, arguments.listen, arguments.port)


if __name__ == "__main__":
    main()
