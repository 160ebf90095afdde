"""A machine on which no Docker engine can be started: whoever runs the tests is told why, and what to do."""

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
    with pytest.raises(SetupError) as told, engine.engine():
        pass
    assert "run `make test-compose` again" in str(told.value)
