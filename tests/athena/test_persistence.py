from __future__ import annotations

import hashlib
import itertools
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from localstack_process import REGION, LocalStackProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = b"a few bytes"
LARGE = bytes(range(256)) * 42_000
"""10.75 MB: two parts of a multipart upload, and a file on disk where a small object has none."""
PART = len(LARGE) // 2


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


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.002)


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


def fill_s3(s3: Any) -> str:
    """Buckets and objects of every kind; the id of an upload in progress of plain/started."""
    make_bucket(s3, "plain")
    s3.put_bucket_tagging(Bucket="plain", Tagging=tags(team="data"))
    s3.put_bucket_cors(
        Bucket="plain", CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    )
    s3.put_object(
        Bucket="plain", Key="small", Body=SMALL, Metadata={"a": "1"}, ContentType="text/csv", Tagging="colour=green"
    )
    s3.put_object(Bucket="plain", Key="large", Body=LARGE, ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket="plain", Key="empty/", Body=b"")
    s3.put_object(Bucket="plain", Key="a b/ü+%&=?.txt", Body=SMALL)
    s3.put_object(Bucket="plain", Key="overwritten", Body=LARGE)
    s3.put_object(Bucket="plain", Key="overwritten", Body=SMALL)
    s3.copy_object(Bucket="plain", Key="copied", CopySource="plain/large")
    s3.copy_object(
        Bucket="plain", Key="small", CopySource="plain/small", MetadataDirective="REPLACE", Metadata={"a": "2"}
    )
    s3.put_object(Bucket="plain", Key="tagged", Body=SMALL)
    s3.put_object_tagging(Bucket="plain", Key="tagged", Tagging=tags(colour="red"))
    for key in ("deleted-1", "deleted-2", "deleted-3"):
        s3.put_object(Bucket="plain", Key=key, Body=LARGE)
    s3.delete_object(Bucket="plain", Key="deleted-1")
    s3.delete_objects(Bucket="plain", Delete={"Objects": [{"Key": "deleted-2"}, {"Key": "deleted-3"}]})
    post = s3.generate_presigned_post("plain", "posted/${filename}")
    assert (
        urllib3.request(
            "POST", post["url"], fields={**post["fields"], "file": ("name.txt", SMALL)}, retries=False
        ).status
        == 204
    )

    started = s3.create_multipart_upload(Bucket="plain", Key="started", Metadata={"b": "2"})["UploadId"]
    s3.upload_part(Bucket="plain", Key="started", UploadId=started, PartNumber=1, Body=LARGE[:PART])
    finished = s3.create_multipart_upload(Bucket="plain", Key="finished")["UploadId"]
    s3.upload_part(Bucket="plain", Key="finished", UploadId=finished, PartNumber=1, Body=LARGE[:PART])
    s3.upload_part_copy(Bucket="plain", Key="finished", UploadId=finished, PartNumber=2, CopySource="plain/small")
    complete(s3, "finished", finished)
    aborted = s3.create_multipart_upload(Bucket="plain", Key="aborted")["UploadId"]
    s3.abort_multipart_upload(Bucket="plain", Key="aborted", UploadId=aborted)

    make_bucket(s3, "versioned")
    s3.put_object(Bucket="versioned", Key="key", Body=b"before versioning")
    s3.put_object(Bucket="versioned", Key="never touched again", Body=LARGE)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    for body in (SMALL, LARGE, b"to be deleted"):
        version = s3.put_object(Bucket="versioned", Key="key", Body=body)["VersionId"]
    s3.delete_object(Bucket="versioned", Key="key", VersionId=version)
    s3.put_object(Bucket="versioned", Key="marked", Body=SMALL)
    s3.delete_object(Bucket="versioned", Key="marked")

    make_bucket(s3, "locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="key", Body=SMALL)
    s3.put_object_retention(
        Bucket="locked",
        Key="key",
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=1)},
    )

    make_bucket(s3, "deleted")
    s3.create_multipart_upload(Bucket="deleted", Key="started")
    s3.delete_bucket(Bucket="deleted")
    return str(started)


def make_bucket(s3: Any, name: str, **options: bool) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}, **options)


def go_on(s3: Any, upload_id: str) -> None:
    """Change what was restored."""
    s3.upload_part(Bucket="plain", Key="started", UploadId=upload_id, PartNumber=2, Body=LARGE[PART:])
    complete(s3, "started", upload_id)
    assert s3.get_object(Bucket="plain", Key="started")["Body"].read() == LARGE
    s3.delete_object(Bucket="plain", Key="large")
    assert s3.get_object(Bucket="plain", Key="copied")["Body"].read() == LARGE, "the copy lost its bytes"
    s3.put_object(Bucket="versioned", Key="never touched again", Body=SMALL)
    make_bucket(s3, "deleted")


def complete(s3: Any, key: str, upload_id: str) -> None:
    parts = s3.list_parts(Bucket="plain", Key=key, UploadId=upload_id)["Parts"]
    s3.complete_multipart_upload(
        Bucket="plain",
        Key=key,
        UploadId=upload_id,
        MultipartUpload={"Parts": [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]},
    )


def fill_glue(glue: Any) -> None:
    columns = {"Columns": [{"Name": "id", "Type": "bigint"}], "Location": "s3://plain/orders/"}
    for name in ("kept", "deleted"):
        glue.create_database(DatabaseInput={"Name": name, "Parameters": {"a": "1"}})
        glue.create_table(
            DatabaseName=name,
            TableInput={
                "Name": "orders",
                "StorageDescriptor": columns,
                "PartitionKeys": [{"Name": "month", "Type": "string"}],
            },
        )
    glue.delete_database(Name="deleted")
    glue.batch_create_partition(
        DatabaseName="kept",
        TableName="orders",
        PartitionInputList=[{"Values": [f"2026-{month:02}"], "StorageDescriptor": columns} for month in range(1, 13)],
    )
    glue.delete_partition(DatabaseName="kept", TableName="orders", PartitionValues=["2026-03"])
    glue.update_table(DatabaseName="kept", TableInput={"Name": "orders", "Parameters": {"b": "2"}})


def fill_athena(athena: Any) -> None:
    athena.create_work_group(
        Name="team", Configuration={"ResultConfiguration": {"OutputLocation": "s3://plain/athena-staging/"}}
    )
    athena.create_named_query(Name="named", Database="kept", QueryString="SELECT 1", WorkGroup="team")
    athena.create_prepared_statement(StatementName="prepared", WorkGroup="team", QueryStatement="SELECT ?")
    query = athena.start_query_execution(QueryString="SELECT 42 AS answer", WorkGroup="team")["QueryExecutionId"]
    wait_for(
        "finished query",
        lambda: (
            athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]["State"]
            not in ("QUEUED", "RUNNING")
        ),
    )


def observe(localstack: LocalStackProcess) -> dict[str, Any]:
    """Everything that clients can see."""
    s3, glue, athena = (localstack.client(service) for service in ("s3", "glue", "athena"))
    group = answer(athena.get_work_group, WorkGroup="team")
    group["WorkGroup"].pop("CreationTime")  # moto answers the time of the question
    return {
        "buckets": answer(s3.list_buckets),
        **{bucket["Name"]: observe_bucket(s3, bucket["Name"]) for bucket in s3.list_buckets()["Buckets"]},
        "databases": answer(glue.get_databases),
        "tables": answer(glue.get_tables, DatabaseName="kept"),
        "versions": answer(glue.get_table_versions, DatabaseName="kept", TableName="orders"),
        "partitions": answer(glue.get_partitions, DatabaseName="kept", TableName="orders"),
        "work group": group,
        "named queries": [
            answer(athena.get_named_query, NamedQueryId=id_) for id_ in athena.list_named_queries()["NamedQueryIds"]
        ],
        "prepared": answer(athena.get_prepared_statement, StatementName="prepared", WorkGroup="team"),
        "queries": [
            (
                answer(athena.get_query_execution, QueryExecutionId=id_),
                answer(athena.get_query_results, QueryExecutionId=id_),
            )
            for id_ in athena.list_query_executions(WorkGroup="team")["QueryExecutionIds"]
        ],
    }


def observe_bucket(s3: Any, bucket: str) -> dict[str, Any]:
    versions = answer(s3.list_object_versions, Bucket=bucket)
    uploads = answer(s3.list_multipart_uploads, Bucket=bucket)
    return {
        "versions": versions,
        "uploads": uploads,
        "parts": [
            answer(s3.list_parts, Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            for upload in uploads.get("Uploads", ())
        ],
        "objects": [
            answer(ask, Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            for version, ask in itertools.product(
                versions.get("Versions", ()),
                (s3.get_object, s3.head_object, s3.get_object_tagging, s3.get_object_acl, s3.get_object_retention),
            )
        ],
        **{
            ask.__name__: answer(ask, Bucket=bucket)
            for ask in (s3.get_bucket_location, s3.get_bucket_versioning, s3.get_bucket_tagging, s3.get_bucket_cors)
        },
    }


def answer(ask: Callable[..., dict[str, Any]], **arguments: str) -> dict[str, Any]:
    """What a client sees: the response without its request id, a body as its digest, or the error's code."""
    try:
        response = ask(**arguments)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    del response["ResponseMetadata"]
    if "Body" in response:
        response["Body"] = md5(response["Body"].read())
    return response


def tags(**pairs: str) -> dict[str, list[dict[str, str]]]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in pairs.items()]}


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
