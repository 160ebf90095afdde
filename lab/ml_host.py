"""The ML team's machine: where its project and its state are, what its programs are told, and its keys."""

import os
import subprocess
from pathlib import Path

from lab import openssh
from lab.errors import LabError
from lab.settings import REPOSITORY, Settings

PROJECT = REPOSITORY / "docker" / "ml_host"
PYTHON = PROJECT / ".venv" / "bin" / "python"
SSH_SCRIPT = PROJECT / "sshd" / "host.py"


def state_folder(settings: Settings) -> Path:
    """Return the folder of everything that the machine keeps."""
    return settings.state_dir / "ml_host"


def keys_folder(settings: Settings) -> Path:
    """Return the folder of the machine's keys, and of those that open it."""
    return state_folder(settings) / "ssh"


def environment(settings: Settings) -> dict[str, str]:
    """Return what the machine's services find in their environment; sshd hands it on to the commands."""
    return {
        "MLOPS_STATE_DIR": str(state_folder(settings) / "state"),
        "MLOPS_JOBS_TOKEN_FILE": str(keys_folder(settings) / "jobs_token"),
        "MLFLOW_TRACKING_URI": f"http://{settings.address('MLFLOW_PORT')}",
        "S3_PROCESSED_BUCKET": settings.processed_bucket,
        "S3_ML_ARTIFACTS_BUCKET": settings.ml_artifacts_bucket,
        "STATSD_HOST": settings.hosts["STATSD_PORT"],
        "STATSD_PORT": str(settings.statsd_port),
        **{name: value for name, value in settings.environment.items() if name.startswith("AWS_")},
        # The lab's own programs first: this machine may have none.
        "PATH": f"{openssh.BIN}:{os.defpath}",
        # Services run in the state directory; the project's modules are found here.
        "PYTHONPATH": str(PROJECT),
    }


def make_keys(settings: Settings) -> None:
    """Make those of the machine's keys that are missing.

    Raises:
        LabError: they cannot be made.

    """
    made = subprocess.run(
        [PYTHON, SSH_SCRIPT, "keys", keys_folder(settings)],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LabError(
            f"The keys of the ML team's machine cannot be made in {keys_folder(settings)}:\n{made.stderr.strip()}\n"
            "`make setup` installs what is missing; once the cause is gone, `make up` starts anew."
        )
