"""One LocalStack for the session, and for each test a bucket and a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from athena_client import Athena, new_athena
from localstack_process import LocalStackProcess


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStackProcess]:
    """A running LocalStack that keeps nothing."""
    with LocalStackProcess(tmp_path_factory.mktemp("localstack")) as process:
        yield process


@pytest.fixture
def athena(localstack: LocalStackProcess, tmp_path: Path) -> Iterator[Athena]:
    """Athena with a bucket and a database that go with the test."""
    with new_athena(localstack, tmp_path) as athena:
        yield athena
