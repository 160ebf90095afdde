"""What S3, Glue and Athena hold of every kind: filled in, and read back as clients see it."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import ClientError
from localstack_process import REGION, LocalStackProcess, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = b"a few bytes"
LARGE = bytes(range(256)) * 42_000
"""10.75 MB: two parts of a multipart upload, and a file on disk where a small object has none."""
PART = len(LARGE) // 2


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
