"""One lab in containers for all tests: an engine, images, a clone without an .env, free ports, up once.

What was measured is printed at the end.
"""

from collections.abc import Callable, Iterator

import pytest

from lab.settings import free_ports, load_settings
from tests.compose import images
from tests.compose.compose_lab import ComposeLab, clone
from tests.compose.engine import engine

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


@pytest.fixture(scope="session")
def public_images() -> Iterator[bool]:
    """Have an engine and all images; say whether these are the public ones, Grafana's among them."""
    with engine():
        yield images.provide(load_settings().environment)


@pytest.fixture(scope="session")
def new_lab(
    public_images: bool,  # noqa: FBT001
    measure: Measure,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], ComposeLab]]:
    """Clone the repository for a lab of its own, whose images are built; what a test leaves of it is taken down."""
    labs: list[ComposeLab] = []

    def make(project: str) -> ComposeLab:
        made = ComposeLab(
            clone(tmp_path_factory.mktemp(project)),
            project,
            free_ports(),
            left_out=() if public_images else ("grafana",),
        )
        if not labs:
            measure(f"images built in {made.build():.0f} s")
        labs.append(made)
        return made

    yield make
    for made in labs:
        # A test may have left an .env that Compose does not accept.
        (made.folder / ".env").unlink(missing_ok=True)
        made.done("down", "--volumes", "--remove-orphans")


@pytest.fixture(scope="session")
def lab(new_lab: Callable[[str], ComposeLab], measure: Measure) -> ComposeLab:
    """Bring up the whole lab from a bare clone."""
    whole = new_lab("lab-test")
    measure(f"up and healthy in {whole.up():.0f} s")
    return whole
