"""The incidents without a lab: what is declared is there, what is open is known, and the documentation says it all.

What they do to a real lab, and what comes of it, tests/incidents shows.
"""

import csv
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import combinations, islice
from pathlib import Path

import pytest
import yaml

from lab import monitoring_files
from lab.errors import LabError
from lab.incidents import commands, exports, gameday
from lab.incidents.__main__ import PAGE, page
from lab.incidents.containers import SERVICES
from lab.incidents.declarations import INCIDENTS
from lab.incidents.faults import Replaced, Scene, Stalled, Stopped, Throttled
from lab.incidents.incident import Incident, waves
from lab.incidents.journal import Journal
from lab.incidents.parts import PartFile
from lab.orders import summarize
from lab.progress import Progress
from lab.services import service_table
from lab.settings import REPOSITORY, Settings, load_settings
from lab.viewer.dashboards import Library

NAMES = {incident.name for incident in INCIDENTS}
REQUIRED = (
    "ssh-down ssh-key-rotated training-crash training-slow training-biased data-late data-dirty data-shrunk s3-down "
    "athena-slow scheduler-stalled dag-broken exporter-down drift"
).split()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a lab that does not run."""
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path / "state"))
    # An engine that a machine has may run a lab of this repository.
    monkeypatch.setenv("PATH", str(tmp_path))
    return load_settings()


def rules() -> Iterator[tuple[str, str]]:
    """Yield each alert's name and severity."""
    for path in (REPOSITORY / "alerting" / "rules").glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from ((rule["alert"], rule["labels"]["severity"]) for rule in group["rules"] if "alert" in rule)


def test_all_that_the_lab_promises_are_declared() -> None:
    assert sorted(NAMES) == sorted(REQUIRED)
    assert len(INCIDENTS) == len(NAMES)


def test_the_committed_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == page() + "\n", "run `python -m lab.incidents`"


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.name)
def test_what_a_declaration_names_is_there(incident: Incident) -> None:
    severities = dict(rules())
    for expected in (*incident.fires, *incident.hides, *incident.may_follow):
        assert expected.name in severities
        assert (monitoring_files.RUNBOOKS / f"{expected.name}.md").exists()
    for expected in incident.fires:
        assert severities[expected.name] in {"critical", "warning"}, "only these come by mail and Slack"
    assert set(incident.look) <= {dashboard.uid for dashboard in Library(monitoring_files.DASHBOARDS).all()}
    assert incident.faults
    parts = {fault.part for fault in incident.faults if isinstance(fault, (Stopped, Stalled, Throttled))}
    assert parts <= {service.name for service in service_table(load_settings())}
    containers = yaml.safe_load((REPOSITORY / "docker-compose.services.yml").read_text())["services"]
    assert {SERVICES.get(part, part) for part in parts} <= containers.keys()
    assert not incident.disturbs(incident) or incident.fires


def test_what_is_open_together_does_not_disturb_each_other() -> None:
    found = waves(INCIDENTS)
    assert sorted(one.name for wave in found for one in wave) == sorted(NAMES)
    for wave in found:
        for one, other in combinations(wave, 2):
            assert not one.disturbs(other)
            assert not other.disturbs(one)


def test_what_relies_on_a_part_is_not_open_with_what_stops_it() -> None:
    dirty, stalled, down = (commands.find(name) for name in ("data-dirty", "scheduler-stalled", "exporter-down"))
    assert dirty.disturbs(stalled)
    assert stalled.disturbs(dirty)
    assert down.disturbs(dirty)


def test_an_unknown_name_is_answered_with_the_one_that_was_meant(settings: Settings) -> None:
    with pytest.raises(LabError, match=r"no incident 'training-crush'. Did you mean training-crash\?"):
        commands.cause(settings, "training-crush", Progress())
    with pytest.raises(LabError, match="There are: data-dirty, "):
        commands.find("?")


def test_a_lab_that_does_not_run_is_said_to_be_so(settings: Settings) -> None:
    with pytest.raises(LabError, match=r"The lab is not running. `make up` starts it"):
        commands.cause(settings, "exporter-down", Progress())
    assert Journal(settings.state_dir).opened() == {}


def test_what_is_open_in_a_lab_that_does_not_run_stays_open(settings: Settings) -> None:
    journal = Journal(settings.state_dir)
    journal.open("exporter-down")
    with pytest.raises(LabError, match="The lab is not running"):
        commands.heal(settings, Progress())
    assert list(journal.opened()) == ["exporter-down"]


def test_nothing_is_open_and_so_nothing_is_healed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    commands.tell_healed(commands.heal(settings, Progress()), Progress())
    assert capsys.readouterr().out == "No incident is open.\n"


def test_all_are_listed_with_those_that_are_open(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    Journal(settings.state_dir).open("drift")
    commands.show(settings, Progress())
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.strip().startswith(name) for line in lines) for name in NAMES)
    assert [line.split()[0] for line in lines if "open since" in line] == ["drift"]


def test_the_journal_knows_what_is_open_the_oldest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.open("drift")
    (journal.folder("drift") / "since").write_text("2026-11-21T09:00:00+00:00")
    journal.open("data-dirty")
    assert list(journal.opened()) == ["drift", "data-dirty"]
    assert journal.opened()["drift"] == datetime(2026, 11, 21, 9, tzinfo=UTC)
    with pytest.raises(LabError, match=r"drift is open already. `make heal` ends it."):
        journal.open("drift")
    journal.close("drift")
    assert list(journal.opened()) == ["data-dirty"]


def test_of_many_who_open_an_incident_at_once_one_does(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    outcomes: list[bool] = []
    all_at_once = threading.Barrier(8)

    def try_to_open() -> None:
        all_at_once.wait()
        try:
            journal.open("drift")
        except LabError:
            outcomes.append(False)
        else:
            outcomes.append(True)

    threads = [threading.Thread(target=try_to_open) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
    assert list(journal.opened()) == ["drift"]


class Files:
    """Parts of which only the files are there."""

    exports = Path()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seen_by_tasks(self, export: Path) -> str:
        return str(export)

    def stop(self, part: str) -> None:
        raise AssertionError(part)

    start = pause = resume = stop

    def read(self, file: PartFile) -> bytes | None:
        return (self._folder / file.path).read_bytes() if (self._folder / file.path).exists() else None

    def write(self, file: PartFile, content: bytes) -> None:
        (self._folder / file.path).write_bytes(content)

    def remove(self, file: PartFile) -> None:
        (self._folder / file.path).unlink(missing_ok=True)


@pytest.mark.parametrize("before", [None, b"", b"theirs\n"], ids=["absent", "empty", "of a person"])
def test_a_replaced_file_is_as_it_was_after_any_number_of_healings(tmp_path: Path, before: bytes | None) -> None:
    file, folder = tmp_path / "overrides.yaml", tmp_path / "open"
    folder.mkdir()
    if before is not None:
        file.write_bytes(before)
    fault, scene = Replaced(PartFile("ml-host", file.name), "ours\n"), Scene(load_settings(), Files(tmp_path), folder)
    fault.heal(scene)  # of a cause that was interrupted before it had done anything
    assert (file.read_bytes() if file.exists() else None) == before
    fault.cause(scene)
    assert file.read_bytes() == b"ours\n"
    for _ in range(2):
        fault.heal(scene)
        assert (file.read_bytes() if file.exists() else None) == before


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export as people make them: other columns, in another order, quoted, with a byte-order mark."""
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["note", "amount", "currency", "status", "order_timestamp", "customer_id", "order_id"])
        for number in range(300):
            moment = f"2025-01-{number % 28 + 1:02d} 10:00:00"
            writer.writerow([f'a, "{number}"\nb', "10.00", "USD", "completed", moment, f"C{number}", f"O{number}"])
    return path


@pytest.mark.parametrize(
    ("spoil", "rows", "accepted"),
    [(exports.dirty, 300, 200), (exports.cut_off, 100, 100)],
    ids=["dirty", "cut off"],
)
def test_a_spoilt_export_holds_what_it_is_named_for(
    tmp_path: Path, export: Path, spoil: Callable[[Path, Path], None], rows: int, accepted: int
) -> None:
    spoil(export, tmp_path / "spoilt.csv")
    summary = summarize(tmp_path / "spoilt.csv")
    assert (summary.rows_read, summary.rows_accepted) == (rows, accepted)


def test_orders_of_other_habits_are_as_many_and_dearer(tmp_path: Path) -> None:
    usual, other = tmp_path / "usual.csv", tmp_path / "other.csv"
    exports.run_generator(usual, rows=2_000)
    exports.of_other_habits(usual, other)
    then, now = (summarize(path) for path in (usual, other))
    assert now.rows_read == then.rows_read
    assert revenue(other) > 1.5 * revenue(usual)


def revenue(path: Path) -> float:
    with path.open(newline="") as file:
        amounts = [row["amount"].strip() for row in csv.DictReader(file)]
    return sum(float(amount) for amount in amounts if re.fullmatch(r"\d+\.\d+", amount))


def test_a_game_day_begins_with_a_lab_that_runs(settings: Settings) -> None:
    with pytest.raises(LabError, match="The lab is not running"):
        gameday.play(settings, seed=1, minutes=1, progress=Progress())


def test_a_seed_fixes_the_series_and_no_incident_comes_again_before_all_have_come() -> None:
    first, again, other = (list(islice(gameday.series(seed), 28)) for seed in (7, 7, 8))
    assert first == again
    assert [turn.incident.name for turn in first] != [turn.incident.name for turn in other]
    assert {turn.incident.name for turn in first[:14]} == {turn.incident.name for turn in first[14:]} == NAMES
    assert all(20 <= turn.quiet_seconds <= 90 for turn in first)


def test_the_command_line_says_what_is_wrong_without_a_traceback(settings: Settings) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "lab", "incident", "nothing"],
        cwd=REPOSITORY,
        env={"LAB_STATE_DIR": str(settings.state_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("\nThere is no incident 'nothing'")
