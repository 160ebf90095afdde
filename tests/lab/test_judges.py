"""The judges: built at the pinned versions, and what a person reads where they cannot be built."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import judges


@pytest.mark.parametrize(
    "name", ["promtool", "amtool", "statsd_exporter", "pint", "dashboard-linter", "actionlint", "gitleaks"]
)
def test_a_judge_is_of_the_version_that_go_mod_pins(name: str) -> None:
    said = subprocess.run([judges.GO, "version", "-m", judges.BIN / name], capture_output=True, text=True, check=True)
    found = re.search(r"^\tmod\t(\S+)\t(\S+)", said.stdout, re.MULTILINE)
    assert found, said.stdout
    pinned = [(module / "go.mod").read_text(encoding="utf-8") for module in judges.MODULES]
    assert any(f"{found[1]} {found[2]}" in text for text in pinned)


def test_without_a_network_a_person_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judges, "BIN", tmp_path / "bin")
    monkeypatch.setattr(judges, "BUILT", tmp_path / "bin" / "built")
    for name, value in {"GOPROXY": "off", "GOMODCACHE": str(tmp_path / "modules")}.items():
        monkeypatch.setenv(name, value)
    assert judges.main() == 1
    said = capsys.readouterr().err
    assert "module lookup disabled by GOPROXY=off" in said
    assert said.endswith(f"{judges.ADVICE}\n")
    assert list((tmp_path / "bin").iterdir()) == []


def test_without_go_a_person_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judges, "BIN", tmp_path / "bin")
    monkeypatch.setattr(judges, "GO", tmp_path / "go")
    assert judges.main() == 1
    assert "Run `make setup`, which installs it." in capsys.readouterr().err
