"""Faults: the kinds of things that an incident does to the lab, each with the way back.

Healing needs no memory of the cause but what it left in the incident's folder, and may be repeated.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil

from lab import aws, processes
from lab.airflow_api import AirflowApi, Run
from lab.errors import LabError
from lab.incidents.parts import PartFile, Parts
from lab.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RUN_SECONDS = 600
POLL_SECONDS = 0.5
STALL_TRIES = 5
THROTTLE_END_SECONDS = 15
BROKEN_DAG = REPOSITORY / "dags" / "incident_dag_broken.py"

Spoil = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Scene:
    """Where a fault is caused and healed: the lab, its parts, and the open incident's own folder."""

    settings: Settings
    parts: Parts
    folder: Path


class Fault(Protocol):
    """One thing that is done to the lab."""

    @property
    def touches(self) -> frozenset[str]:
        """The parts, files or DAGs that are not what they were while the incident is open."""

    def cause(self, scene: Scene) -> None:
        """Do it."""

    def heal(self, scene: Scene) -> None:
        """Undo it, and wait until that is done."""


@dataclass(frozen=True)
class Stopped:
    """A part is stopped: nothing listens at its port."""

    part: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({self.part})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        scene.parts.stop(self.part)

    def heal(self, scene: Scene) -> None:
        """See Fault."""
        scene.parts.start(self.part)


@dataclass(frozen=True)
class Stalled:
    """A part stands still: its processes are there and do nothing. A run of a DAG that is triggered then shows it."""

    part: str
    dag_id: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({self.part, self.dag_id})

    def cause(self, scene: Scene) -> None:
        """Pause the part, but not in the middle of a transaction: everything that writes to the database would hang."""
        with AirflowApi(scene.settings) as api:
            api.unpause(self.dag_id)
            for tries_left in reversed(range(STALL_TRIES)):
                scene.parts.pause(self.part)
                try:
                    api.trigger(self.dag_id, {})
                except LabError:
                    if not tries_left:
                        raise
                    scene.parts.resume(self.part)
                else:
                    return

    def heal(self, scene: Scene) -> None:
        """See Fault. The run that waits begins then."""
        scene.parts.resume(self.part)


@dataclass(frozen=True)
class Throttled:
    """A part works for a moment, stands still for longer, and so on, as a machine that is out of CPU credits does."""

    part: str
    works_seconds: float
    stands_seconds: float

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({self.part})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        with (scene.folder / "throttle.log").open("w", encoding="utf-8") as log:
            rhythm = (str(self.works_seconds), str(self.stands_seconds))
            throttle = subprocess.Popen(
                [sys.executable, "-m", "lab.incidents.throttle", self.part, *rhythm],
                cwd=REPOSITORY,
                # Marked as the lab's, so that `make down` ends it too.
                env=processes.service_environment(scene.settings.state_dir),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (scene.folder / "throttle.pid").write_text(str(throttle.pid), encoding="utf-8")

    def heal(self, scene: Scene) -> None:
        """See Fault."""
        note = scene.folder / "throttle.pid"
        if note.exists():
            with suppress(psutil.NoSuchProcess):
                throttle = psutil.Process(int(note.read_text(encoding="utf-8")))
                if "lab.incidents.throttle" in throttle.cmdline():
                    processes.end([throttle], THROTTLE_END_SECONDS)
        scene.parts.resume(self.part)


@dataclass(frozen=True)
class Replaced:
    """A file of a part has another content. What was there is kept, and comes back."""

    file: PartFile
    content: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({str(self.file)})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        original = scene.parts.read(self.file)
        if original is None:
            self._absent(scene).touch()
        else:
            self._kept(scene).write_bytes(original)
        scene.parts.write(self.file, self.content.encode())

    def heal(self, scene: Scene) -> None:
        """See Fault."""
        if self._kept(scene).exists():
            scene.parts.write(self.file, self._kept(scene).read_bytes())
        elif self._absent(scene).exists():
            scene.parts.remove(self.file)

    def _kept(self, scene: Scene) -> Path:
        return scene.folder / f"{Path(self.file.path).name}.kept"

    def _absent(self, scene: Scene) -> Path:
        return scene.folder / f"{Path(self.file.path).name}.absent"


@dataclass(frozen=True)
class Missing:
    """An object that somebody delivers to the data lab's bucket is not there. It is kept, and delivered in the end."""

    key: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({f"s3: {self.key}"})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        bucket = scene.settings.bucket
        with self._s3(scene) as s3:
            self._kept(scene).write_bytes(s3.get_object(Bucket=bucket, Key=self.key)["Body"].read())
            s3.delete_object(Bucket=bucket, Key=self.key)

    def heal(self, scene: Scene) -> None:
        """See Fault."""
        if self._kept(scene).exists():
            with self._s3(scene) as s3:
                s3.put_object(Bucket=scene.settings.bucket, Key=self.key, Body=self._kept(scene).read_bytes())

    @contextmanager
    def _s3(self, scene: Scene) -> Iterator["S3Client"]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as in lab/aws.py

        try:
            with closing(aws.s3_client(scene.settings)) as s3:
                yield s3
        except (BotoCoreError, ClientError) as error:
            raise LabError(f"s3://{scene.settings.bucket}/{self.key}: {error}") from error

    def _kept(self, scene: Scene) -> Path:
        return scene.folder / f"{Path(self.key).name}.kept"


@dataclass(frozen=True)
class BrokenDag:
    """A DAG file that cannot be imported is delivered into the folder of the DAGs."""

    content: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({"DAG folder"})

    def cause(self, scene: Scene) -> None:  # noqa: ARG002 - the folder is the same in both ways of running the lab
        """See Fault."""
        BROKEN_DAG.write_text(self.content, encoding="utf-8")

    def heal(self, scene: Scene) -> None:  # noqa: ARG002 - as above
        """See Fault."""
        BROKEN_DAG.unlink(missing_ok=True)


@dataclass(frozen=True)
class SwitchedOff:
    """A DAG is paused in Airflow: whatever would start it, does not."""

    dag_id: str

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({self.dag_id})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        with AirflowApi(scene.settings) as api:
            if not api.is_paused(self.dag_id):
                self._was_on(scene).touch()
                api.pause(self.dag_id)

    def heal(self, scene: Scene) -> None:
        """See Fault."""
        if self._was_on(scene).exists():
            with AirflowApi(scene.settings) as api:
                api.unpause(self.dag_id)

    def _was_on(self, scene: Scene) -> Path:
        return scene.folder / f"{self.dag_id}.on"


@dataclass(frozen=True)
class BadRun:
    """A DAG runs over what is wrong, and once more when that has been put right.

    Attributes:
        dag_id: the DAG.
        configuration: what both runs are told.
        spoil: makes the export for orders_pipeline from the right one: it is handed both paths. None where it is not
            the export that is wrong.
        to_its_end: wait until the bad run has ended before what comes next is done.
        restarted: the task that is begun anew when the incident is healed, if the run is still at it.

    """

    dag_id: str
    configuration: Mapping[str, str] = field(default_factory=dict)
    spoil: Spoil | None = None
    to_its_end: bool = False
    restarted: str = ""

    @property
    def touches(self) -> frozenset[str]:
        """See Fault."""
        return frozenset({self.dag_id})

    def cause(self, scene: Scene) -> None:
        """See Fault."""
        configuration = dict(self.configuration)
        if self.spoil:
            export = self._export(scene)
            export.parent.mkdir(parents=True, exist_ok=True)
            self.spoil(scene.settings.orders_csv, export)
            configuration["orders_csv"] = scene.parts.seen_by_tasks(export)
        with AirflowApi(scene.settings) as api:
            api.wait_for_dag(self.dag_id)
            if api.is_paused(self.dag_id):
                self._was_off(scene).touch()
            run = _trigger(api, self.dag_id, configuration)
            self._note(scene).write_text(run.run_id, encoding="utf-8")
            if self.to_its_end:
                _finished(api, run)

    def heal(self, scene: Scene) -> None:
        """Await the run, if it is under way and may yet end well, as none over a bad export does; else have another.

        Raises:
            LabError: it did not succeed.

        """
        with AirflowApi(scene.settings) as api:
            run = self._under_way(api, scene)
            if run and self.restarted:
                api.clear(run, self.restarted)
            if run is None or _finished(api, run).state != "success" or self.spoil:
                run_well(api, self.dag_id, self.configuration)
            if self._was_off(scene).exists():
                api.pause(self.dag_id)
        if self.spoil:
            self._export(scene).unlink(missing_ok=True)

    def _under_way(self, api: AirflowApi, scene: Scene) -> Run | None:
        if not self._note(scene).exists():
            return None
        run = api.refreshed(Run(self.dag_id, self._note(scene).read_text(encoding="utf-8"), ""))
        return None if run.is_finished else run

    def _note(self, scene: Scene) -> Path:
        return scene.folder / f"{self.dag_id}.run"

    def _was_off(self, scene: Scene) -> Path:
        return scene.folder / f"{self.dag_id}.off"

    def _export(self, scene: Scene) -> Path:
        return scene.parts.exports / f"{scene.folder.name}.csv"


def run_well(api: AirflowApi, dag_id: str, configuration: Mapping[str, str]) -> None:
    """Run a DAG to its end.

    Raises:
        LabError: it does not succeed.

    """
    run = _finished(api, _trigger(api, dag_id, configuration))
    if run.state != "success":
        raise LabError(
            f"{dag_id} should succeed now, but its run {run.run_id} {run.state}.\n"
            f"Look at it in Airflow, {api.url}, and then do the same again."
        )


def _trigger(api: AirflowApi, dag_id: str, configuration: Mapping[str, str]) -> Run:
    run = api.trigger(dag_id, dict(configuration))
    # After the trigger, so that a scheduled run that is due does not come behind this one and replace its result.
    api.unpause(dag_id)
    return run


def _finished(api: AirflowApi, run: Run) -> Run:
    deadline = time.monotonic() + RUN_SECONDS
    while not run.is_finished:
        if time.monotonic() > deadline:
            raise LabError(f"{run.dag_id} has not ended within {RUN_SECONDS} s: its run {run.run_id} is {run.state}.")
        time.sleep(POLL_SECONDS)
        run = api.refreshed(run)
    return run
