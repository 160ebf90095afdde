"""The images for arm64: what they are made of is to be had for it, and nothing asks for another CPU.

They are not built for it here, which would take such a machine.
"""

import re
import subprocess
from pathlib import Path

import pytest

from lab.settings import REPOSITORY

UV = REPOSITORY / ".venv" / "bin" / "uv"
# Of Python alone, and packed as source alone, for whichever CPU.
AS_SOURCE = ("airspeed-ext", "crontab", "jsonpath-rw", "localstack-client")


@pytest.mark.parametrize("project", [".", "docker/localstack", "docker/ml_host"])
def test_every_locked_package_is_to_be_had(project: str, tmp_path: Path) -> None:
    lock = REPOSITORY / project / "requirements.runtime.lock"
    wanted = ("--python-platform", "aarch64-unknown-linux-gnu", "--python-version", "3.13", "--only-binary", ":all:")
    as_source = (word for name in AS_SOURCE for word in ("--no-binary", name))
    found = subprocess.run(
        [UV, "pip", "install", "--dry-run", "--no-deps", "--target", tmp_path, *wanted, *as_source, "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def test_no_file_names_a_cpu() -> None:
    files = [
        *REPOSITORY.glob("docker-compose*.yml"),
        *REPOSITORY.glob("docker/*/Dockerfile"),
        REPOSITORY / ".env.example",
    ]
    assert len(files) >= 8
    for file in files:
        assert not re.search(r"amd64|x86_64|arm64|aarch64|platform:|--platform", file.read_text(encoding="utf-8")), file
