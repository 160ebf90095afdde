"""The browser of the tests: found on PATH, installed from Debian's packages, or asked for."""

import shutil
from pathlib import Path

import pytest

from lab import browser

# Stand-ins for apt-get, which writes down what it is asked and installs, and for sudo, which may do that.
APT_GET = """#!/bin/sh
echo "$*" >> "{folder}/asked"
case "$*" in *install*) {outcome} ;; esac
"""
SUDO = """#!/bin/sh
shift
exec "$@"
"""
INSTALLS = 'cp "{folder}/env" "{folder}/chromium"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the only folder on PATH; the link is made beside it."""
    path = tmp_path / "path"
    path.mkdir()
    for name in ("cp", "env", "sh"):
        (path / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(browser, "LINK", tmp_path / "browser" / "chromium")
    return path


def add(program: Path, script: str) -> None:
    program.write_text(script)
    program.chmod(0o755)


def add_apt(folder: Path, outcome: str) -> None:
    add(folder / "apt-get", APT_GET.format(folder=folder, outcome=outcome.format(folder=folder)))
    add(folder / "sudo", SUDO)


@pytest.mark.parametrize("name", browser.NAMES)
def test_a_browser_on_path_is_linked_under_whatever_name(folder: Path, name: str) -> None:
    add(folder / name, "")
    browser.LINK.parent.mkdir()
    browser.LINK.symlink_to("/gone")
    assert browser.main() == 0
    assert browser.LINK.readlink() == folder / name


def test_without_one_debians_is_installed(folder: Path) -> None:
    add_apt(folder, INSTALLS)
    assert browser.main() == 0
    assert browser.LINK.readlink() == folder / "chromium"
    asked = (folder / "asked").read_text().splitlines()
    assert asked == ["-qq update", "-qq install --no-install-recommends chromium chromium-sandbox"]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (None, "The tests need a browser, and none is on PATH"),
        ("exit 100", "apt-get failed, for the reason above."),
        ("exit 0", "Debian's packages were installed."),
    ],
    ids=["no apt", "apt fails", "apt installs something else"],
)
def test_what_cannot_be_installed_is_said_with_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], outcome: str | None, said: str
) -> None:
    if outcome:
        add_apt(folder, outcome)
    assert browser.main() == 1
    message = capsys.readouterr().err
    assert said in message
    assert "sudo apt-get install chromium chromium-sandbox" in message
    assert not browser.LINK.exists()
