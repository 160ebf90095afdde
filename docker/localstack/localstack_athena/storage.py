"""S3 objects as local files and back, with a cache keyed by ETag."""

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from localstack_athena.errors import QueryFailedError

_CHUNK = 8 * 1024 * 1024
_CACHE_LIMIT = 8 * 1024**3
_DELETE_BATCH = 1000


@dataclass(frozen=True)
class S3Location:
    """A bucket and a key or prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "S3Location":
        """From `s3://bucket/key`.

        Raises:
            ValueError: not an S3 address.
        """
        parts = urlsplit(uri)
        if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
            raise ValueError(f"not an S3 location: {uri}")
        return cls(parts.netloc, uri.split(parts.netloc, 1)[1].lstrip("/"))

    @classmethod
    def folder(cls, uri: str) -> "S3Location":
        """From the location of a table or partition, with or without a last slash; all below it belongs to it."""
        try:
            location = cls.parse(uri)
        except ValueError as error:
            raise QueryFailedError("INVALID_TABLE_PROPERTY", str(error)) from error
        return cls(location.bucket, location.key.rstrip("/") + "/" if location.key.strip("/") else "")

    def child(self, name: str) -> "S3Location":
        """The object `name` below this folder."""
        return S3Location(self.bucket, self.key + name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing names it; `size` in bytes."""

    location: S3Location
    etag: str
    size: int


class Storage:
    """What the engine asks of S3, over a boto3 S3 client of the caller's account and region.

    Every operation raises QueryFailedError HIVE_FILESYSTEM_ERROR when S3 refuses it.
    """

    def __init__(self, s3: Any, cache: Path) -> None:
        self._s3 = s3
        self._cache = cache

    def list_data(self, folder: S3Location) -> list[StoredObject]:
        """The data files below a folder as Hive sees them: no empty objects, no names that start with `_` or `.`."""
        return [
            stored
            for stored in self.list_all(folder)
            if stored.size and not any(part[0] in "_." for part in _names_below(folder, stored.location))
        ]

    def list_all(self, folder: S3Location) -> list[StoredObject]:
        """Every object below a folder."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=folder.key)
        try:
            return [
                StoredObject(S3Location(folder.bucket, entry["Key"]), entry["ETag"].strip('"'), entry["Size"])
                for page in pages
                for entry in page.get("Contents", [])
            ]
        except ClientError as error:
            raise _filesystem_error(folder, error) from error

    def download(self, objects: list[StoredObject], into: Path, check_cancelled: Callable[[], None]) -> list[Path]:
        """Local files for `objects`, hard links into the cache under `into`, in the same order.

        A file's name keeps the key's endings, by which DuckDB knows `.gz` and the like. `check_cancelled` raises to
        stop a long transfer.
        """
        into.mkdir(parents=True, exist_ok=True)

        def fetch(numbered: tuple[int, StoredObject]) -> Path:
            number, stored = numbered
            local = into / f"{number}{''.join(PurePosixPath(stored.location.key).suffixes[-2:])}"
            cached = self._cache / hashlib.sha256(f"{stored.location} {stored.etag}".encode()).hexdigest()
            try:
                os.link(cached, local)
                os.utime(local)  # the cache forgets what was not used for longest
            except FileNotFoundError:
                self._transfer(stored, local, check_cancelled)
                _link_if_absent(local, cached)
            return local

        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="athena-download") as pool:
            files = list(pool.map(fetch, enumerate(objects)))
        _shrink(self._cache)
        return files

    def _transfer(self, stored: StoredObject, local: Path, check_cancelled: Callable[[], None]) -> None:
        try:
            # IfMatch: an object replaced since the listing must not be cached under the old ETag.
            body = self._s3.get_object(
                Bucket=stored.location.bucket, Key=stored.location.key, IfMatch=f'"{stored.etag}"'
            )["Body"]
            with local.open("wb") as file:
                while chunk := body.read(_CHUNK):
                    check_cancelled()
                    file.write(chunk)
        except ClientError as error:
            raise _filesystem_error(stored.location, error) from error

    def upload(self, file: Path, to: S3Location) -> None:
        """Store a local file."""
        try:
            with file.open("rb") as body:
                self._s3.put_object(Bucket=to.bucket, Key=to.key, Body=body)
        except ClientError as error:
            raise _filesystem_error(to, error) from error

    def delete(self, locations: list[S3Location]) -> None:
        """Remove objects of one bucket."""
        for start in range(0, len(locations), _DELETE_BATCH):
            batch = locations[start : start + _DELETE_BATCH]
            self._s3.delete_objects(
                Bucket=batch[0].bucket, Delete={"Objects": [{"Key": one.key} for one in batch], "Quiet": True}
            )


def _names_below(folder: S3Location, location: S3Location) -> tuple[str, ...]:
    return PurePosixPath(location.key[len(folder.key) :]).parts


def _filesystem_error(location: S3Location, error: ClientError) -> QueryFailedError:
    return QueryFailedError("HIVE_FILESYSTEM_ERROR", f"{error.response['Error']['Message']} ({location})")


def _link_if_absent(local: Path, cached: Path) -> None:
    with contextlib.suppress(FileExistsError):  # another query fetched the same object meanwhile
        os.link(local, cached)


_shrinking = threading.Lock()


def _shrink(cache: Path) -> None:
    """Forget the files unused for longest, down to the limit; running queries hold links of their own."""
    with _shrinking:
        entries = sorted(
            ((entry.stat(), entry.path) for entry in os.scandir(cache)), key=lambda entry: entry[0].st_mtime
        )
        excess = sum(stat.st_size for stat, _ in entries) - _CACHE_LIMIT
        for stat, path in entries:
            if excess <= 0:
                break
            Path(path).unlink(missing_ok=True)
            excess -= stat.st_size


def empty_folder(path: Path) -> Path:
    """The folder, made anew."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
