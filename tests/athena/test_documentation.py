"""docs/athena.md says what the provider can do: no function and no operation may be missing there, or be invented."""

import re
from pathlib import Path

import pytest
from localstack.aws.skeleton import create_dispatch_table
from localstack_athena import functions
from localstack_athena.provider import AthenaProvider

DOCUMENT = (Path(__file__).parents[2] / "docs" / "athena.md").read_text(encoding="utf-8")
SUBJECTS = {
    "aggregates": functions.AGGREGATES,
    "window": functions.WINDOW,
    "math": functions.MATH,
    "strings": functions.STRINGS,
    "dates and times": functions.DATES,
    "conditions and casts": functions.CONDITIONALS,
    "arrays and maps": functions.ARRAYS,
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_function_is_documented(subject: str) -> None:
    row = re.search(rf"^\| {subject} \| (.*) \|$", DOCUMENT, re.MULTILINE)
    assert row, f"docs/athena.md has no row for {subject}"
    assert set(re.findall(r"`(\w+)`", row[1])) == SUBJECTS[subject]


def test_every_operation_is_documented() -> None:
    listed = re.search(r"^Of the provider itself: (.*)\. Every other", DOCUMENT, re.MULTILINE)
    assert listed, "docs/athena.md does not list the operations"
    # Not constructed: the operations are on the class, and a provider would open the state directory.
    provider = object.__new__(AthenaProvider)
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(create_dispatch_table(provider))
