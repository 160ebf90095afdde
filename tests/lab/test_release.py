"""A release's tag and notes: semantic versions, the project's own, with a section in the changelog."""

import subprocess
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.release import notes
from lab.settings import REPOSITORY

CHANGELOG = """\
# Changelog

## Unreleased

- later

## 1.2.0 - 2026-01-31

### Added

- this

## 1.2.0-rc.1

- before

## 1.1.0
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def with_version(project: Path, version: str) -> Path:
    (project / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    return project


@pytest.mark.parametrize(("version", "said"), [("1.2.0", "### Added\n\n- this"), ("1.2.0-rc.1", "- before")])
def test_the_notes_are_the_section_of_the_changelog(project: Path, version: str, said: str) -> None:
    assert notes(f"v{version}", with_version(project, version)) == said


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("1.2.0", "1.2.0", "'1.2.0' is no tag of a release"),
        ("v1.2", "1.2", "is no tag of a release"),
        ("v01.2.0", "01.2.0", "is no tag of a release"),
        ("v1.2.0-01", "1.2.0-01", "is no tag of a release"),
        ("", "1.2.0", "'' is no tag of a release"),
        ("v1.2.1", "1.2.0", r"pyproject\.toml says version 1\.2\.0"),
        ("v1.1.0", "1.1.0", r"CHANGELOG\.md says nothing of 1\.1\.0"),
        ("v1.3.0", "1.3.0", r"CHANGELOG\.md says nothing of 1\.3\.0"),
    ],
)
def test_a_tag_that_is_not_as_it_should_be_is_refused(project: Path, tag: str, version: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        notes(tag, with_version(project, version))


def test_make_refuses_it_too() -> None:
    command = ["make", "release-notes", "TAG=later"]
    outcome = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert outcome.returncode
    assert "'later' is no tag of a release" in outcome.stderr
