"""Renovate's configuration: valid, and every version that is pinned anywhere is in its view."""

import json
import re
import subprocess
from typing import Any

import pytest
from dotenv import dotenv_values

from lab import judges
from lab.settings import REPOSITORY

FILE = REPOSITORY / ".github" / "renovate.json"
CONFIG: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
# Virtual environments and caches, hidden all of them, hold no file of the project.
COMMITTED = [
    str(path.relative_to(REPOSITORY))
    for pattern in ("*", "[!.]*/**/*")
    for path in REPOSITORY.glob(pattern)
    if path.is_file() and not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts[:-1])
]


def matches(patterns: list[str], path: str) -> bool:
    """Tell whether a file is a manager's; the patterns are regular expressions between slashes."""
    return any(re.search(pattern[1:-1], path) for pattern in patterns)


def found_by_regex(path: str) -> dict[str, str]:
    """Return what the custom managers find in a file: versions by name."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    return {
        match["depName"]: match["currentValue"]
        for manager in CONFIG["customManagers"]
        if matches(manager["managerFilePatterns"], path)
        for pattern in manager["matchStrings"]
        # JavaScript's named groups, as Python writes them.
        for match in re.finditer(pattern.replace("(?<", "(?P<"), text)
    }


def test_it_is_valid() -> None:
    outcome = subprocess.run(
        [REPOSITORY / ".venv" / "bin" / "check-jsonschema", "--builtin-schema", "vendor.renovate", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_no_folder_with_versions_is_left_out() -> None:
    """The recommended settings would leave out every folder named tests."""
    assert CONFIG["ignorePaths"] == ["**/node_modules/**"]


def test_every_image_is_covered() -> None:
    references = [
        value for name, value in dotenv_values(REPOSITORY / ".env.example").items() if name.endswith("_IMAGE")
    ]
    found = found_by_regex(".env.example")
    assert sorted(f"{name}:{version}" for name, version in found.items()) == sorted(filter(None, references))
    assert found_by_regex("Makefile").keys() == {"aquasec/trivy"}


def test_every_lock_file_is_covered() -> None:
    locks = [path for path in COMMITTED if path.endswith(".lock")]
    assert len(locks) >= 4
    patterns = CONFIG["pip-compile"]["managerFilePatterns"]
    assert [path for path in locks if not matches(patterns, path)] == []


def test_renovate_can_repeat_the_command_of_a_lock_file() -> None:
    """It takes options by their long names alone, and their values after an equal sign."""
    for lock in ("requirements.lock", "requirements.runtime.lock"):
        command = re.search(r"^#    (uv pip compile .*)", (REPOSITORY / lock).read_text(encoding="utf-8"), re.MULTILINE)
        assert command
        options = {option.partition("=")[0] for option in command[1].split() if option.startswith("-")}
        assert options <= {
            *("--universal", "--generate-hashes", "--python-version", "--extra", "--constraints", "--output-file"),
        }
        assert [word for word in command[1].split() if not word.startswith("-")] == [
            "uv",
            "pip",
            "compile",
            "pyproject.toml",
        ]


def test_every_judge_is_covered() -> None:
    """By the manager's own pattern. What a `tool` line names it updates, though Go has it as an indirect dependency."""
    assert "gomod" in CONFIG["enabledManagers"]
    for module in judges.MODULES:
        assert str((module / "go.mod").relative_to(REPOSITORY)) in COMMITTED
        assert re.search(r"^tool ", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_definitions_of_kubernetes_objects_are_covered() -> None:
    assert found_by_regex("tests/production/crds.py").keys() == {"github.com/prometheus-operator/prometheus-operator"}


@pytest.mark.parametrize("rule", CONFIG["packageRules"], ids=lambda rule: rule["description"][0][:30])
def test_every_exception_has_its_reason(rule: dict[str, Any]) -> None:
    assert len(rule["description"][0]) > 20


def test_localstack_stays_as_it_is_locked() -> None:
    rule = next(rule for rule in CONFIG["packageRules"] if "matchFileNames" in rule)
    assert rule["enabled"] is False
    assert rule["matchFileNames"] == ["docker/localstack/**"]
    lock = (REPOSITORY / "docker" / "localstack" / "requirements.lock").read_text(encoding="utf-8")
    ends = re.search(r"--exclude-newer (\S+)", lock)
    version = re.search(r"^localstack-core==(\S+)", lock, re.MULTILINE)
    assert ends
    assert version
    assert ends[1] in rule["description"][0]
    assert f"LocalStack {version[1]} " in rule["description"][0]
