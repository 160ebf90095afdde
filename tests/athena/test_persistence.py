from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from contents import LARGE, SMALL, fill_athena, fill_glue, fill_s3, go_on, make_bucket, md5, observe
from localstack_process import LocalStackProcess, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_everything_answered_survives_kill_and_stop(tmp_path: Path) -> None:
    with persistent(tmp_path) as localstack:
        s3 = localstack.client("s3")
        upload_id = fill_s3(s3)
        fill_glue(localstack.client("glue"))
        fill_athena(localstack.client("athena"))
        before = observe(localstack)

        localstack.kill()
        localstack.start()
        assert observe(localstack) == before

        go_on(s3, upload_id)
        before = observe(localstack)
        assert localstack.stop() == 0
        localstack.start()
        assert observe(localstack) == before


def test_a_kill_in_a_storm_of_writes_loses_no_answered_one_and_shows_no_half(tmp_path: Path) -> None:
    files = tmp_path / "state" / "s3"
    with persistent(tmp_path) as localstack:
        s3, glue = localstack.client("s3", max_pool_connections=16), localstack.client("glue")
        make_bucket(s3, "storm")
        s3.put_object(Bucket="storm", Key="big", Body=SMALL)
        glue.create_database(DatabaseInput={"Name": "storm"})
        writers = [Writer(s3, f"key-{number}") for number in range(6)]
        storms: list[Writer | Tables] = [*writers, Tables(glue)]
        with ThreadPoolExecutor(len(storms) + 1) as pool:
            storm = [pool.submit(forever, one.write) for one in storms]
            try:
                wait_for("150 answered writes", lambda: sum(writer.answered for writer in writers) >= 150)
                storm.append(pool.submit(s3.put_object, Bucket="storm", Key="big", Body=LARGE * 20))
                wait_for("half-written body", lambda: any(len(LARGE) < size < len(LARGE) * 20 for size in sizes(files)))
            finally:
                localstack.kill()
            for ended in storm:
                with pytest.raises(BotoCoreError):  # the broken connection, and no error that LocalStack answered
                    ended.result()

        localstack.start()
        for one in storms:
            one.check()
        assert s3.get_object(Bucket="storm", Key="big")["Body"].read() == SMALL
        on_disk = [entry["Size"] for entry in s3.list_objects_v2(Bucket="storm")["Contents"] if entry["Size"] > 4096]
        assert sorted(sizes(files)) == sorted(on_disk), "leftovers were not swept"


def test_a_refused_upload_gives_its_space_back_at_once(tmp_path: Path) -> None:
    files = tmp_path / "state" / "s3"
    with persistent(tmp_path) as localstack:
        s3 = localstack.client("s3")
        make_bucket(s3, "refusing")
        with pytest.raises(ClientError, match="BadDigest"):
            s3.put_object(Bucket="refusing", Key="whole", Body=LARGE, ChecksumCRC32="AAAAAA==")
        assert sizes(files) == []
        upload = s3.create_multipart_upload(Bucket="refusing", Key="parts")["UploadId"]
        with pytest.raises(ClientError, match="BadDigest"):
            s3.upload_part(
                Bucket="refusing", Key="parts", UploadId=upload, PartNumber=1, Body=LARGE, ChecksumCRC32="AAAAAA=="
            )
        assert sizes(files) == []


def test_without_a_state_directory_everything_is_ephemeral(tmp_path: Path) -> None:
    with LocalStackProcess(tmp_path, LOCALSTACK_ATHENA_STATE_DIR="") as localstack:
        s3, glue = localstack.client("s3"), localstack.client("glue")
        make_bucket(s3, "fleeting")
        glue.create_database(DatabaseInput={"Name": "fleeting"})
        localstack.kill()
        localstack.start()
        assert s3.list_buckets()["Buckets"] == []
        assert glue.get_databases()["DatabaseList"] == []


def test_a_second_localstack_on_the_directory_refuses_to_start(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with persistent(tmp_path) as first:
        second = LocalStackProcess(tmp_path / "second", LOCALSTACK_ATHENA_STATE_DIR=str(state))
        assert_refuses(second, f"{state}/lock: another LocalStack uses this state directory (process {first.pid})")
        make_bucket(first.client("s3"), "still-served")


def shorten(state: Path) -> None:
    records = state / "records.sqlite"
    records.write_bytes(records.read_bytes()[: records.stat().st_size // 2])


def scribble(state: Path) -> None:
    (state / "records.sqlite").write_bytes(b"not a database at all" * 1000)


def lose_records(state: Path) -> None:
    (state / "records.sqlite").unlink()


def break_record(state: Path) -> None:
    change_records(state, "UPDATE record SET value = substr(value, 1, 50) WHERE kind = 's3.object'")


def lose_body(state: Path) -> None:
    the_body(state).unlink()


def shorten_body(state: Path) -> None:
    the_body(state).write_bytes(LARGE[:-1])


def come_from_the_past(state: Path) -> None:
    change_records(state, "UPDATE writer SET localstack = '4.0.0'")


def come_from_the_future(state: Path) -> None:
    change_records(state, "UPDATE writer SET format = 99")


def become_a_file(state: Path) -> None:
    shutil.rmtree(state)
    state.touch()


RESTORE = """
import sys
from pathlib import Path
from localstack_athena.s3_persistence import PersistentS3
from localstack_athena.state_directory import StateDirectory, StateDirectoryError
for path in sys.argv[1:]:
    try:
        PersistentS3(StateDirectory(Path(path)))
        print("restored")
    except StateDirectoryError as error:
        print(error)
"""
"""What LocalStack does at start, for many directories at the price of one."""

DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (shorten, "records.sqlite: database disk image is malformed. The saved state is damaged"),
    (scribble, "records.sqlite: file is not a database. The saved state is damaged"),
    (lose_records, "records.sqlite: the file is missing, yet its directory holds s3. The saved state is damaged"),
    (break_record, "records.sqlite: record s3.object kept/large is unreadable"),
    (lose_body, f": the file is missing, but s3://kept/large has {len(LARGE)} bytes. The saved state is damaged"),
    (
        shorten_body,
        f": the file has {len(LARGE) - 1} bytes, but s3://kept/large has {len(LARGE)} bytes. The saved state",
    ),
    (come_from_the_past, "records.sqlite: was written by LocalStack 4.0.0 in format 1, but this is LocalStack 4.13.1"),
    (come_from_the_future, "records.sqlite: was written by LocalStack 4.13.1 in format 99, but this is LocalStack"),
    (become_a_file, "/state: [Errno 17] File exists"),
]


def test_every_damage_is_named_with_its_remedy_and_nothing_is_changed(tmp_path: Path) -> None:
    with persistent(tmp_path / "sound") as localstack:
        s3 = localstack.client("s3")
        make_bucket(s3, "kept")
        s3.put_object(Bucket="kept", Key="large", Body=LARGE)
        localstack.client("glue").create_database(DatabaseInput={"Name": "kept"})
    with closing(sqlite3.connect(tmp_path / "sound" / "state" / "records.sqlite")) as records:
        records.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    states = [tmp_path / "sound" / "state"]
    for harm, _ in DAMAGES:
        states.append(tmp_path / harm.__name__ / "state")
        shutil.copytree(states[0], states[-1])
        harm(states[-1])
    before = [listing(state) for state in states]
    restored = subprocess.run([sys.executable, "-c", RESTORE, *states], check=True, text=True, capture_output=True)
    assert [listing(state) for state in states] == before
    sound, *messages = restored.stdout.splitlines()
    assert sound == "restored"
    for (harm, expected), message in zip(DAMAGES, messages, strict=True):
        assert expected in message
        assert ("make clean" in message) == (harm != become_a_file)
    assert_refuses(persistent(tmp_path / "lose_body"), "the file is missing, but s3://kept/large")


def persistent(directory: Path) -> LocalStackProcess:
    return LocalStackProcess(directory, LOCALSTACK_ATHENA_STATE_DIR=str(directory / "state"))


def assert_refuses(localstack: LocalStackProcess, message: str) -> None:
    localstack.launch()
    try:
        assert localstack.wait_for_exit() == 1
    finally:
        localstack.kill()
    assert localstack.log.count(message) == 1, localstack.log
    assert "Traceback" not in localstack.log


def change_records(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state / "records.sqlite")) as records, records:
        assert records.execute(statement).rowcount == 1


def listing(state: Path) -> list[tuple[str, int]]:
    """Names and sizes; SQLite's own side files come and go."""
    files = [path for path in state.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    return sorted((path.name, path.stat().st_size) for path in files)


def sizes(files: Path) -> list[int]:
    """Sizes of files that come and go."""
    found = []
    for path in files.iterdir():
        with suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def the_body(state: Path) -> Path:
    (body,) = (state / "s3").iterdir()
    return body


def forever(call: Callable[[], None]) -> None:
    while True:
        call()


class Writer:
    """Writes one key over and over, deletes it at times, and knows which writes were begun and answered."""

    def __init__(self, s3: Any, key: str) -> None:
        self.s3 = s3
        self.key = key
        self.begun = self.answered = 0

    def write(self) -> None:
        self.begun += 1
        if body := self.body(self.begun):
            self.s3.put_object(Bucket="storm", Key=self.key, Body=body, Metadata={"number": str(self.begun)})
        else:
            self.s3.delete_object(Bucket="storm", Key=self.key)
        self.answered = self.begun

    def body(self, number: int) -> bytes | None:
        """What the write leaves: nothing, few bytes, or enough for a file."""
        return None if number % 5 == 0 else f"{self.key} {number} ".encode() * (1 if number % 2 else 1000)

    def check(self) -> None:
        possible = range(self.answered, self.begun + 1)
        try:
            found = self.s3.get_object(Bucket="storm", Key=self.key)
        except self.s3.exceptions.NoSuchKey:
            assert None in [self.body(number) for number in possible], f"{self.key}: lost write {self.answered}"
            return
        number, body = int(found["Metadata"]["number"]), found["Body"].read()
        assert number in possible, f"{self.key}: found write {number}, answered was {self.answered}"
        assert body == self.body(number)
        assert found["ETag"] == f'"{md5(body)}"'


class Tables:
    """Makes one Glue table after the other."""

    def __init__(self, glue: Any) -> None:
        self.glue = glue
        self.answered = 0

    def write(self) -> None:
        self.glue.create_table(DatabaseName="storm", TableInput={"Name": f"table_{self.answered:04}"})
        self.answered += 1

    def check(self) -> None:
        names = [table["Name"] for table in self.glue.get_tables(DatabaseName="storm")["TableList"]]
        assert names[: self.answered] == [f"table_{number:04}" for number in range(self.answered)]
