"""The IAM policy as AWS would evaluate it: what it grants, and whether that allows something."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from string import Template
from typing import Any

from lab.settings import REPOSITORY
from tests.production.aws_calls import Permission

POLICY = REPOSITORY / "production" / "aws" / "iam_policy.json"


def statements(**values: str) -> list[dict[str, Any]]:
    """Read the statements, with these values in the places of their names."""
    rendered: list[dict[str, Any]] = json.loads(Template(POLICY.read_text(encoding="utf-8")).substitute(values))[
        "Statement"
    ]
    return rendered


def names() -> set[str]:
    """Return the names in whose places the values of an account have to be put."""
    return set(re.findall(r"\$\{(\w+)\}", POLICY.read_text(encoding="utf-8")))


def grants(found: list[dict[str, Any]]) -> Iterator[Permission]:
    """Yield each action with each resource, which may be a pattern, that statements grant."""
    for statement in found:
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Permission(action, resource)


def allows(grant: Permission, wanted: Permission) -> bool:
    """Tell whether a grant covers what is wanted. In a resource `*` stands for anything, also for slashes."""
    return grant.action == wanted.action and fnmatchcase(wanted.resource, grant.resource)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
