"""Figures that tests come by: printed when the tests are over. A conftest.py that imports both names has them."""

from collections.abc import Callable

import pytest

__all__ = ["Measure", "measure", "pytest_terminal_summary"]

MEASURED = pytest.StashKey[list[str]]()
Measure = Callable[[str], None]


@pytest.fixture(scope="session")
def measure(pytestconfig: pytest.Config) -> Measure:
    """Have a line printed at the end of the tests."""
    return pytestconfig.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    for line in config.stash.get(MEASURED, []):
        terminalreporter.write_line(f"measured: {line}")
