"""Docker's plug-ins: the machine's own where they are new enough, else Debian's, or a word on what to install."""

import shutil
from pathlib import Path

import pytest

from lab import docker_plugins


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the one folder of plug-ins of a machine without apt; those of the lab go beside it."""
    monkeypatch.setattr(docker_plugins, "FOLDERS", (str(tmp_path / "machine"),))
    monkeypatch.setattr(docker_plugins, "PLUGINS", tmp_path / "lab")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (tmp_path / "machine").mkdir()
    return tmp_path / "machine"


def install(machine: Path, name: str, version: str) -> None:
    (machine / name).write_text(f"#!/bin/sh\necho '{version}'\n")
    (machine / name).chmod(0o755)


def test_new_ones_are_linked(machine: Path) -> None:
    install(machine, "docker-compose", "Docker Compose version v2.38.1")
    install(machine, "docker-buildx", "github.com/docker/buildx v0.29.1-desktop.1 a1b2c3d")
    assert docker_plugins.main() == 0
    for name in docker_plugins.OLDEST:
        assert (docker_plugins.PLUGINS / name).readlink() == machine / name


@pytest.mark.parametrize(
    "version", ["Docker Compose version 2.26.1-4", "docker-compose version 1.29.2, build unknown", ""]
)
def test_old_ones_are_not(machine: Path, capsys: pytest.CaptureFixture[str], version: str) -> None:
    install(machine, "docker-compose", version)
    install(machine, "docker-buildx", "github.com/docker/buildx v0.29.1")
    assert docker_plugins.main() == 1
    said = capsys.readouterr().err
    assert "missing or too old: docker-compose." in said
    assert "Install Docker Compose 2.38 or newer" in said
