"""One lab in containers for all tests: an engine, images, a clone without an .env, free ports, up once.

What was measured is printed at the end, and how long it all took is kept for `make bench`.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lab import integration
from lab.airflow_api import AirflowApi, Run
from lab.bootstrap import SetupError
from lab.demo import DAG_ID
from lab.settings import REPOSITORY, load_settings
from tests.compose import compose_lab, images
from tests.compose.compose_lab import ComposeLab
from tests.compose.engine import docker, engine
from tests.measured import Measure, measure, pytest_terminal_summary

__all__ = ["measure", "pytest_terminal_summary"]

BEGAN = pytest.StashKey[float]()
COLD = pytest.StashKey[bool]()
WHOLE = ["tests/compose"]
# Seconds that all the tests took the last time, by how the cache of images was: "cold" or "warm".
TOOK = REPOSITORY / ".artifacts" / "test-compose.json"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at the clock."""
    session.config.stash[BEGAN] = time.monotonic()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how long the tests took, if it was all of them and they passed."""
    config = session.config
    if exitstatus == 0 and config.args == WHOLE and not config.option.keyword and COLD in config.stash:
        took = json.loads(TOOK.read_text()) if TOOK.exists() else {}
        took["cold" if config.stash[COLD] else "warm"] = round(time.monotonic() - config.stash[BEGAN])
        TOOK.parent.mkdir(exist_ok=True)
        TOOK.write_text(json.dumps(took))


@pytest.fixture(scope="session")
def public_images(pytestconfig: pytest.Config) -> Iterator[bool]:
    """Have an engine and all images; say whether these are the public ones, Grafana's among them."""
    settings = load_settings().environment
    try:
        with engine():
            pytestconfig.stash[COLD] = not docker("images", "--quiet", settings["AIRFLOW_IMAGE"])
            yield images.provide(settings)
    except (SetupError, subprocess.CalledProcessError) as error:
        # One message, not one for each test.
        pytest.exit(f"\n{error}", returncode=1)


@pytest.fixture(scope="session")
def new_lab(
    public_images: bool,  # noqa: FBT001
    measure: Measure,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], ComposeLab]]:
    """Clone the repository for a lab of its own, whose images are built; what a test leaves of it is taken down."""
    labs: list[ComposeLab] = []

    def make(project: str) -> ComposeLab:
        made = compose_lab.new_lab(tmp_path_factory.mktemp(project), project, public=public_images)
        if not labs:
            measure(f"images built in {made.build():.0f} s")
        labs.append(made)
        return made

    yield make
    for made in labs:
        # A test may have left an .env that Compose does not accept.
        (made.folder / ".env").unlink(missing_ok=True)
        made.down()


@pytest.fixture(scope="session")
def starting_lab(new_lab: Callable[[str], ComposeLab]) -> Iterator[Future[tuple[ComposeLab, float]]]:
    """Begin to bring up the whole lab from a bare clone: whoever needs little of the machine may use the time."""
    whole = new_lab("lab-test")
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lambda: (whole, whole.up()))


@pytest.fixture(scope="session")
def lab(starting_lab: Future[tuple[ComposeLab, float]], measure: Measure) -> ComposeLab:
    """Return the whole lab once everything in it is healthy."""
    whole, seconds = starting_lab.result()
    measure(f"up and healthy in {seconds:.0f} s, beside other tests")
    return whole


@pytest.fixture(scope="session")
def api(lab: ComposeLab) -> Iterator[AirflowApi]:
    """Log in to the whole lab's Airflow."""
    with lab.api() as client:
        client.wait_for_dag(DAG_ID)
        client.unpause(DAG_ID)
        yield client


@pytest.fixture(scope="session")
def make(lab: ComposeLab) -> Callable[..., str]:
    """Run the lab's command line in the clone; it has to succeed, and what it printed is returned."""

    def run(*arguments: str) -> str:
        outcome = lab.command(*arguments)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        return outcome.stdout

    return run


@pytest.fixture(scope="session")
def first_run(lab: ComposeLab, api: AirflowApi) -> Run:
    """Run the pipeline, which starts the integration of what it has written."""
    api.wait_for_dag(integration.DAG_ID)
    api.unpause(integration.DAG_ID)
    return lab.finished(api, api.trigger(DAG_ID, {}))
