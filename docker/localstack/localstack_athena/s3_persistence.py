"""S3's metadata in the state directory: what a request changed is committed before its response leaves.

LocalStack's S3 provider keeps buckets, objects and uploads in memory and stays as it is; its handlers are wrapped, and
after every mutating one the records of what the request names are written in one commit:

    s3.bucket  <bucket>              (bucket without objects and uploads, its tags)
    s3.object  <bucket>/<key>        [(object version or delete marker, tags, body), …] oldest first
    s3.upload  <bucket>/<upload id>  (multipart upload, {part number: body})

A body is saved as its file's name, as its bytes if there are few, and as None for a delete marker, which has none.

So a request costs the same whether its bucket holds ten objects or ten thousand.
"""

from __future__ import annotations

import copy
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localstack.aws.skeleton import create_dispatch_table
from localstack.constants import AWS_REGION_US_EAST_1, DEFAULT_AWS_ACCOUNT_ID
from localstack.services.plugins import Service
from localstack.services.s3.models import S3DeleteMarker, s3_stores
from localstack.services.s3.provider import S3Provider
from localstack.services.s3.utils import get_unique_key_id

from localstack_athena.object_store import Body, FileObjectStore
from localstack_athena.state_directory import DamagedStateError

if TYPE_CHECKING:
    from localstack.aws.api import RequestContext, ServiceResponse
    from localstack.aws.api.core import ServiceRequestHandler
    from localstack.aws.skeleton import DispatchTable
    from localstack.services.plugins import ServiceProvider
    from localstack.services.s3.models import S3Bucket, S3Object, S3Part, S3Store

    from localstack_athena.state_directory import RecordKey, StateDirectory

BUCKET, OBJECT, UPLOAD = "s3.bucket", "s3.object", "s3.upload"
READS = ("Get", "Head", "List", "SelectObjectContent", "WriteGetObjectResponse")
"""How the names of operations begin that change nothing."""


class PersistentS3:
    """S3's stores and bodies, restored from a state directory and kept in step with it."""

    def __init__(self, state: StateDirectory) -> None:
        """Restore; raises DamagedStateError when a body is missing or has another size than its object."""
        self._state = state
        self._store = FileObjectStore(state.path / "s3")
        self._guard = threading.Lock()
        self._committed: dict[RecordKey, list[Body]] = {}
        """Every committed record, with the bodies that it names."""
        self._restore()

    def service(self) -> Service:
        """LocalStack's own S3 on the persistent bodies, every mutating operation committed before it responds."""
        return Service.for_provider(S3Provider(self._store), self._dispatch_table)

    def _dispatch_table(self, provider: ServiceProvider) -> DispatchTable:
        return {
            operation: handler if operation.startswith(READS) else self._committing(operation, handler)
            for operation, handler in create_dispatch_table(provider).items()
        }

    def _committing(self, operation: str, handler: ServiceRequestHandler) -> ServiceRequestHandler:
        def handle(context: RequestContext, request: Any) -> ServiceResponse | None:
            response: Any = None
            try:
                response = handler(context, request)
            finally:
                # Also when it raised: after a restart people see what they saw before it.
                keys = [_posted_key(context)] if operation == "PostObject" else _keys(request)
                upload_id = request.get("UploadId") or (response or {}).get("UploadId")
                self._commit(request["Bucket"], keys, upload_id)
            return response

        return handle

    def _commit(self, bucket_name: str, keys: list[str], upload_id: str | None) -> None:
        with self._guard:
            bucket = _find_bucket(bucket_name)
            rows = {(OBJECT, f"{bucket_name}/{key}"): self._object_row(bucket, key) for key in keys}
            if upload_id:
                rows[UPLOAD, f"{bucket_name}/{upload_id}"] = self._upload_row(bucket, upload_id)
            if not keys:
                rows[BUCKET, bucket_name] = _bucket_row(bucket) if bucket else None
            if not bucket:
                rows |= {record: None for record in self._committed if record[1].startswith(f"{bucket_name}/")}
            changed = {record: row for record, row in rows.items() if row or record in self._committed}
            if not changed:
                return
            self._state.commit({record: row and row.value for record, row in changed.items()})
            for record, row in changed.items():
                self._name_bodies(record, row.bodies if row else None)

    def _name_bodies(self, record: RecordKey, bodies: list[Body] | None) -> None:
        """Note which bodies a committed record names; None for a deleted record."""
        before = self._committed.pop(record, ())
        if bodies is not None:
            self._committed[record] = bodies
        for body in bodies or ():
            body.keep()
        for body in before:
            body.release()

    def _object_row(self, bucket: S3Bucket | None, key: str) -> Row | None:
        if not bucket or not (versions := _versions(bucket, key)):
            return None
        bodies = [None if isinstance(version, S3DeleteMarker) else self._store.body(version) for version in versions]
        return Row(
            [
                (version, _tags().get(_tag_key(bucket, version)), body and body.saved)
                for version, body in zip(versions, bodies, strict=True)
            ],
            [body for body in bodies if body],
        )

    def _upload_row(self, bucket: S3Bucket | None, upload_id: str) -> Row | None:
        if not bucket or not (upload := bucket.multiparts.get(upload_id)):
            return None
        # Other parts may arrive while this one is saved.
        upload = copy.copy(upload)
        upload.parts = dict(upload.parts)
        bodies = {number: self._store.body(part) for number, part in upload.parts.items()}
        return Row((upload, {number: body.saved for number, body in bodies.items()}), list(bodies.values()))

    def _restore(self) -> None:
        """Fill LocalStack's stores from the records, and sweep what no record names."""
        bodies = RestoredBodies(self._store)
        buckets: dict[str, S3Bucket] = {}
        for name, (bucket, tags) in self._state.take(BUCKET).items():
            buckets[name] = bucket
            store = s3_stores[bucket.bucket_account_id][AWS_REGION_US_EAST_1]
            store.buckets[name] = bucket
            store.global_bucket_map[name] = bucket.bucket_account_id
            if tags:
                _tags()[bucket.bucket_arn] = tags
            self._name_bodies((BUCKET, name), [])
        for id_, versions in self._state.take(OBJECT).items():
            name, key = id_.split("/", 1)
            self._name_bodies((OBJECT, id_), self._restore_object(buckets[name], key, versions, bodies))
        for id_, (upload, saved_bodies) in self._state.take(UPLOAD).items():
            name, upload_id = id_.split("/", 1)
            buckets[name].multiparts[upload_id] = upload
            parts = [
                bodies.give(part, saved_bodies[number], f"part {number} of the upload of {upload.object.key}")
                for number, part in upload.parts.items()
            ]
            self._name_bodies((UPLOAD, id_), parts)
        bodies.sweep()

    def _restore_object(self, bucket: S3Bucket, key: str, versions: list[Any], bodies: RestoredBodies) -> list[Body]:
        restored = []
        for version, tags, body in versions:
            if bucket.versioning_status and not version.version_id:
                # Saved before its bucket became versioned.
                version.version_id = "null"
            bucket.objects.set(key, version)
            if tags:
                _tags()[_tag_key(bucket, version)] = tags
            if body is not None:
                restored.append(bodies.give(version, body, f"s3://{bucket.name}/{key}"))
        return restored


@dataclass(frozen=True)
class Row:
    """A record's value, and the bodies it names."""

    value: object
    bodies: list[Body]


class RestoredBodies:
    """The bodies found at start, handed to the objects and parts whose records name them."""

    def __init__(self, store: FileObjectStore) -> None:
        self._store = store
        self._sizes = {entry.name: entry.stat().st_size for entry in os.scandir(store.root_directory)}
        self._files: dict[str, Body] = {}

    def give(self, owner: S3Object | S3Part, saved: str | bytes, description: str) -> Body:
        """Give an object or part its saved body; raises DamagedStateError when the file is not the one written."""
        body = self._file(saved, owner.size, description) if isinstance(saved, str) else self._body(saved)
        self._store.give(owner, body)
        return body

    def sweep(self) -> None:
        """Unlink what was not given to anyone: the leftovers of a killed process."""
        for name in self._sizes.keys() - self._files.keys():
            (self._store.root_directory / name).unlink()

    def _file(self, name: str, size: int | None, description: str) -> Body:
        path = self._store.root_directory / name
        if (found := self._sizes.get(name)) != size:
            problem = "the file is missing" if found is None else f"the file has {found} bytes"
            raise DamagedStateError(path, f"{problem}, but {description} has {size} bytes")
        if name not in self._files:  # a copied object shares its source's
            self._files[name] = self._body(name)
        return self._files[name]

    def _body(self, saved: str | bytes) -> Body:
        return Body(self._store.root_directory, saved)


def _bucket_row(bucket: S3Bucket) -> Row:
    alone = copy.copy(bucket)
    alone.objects = type(bucket.objects)()
    alone.multiparts = {}
    return Row((alone, _tags().get(bucket.bucket_arn)), [])


def _keys(request: Any) -> list[str]:
    """Keys of the objects that a request names; none if it is about the bucket."""
    if "Key" in request:
        return [request["Key"]]
    return [named["Key"] for named in request.get("Delete", {}).get("Objects", ())]


def _posted_key(context: RequestContext) -> str:
    """The key of an object that a browser posts as a form."""
    key = context.request.form.get("key", "")
    posted = context.request.files.get("file")
    return key.replace("${filename}", posted.filename or "") if posted else key


def _find_bucket(name: str) -> S3Bucket | None:
    account_id = _any_store().global_bucket_map.get(name)
    return s3_stores[account_id][AWS_REGION_US_EAST_1].buckets.get(name) if account_id else None


def _tags() -> dict[str, dict[str, str]]:
    """Tags of buckets by ARN and of object versions by LocalStack's key id, of all accounts."""
    return _any_store().TAGS.tags


def _tag_key(bucket: S3Bucket, version: S3Object | S3DeleteMarker) -> str:
    return get_unique_key_id(bucket.name, version.key, version.version_id or "null")


def _any_store() -> S3Store:
    """The store of an account: bucket names and tags are the same in all of them."""
    return s3_stores[DEFAULT_AWS_ACCOUNT_ID][AWS_REGION_US_EAST_1]


def _versions(bucket: S3Bucket, key: str) -> list[S3Object | S3DeleteMarker]:
    """All versions of a key, oldest first."""
    found = bucket.objects._store.get(key)  # noqa: SLF001 - the public way to all versions walks the whole bucket
    if isinstance(found, dict):
        return list(found.values())
    return [found] if found else []
