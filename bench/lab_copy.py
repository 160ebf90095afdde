"""A lab of its own: a copy of what the lab is made of, on free ports, so that a measurement may add a DAG to it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.settings import REPOSITORY, free_ports

_COPIED = ("alerting", "dags", "data", "docker", "grafana", "lab", "prometheus")
_LINKED = (".venv", ".tools", "docker/localstack/.venv", "docker/ml_host/.venv")


class LabCopy:
    """The copy, in a folder that is not there yet; what .env names holds for it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
        for name in _LINKED:
            (folder / name).symlink_to(REPOSITORY / name)
        for name in (".env.example", ".env"):
            if (REPOSITORY / name).exists():
                shutil.copy(REPOSITORY / name, folder)
        # Read by this process too, when it loads the settings.
        os.environ |= {**free_ports(), "LAB_STATE_DIR": str(folder / "state")}

    def run(self, command: str) -> None:
        """Run one of the lab's commands, its output on stderr: the table has stdout to itself."""
        subprocess.run(self._command(command), cwd=self.folder, stdout=sys.stderr, check=True)

    def output(self, command: str) -> str:
        """Return what one of the lab's commands prints."""
        return subprocess.run(
            self._command(command), cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout

    @staticmethod
    def _command(command: str) -> list[str]:
        return [str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "lab", command]
