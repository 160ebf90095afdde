"""The rule files: the rules in them, with their lines, and what promtool does not accept."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import monitoring_programs
from lab.lint.finding import Finding
from lab.lint.lined_yaml import Text, load

FOLDER = Path("alerting") / "rules"
# promtool says "file: 5:15: group …", "line 5: field …" or, without a line, 'group "g", rule 1, …'.
PLACE = re.compile(r"^(?:\S+\.yml: )?(?:\s*line )?(\d+):(?:\d+:)? (.+)$")
NUMBERED = re.compile(r'^\S+\.yml: (group "([^"]+)", rule (\d+), .+)$')


@dataclass(frozen=True)
class Rule:
    """One rule of a file. `content` is what the file says of it; name and expression know their lines."""

    path: Path
    group: str
    name: Text
    content: dict[str, Any]

    @property
    def expression(self) -> Text:
        """What it evaluates."""
        text: Text = self.content["expr"]
        return text

    @property
    def is_alert(self) -> bool:
        """Whether it fires; else it records."""
        return "alert" in self.content


def files(root: Path) -> list[Path]:
    """Return the rule files of a tree."""
    return sorted((root / FOLDER).glob("*.yml"))


def rules(root: Path) -> list[Rule]:
    """Return the rules of all files, which are sound."""
    return [rule for path in files(root) for rule in _rules(path)]


def alerts(root: Path) -> dict[str, Rule]:
    """Return the alerts of all files by name."""
    return {rule.name: rule for rule in rules(root) if rule.is_alert}


def broken(root: Path) -> list[Finding]:
    """Return what is no YAML, and what promtool does not accept."""
    return [finding for path in files(root) for finding in _broken(root, path)]


def _rules(path: Path) -> Iterator[Rule]:
    for group in load(path)["groups"]:
        for content in group["rules"]:
            yield Rule(path, group["name"], content.get("alert") or content["record"], content)


def _broken(root: Path, path: Path) -> Iterator[Finding]:
    relative = str(path.relative_to(root))
    try:
        load(path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        yield Finding(relative, mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}")
        return
    outcome = subprocess.run(
        [monitoring_programs.find("promtool"), "check", "rules", "--lint=all", "--lint-fatal", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode:
        said = outcome.stderr.splitlines() + [line for line in outcome.stdout.splitlines() if "Checking" not in line]
        placed = [finding for line in said if (finding := _placed(relative, path, line))]
        yield from placed or [Finding(relative, 1, f"promtool: {' '.join(' '.join(said).split())}")]


def _placed(relative: str, path: Path, said: str) -> Finding | None:
    if found := PLACE.match(said):
        return Finding(relative, int(found[1]), f"promtool: {found[2]}")
    if found := NUMBERED.match(said):
        group = [rule for rule in _rules(path) if rule.group == found[2]]
        return Finding(relative, group[int(found[3]) - 1].name.line, f"promtool: {found[1]}")
    return None
