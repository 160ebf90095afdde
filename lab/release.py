"""A release: its tag, held against the version of the project, and what the changelog says of it.

`python -m lab.release v1.2.3` prints the notes, in Markdown. It needs nothing but Python.
"""

import re
import sys
import tomllib
from pathlib import Path

from lab.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[1]
# As semver.org has it, without build metadata, which do not order versions.
NUMBER = r"(?:0|[1-9]\d*)"
IDENTIFIER = rf"(?:{NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
TAG = re.compile(rf"v({NUMBER}\.{NUMBER}\.{NUMBER}(?:-{IDENTIFIER}(?:\.{IDENTIFIER})*)?)", re.ASCII)


def main(tag: str) -> int:
    """Print the notes of a tag; return the exit code."""
    try:
        print(notes(tag))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def notes(tag: str, repository: Path = REPOSITORY) -> str:
    """Return the section of the changelog for a tag, without its heading.

    Raises:
        LabError: the tag is no semantic version, not the project's, or the changelog says nothing of it.

    """
    match = TAG.fullmatch(tag)
    if not match:
        raise LabError(f"{tag!r} is no tag of a release. Name it vMAJOR.MINOR.PATCH, as https://semver.org has it.")
    version = match[1]
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if version != project:
        raise LabError(f"The tag is {tag}, but pyproject.toml says version {project}. Change one of them.")
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(version)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not section or not section[1].strip():
        raise LabError(f"CHANGELOG.md says nothing of {version}. Give it a section `## {version}`.")
    return section[1].strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
