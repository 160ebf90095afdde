"""The monitoring's programs: found on PATH, or unpacked from Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import monitoring_files, monitoring_programs

OTHER_NAMES = {name for names in monitoring_programs.NAMES.values() for name in names}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a folder for the programs, on a machine that has everything on PATH except them."""
    path = tmp_path / "path"
    path.mkdir()
    for directory in os.get_exec_path():
        for program in Path(directory).glob("*"):
            if program.name not in OTHER_NAMES and not (path / program.name).is_symlink():
                (path / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(path))
    folder = tmp_path / "monitoring"
    monkeypatch.setattr(monitoring_programs, "UNPACKED", folder)
    monkeypatch.setattr(monitoring_programs, "BIN", folder / "bin")
    return folder


def accepts(program: str, *arguments: str) -> bool:
    return subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("apt-get"), reason="the packages are Debian's")
def test_debians_packages_are_unpacked_and_work_where_they_lie(folder: Path) -> None:
    assert monitoring_programs.main() == 0
    programs = {name: monitoring_programs.find(name) for name in monitoring_programs.NAMES}
    assert {Path(program).parent for program in programs.values()} == {folder / "bin"}
    assert accepts(programs["prometheus"], "--version")
    assert accepts(programs["promtool"], "check", "config", str(monitoring_files.PROMETHEUS))
    for name in ("prometheus-alertmanager", "amtool"):
        assert monitoring_programs.TEMPLATES not in (folder / "usr" / "bin" / name).read_bytes()
    # It loads the templates of the messages, from the unpacked package.
    assert accepts(programs["amtool"], "check-config", str(monitoring_files.ALERTMANAGER))
    pages = folder / "usr" / "share" / "prometheus" / "web" / "static"
    assert [link.name for link in pages.iterdir() if link.is_symlink() and not link.exists()] == []


def test_programs_on_path_are_linked_and_found_under_debians_names_too(folder: Path, tmp_path: Path) -> None:
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        (tmp_path / "path" / name).symlink_to(shutil.which("true") or "")
    assert monitoring_programs.main() == 0
    assert monitoring_programs.find("alertmanager") == str(tmp_path / "path" / "prometheus-alertmanager")
    assert {link.name for link in (folder / "bin").iterdir()} == set(monitoring_programs.NAMES)


def test_without_apt_a_person_is_told_what_to_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "path" / "apt-get").unlink(missing_ok=True)
    assert monitoring_programs.main() == 1
    assert "Not on PATH: prometheus, promtool, alertmanager, amtool." in capsys.readouterr().err
    assert not folder.exists()
