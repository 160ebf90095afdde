"""A machine on which no Docker engine can be started: whoever runs the tests is told why, and what to do."""

import subprocess
from pathlib import Path

import pytest

from lab.bootstrap import SetupError
from tests.compose import engine


@pytest.mark.usefixtures("public_images")
def test_an_engine_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The one that runs is not found, and keeps a second one from starting.
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr(engine, "LOG", tmp_path / "engine.log")
    monkeypatch.setattr(engine, "DATA", tmp_path / "engine")
    try:
        with pytest.raises(SetupError) as told, engine.engine():
            pass
    finally:
        # The daemon mounts its folder upon itself, and leaves it so: pytest could never clear it away.
        subprocess.run(("umount", "--quiet", tmp_path / "engine"), check=False)
    assert "run `make test-compose` again" in str(told.value)
