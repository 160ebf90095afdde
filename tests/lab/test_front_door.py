"""The front door: make's commands, the command line, and the set-up before anything is installed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lab import bootstrap
from lab.checks import check_disk
from lab.demo import check_orders
from lab.errors import LabError
from lab.services import service_table
from lab.settings import REPOSITORY, load_settings

LARGEST_PICTURE = 200_000  # bytes


def run_lab(state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["env", f"LAB_STATE_DIR={state_dir}", sys.executable, "-m", "lab", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_help_explains_every_command() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    commands = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert commands
    assert re.findall(r"make ([\w-]+) +\w", shown) == re.findall(r"^([\w-]+):.*##", makefile, re.MULTILINE)
    assert set(re.findall(r"make ([\w-]+) ", shown)) == set(commands.group(1).split())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["status"], 1, "The lab is not running. `make up` starts it."),
        (["down"], 0, "Nothing of the lab is running."),
        (["logs"], 1, "There are no logs in"),
        (["demo", "--orders", "/no/such.csv"], 1, "/no/such.csv cannot be read: No such file or directory"),
    ],
)
def test_a_command_without_a_running_lab_says_what_to_do(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    outcome = run_lab(tmp_path / "state", *arguments)
    assert outcome.returncode == code
    assert said in outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_logs_without_a_name_lists_the_names_and_with_one_prints_its_end(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "scheduler.log").write_text("first\nlast\n")
    assert "  scheduler" in run_lab(tmp_path, "logs").stdout
    assert run_lab(tmp_path, "logs", "scheduler").stdout == "first\nlast\n"
    assert "There is no log of 'scheduleer'. There are: scheduler." in run_lab(tmp_path, "logs", "scheduleer").stderr


@pytest.mark.parametrize(("name", "content"), [("empty.csv", b""), ("missing.csv", None), ("folder", None)])
def test_orders_that_cannot_be_read_are_refused_before_anything_starts(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(LabError, match=name):
        check_orders(str(path))


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    state_dir = tmp_path / "not" / "made" / "yet"
    with pytest.raises(LabError, match=rf"free at {tmp_path}; the lab needs 1000000.0 GB\.\n.*LAB_STATE_DIR"):
        check_disk(state_dir, least=10**15)
    check_disk(state_dir)


def test_the_set_up_takes_the_pythons_that_the_project_supports() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    oldest, too_new = (".".join(map(str, version)) for version in (bootstrap.OLDEST, bootstrap.TOO_NEW))
    assert project["requires-python"] == f">={oldest},<{too_new}"
    assert bootstrap.OLDEST <= sys.version_info[:2] < bootstrap.TOO_NEW


def test_the_set_up_takes_uv_as_the_lock_pins_it() -> None:
    requirement = bootstrap.uv_requirement((REPOSITORY / "requirements.lock").read_text())
    assert re.fullmatch(r"uv==[\d.]+( \\\n    --hash=sha256:[0-9a-f]{64})+", requirement)


def test_services_have_names_ports_and_settings_of_their_own() -> None:
    services = service_table(load_settings())
    for values in ([one.name for one in services], [one.port for one in services if one.port]):
        assert len(values) == len(set(values))
    assert all(bool(one.port) == bool(one.port_setting) for one in services)


def test_the_readme_shows_every_picture_and_none_is_large() -> None:
    pictures = {f"docs/screenshots/{path.name}": path for path in (REPOSITORY / "docs" / "screenshots").iterdir()}
    shown = re.findall(r"\((docs/screenshots/[^)]+)\)", (REPOSITORY / "README.md").read_text())
    assert set(shown) == pictures.keys()
    assert max(path.stat().st_size for path in pictures.values()) < LARGEST_PICTURE
