"""S3's object store on plain files: every write makes a new body that never changes again.

An object's record says which file holds its bytes, so the commit of the record is the one moment at which an object's
bytes, size and ETag change together; a reader keeps the body that belongs to the metadata it read. A file is unlinked
when nothing refers to it any more: neither an object or part in memory nor, see s3_persistence, a committed record.
What a killed process leaves behind is swept at the next start.
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
import weakref
from io import BytesIO
from typing import IO, TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from localstack.services.s3.storage.core import LimitedStream, S3ObjectStore, S3StoredMultipart, S3StoredObject
from localstack.services.s3.utils import get_s3_checksum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localstack.services.s3.models import S3Multipart, S3Object, S3Part
    from localstack.services.s3.utils import ChecksumHash, ObjectRange

CHUNK_BYTES = 1024 * 1024
MEMORY_BYTES = 4096
"""Up to one disk block, a body stays in memory and in its object's record: creating a file costs more than the rest."""


class Body:
    """The bytes of one object or part: in memory while they are few, else in a file of the directory.

    A file that no record names is unlinked with the last reference to its body; the end of the process unlinks nothing.
    """

    def __init__(self, directory: Path, saved: bytes | str = b"") -> None:
        self.saved = saved
        """The bytes themselves or the file's name: what a record holds."""
        self._directory = directory
        self._records = 0
        self._unlinking: weakref.finalize[..., Body] | None = None

    def open(self) -> IO[bytes]:
        """Open for reading."""
        return BytesIO(self.saved) if isinstance(self.saved, bytes) else (self._directory / self.saved).open("rb")

    def create_file(self) -> IO[bytes]:
        """From now on the bytes are in this new, empty file."""
        self.saved = uuid.uuid4().hex
        file = (self._directory / self.saved).open("x+b")
        self._unlink_when_unused()
        return file

    def discard(self) -> None:
        """Unlink the file now: nobody shall have these bytes, nor wait for the last reference to free their space."""
        if self._unlinking:
            self._unlinking()

    def keep(self) -> None:
        """One more committed record names this body."""
        self._records += 1
        if self._unlinking:
            self._unlinking.detach()

    def release(self) -> None:
        """One committed record less names this body."""
        self._records -= 1
        if not self._records:
            self._unlink_when_unused()

    def _unlink_when_unused(self) -> None:
        if isinstance(self.saved, str):
            self._unlinking = weakref.finalize(self, (self._directory / self.saved).unlink, missing_ok=True)
            self._unlinking.atexit = False  # type: ignore[misc]  # a property, which typeshed takes for an attribute


class FileStoredObject(S3StoredObject):
    """An open body: bytes in or out, and what S3 says about them."""

    def __init__(self, s3_object: S3Object | S3Part, body: Body, mode: Literal["r", "w"]) -> None:
        super().__init__(s3_object, mode)
        self.size = 0
        self._body = body
        self._file = BytesIO() if mode == "w" else body.open()
        self._etag: str | None = None
        self._checksum: str | None = None

    def write(self, stream: IO[bytes] | S3StoredObject | LimitedStream | None) -> int:
        """Fill the new body from a stream; sets size and ETag of the object. Returns the number of bytes."""
        source = BytesIO() if stream is None else stream
        checksum = self._new_checksum()
        md5 = hashlib.md5(usedforsecurity=False)
        while data := source.read(CHUNK_BYTES):
            self._add(data)
            md5.update(data)
            if checksum:
                checksum.update(data)
        self._etag = self.s3_object.etag = md5.hexdigest()
        self._checksum = _base64_digest(checksum) if checksum else None
        self._added()
        return self.size

    def append(self, part: S3StoredObject) -> int:
        """Add the bytes of an open part at the end. Returns the number of bytes added."""
        before = self.size
        while data := part.read(CHUNK_BYTES):
            self._add(data)
        self._added()
        return self.size - before

    def read(self, s: int = -1) -> bytes:
        """At most `s` bytes from the current position."""
        return self._file.read(s)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move the position; the new one."""
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Close the file; its body lives on."""
        self._file.close()
        self.closed = True

    def __exit__(self, *error: object) -> None:
        """Close; what an error ended in the middle of writing is discarded.

        The error's traceback refers to the object, so the garbage collector would free its space at some later time:
        on a full disk, the next request would fail as well.
        """
        try:
            self.close()
        finally:
            if self._mode == "w" and any(error):
                self._body.discard()

    @property
    def last_modified(self) -> int:
        """Nanoseconds; always the object's own, as a body never changes under an object."""
        return self.s3_object.internal_last_modified

    @property
    def checksum(self) -> str | None:
        """Base64 checksum by the object's algorithm, None if it has none."""
        if self._checksum is None and (checksum := self._new_checksum()):
            for data in self._from_start():
                checksum.update(data)
            self._checksum = _base64_digest(checksum)
        return self._checksum

    @property
    def etag(self) -> str:
        """MD5 of the bytes, in hexadecimal."""
        if self._etag is None:
            md5 = hashlib.md5(usedforsecurity=False)
            for data in self._from_start():
                md5.update(data)
            self._etag = md5.hexdigest()
        return self._etag

    def __iter__(self) -> Iterator[bytes]:
        """Chunks from the current position to the end."""
        while data := self._file.read(CHUNK_BYTES):
            yield data

    def _from_start(self) -> Iterator[bytes]:
        position = self._file.tell()
        self._file.seek(0)
        yield from self
        self._file.seek(position)

    def _new_checksum(self) -> ChecksumHash | None:
        algorithm = self.s3_object.checksum_algorithm
        return get_s3_checksum(algorithm) if algorithm else None

    def _add(self, data: bytes) -> None:
        if isinstance(self._file, BytesIO) and self._file.tell() + len(data) > MEMORY_BYTES:
            first = self._file.getvalue()
            self._file = self._body.create_file()
            self._file.write(first)
        self._file.write(data)

    def _added(self) -> None:
        """Let readers see what was added: the object may become visible before this is closed."""
        self._file.flush()
        if isinstance(self._file, BytesIO):
            self._body.saved = self._file.getvalue()
        self.size = self.s3_object.size = self._file.tell()
        self.s3_object.internal_last_modified = time.time_ns()


class FileStoredMultipart(S3StoredMultipart):
    """The parts of one multipart upload; it holds nothing itself, parts know their bodies like objects do."""

    _s3_store: FileObjectStore

    def open(self, s3_part: S3Part, mode: Literal["r", "w"] = "r") -> FileStoredObject:
        """Open a part."""
        return self._s3_store.open(self.bucket, s3_part, mode)

    def remove_part(self, s3_part: S3Part) -> None:
        """Nothing to do: the body goes with the part."""

    def complete_multipart(self, parts: list[S3Part]) -> None:  # type: ignore[override]  # LocalStack annotates numbers
        """Write the parts in this order into the upload's object."""
        with self._s3_store.open(self.bucket, self.s3_multipart.object, "w") as whole:
            for s3_part in parts:
                with self.open(s3_part) as part:
                    whole.append(part)

    def close(self) -> None:
        """Nothing to do: the bodies go with the parts."""

    def copy_from_object(
        self, s3_part: S3Part, src_bucket: str, src_s3_object: S3Object, range_data: ObjectRange | None
    ) -> None:
        """Fill a part with an object's bytes, or with a range of them."""
        with self._s3_store.open(src_bucket, src_s3_object) as source, self.open(s3_part, "w") as part:
            part.write(LimitedStream(source, range_data) if range_data else source)
            if s3_part.checksum_algorithm:
                s3_part.checksum_value = part.checksum


class FileObjectStore(S3ObjectStore):
    """A directory of bodies, and which object or part has which."""

    def __init__(self, root_directory: Path) -> None:
        self.root_directory = root_directory
        root_directory.mkdir(exist_ok=True)
        self._bodies: WeakKeyDictionary[S3Object | S3Part, Body] = WeakKeyDictionary()

    def body(self, s3_object: S3Object | S3Part) -> Body:
        """The file that holds the bytes of an object or part."""
        return self._bodies[s3_object]

    def give(self, s3_object: S3Object | S3Part, body: Body) -> None:
        """Let an object or part have this body."""
        self._bodies[s3_object] = body

    def open(self, bucket: str, s3_object: S3Object | S3Part, mode: Literal["r", "w"] = "r") -> FileStoredObject:  # noqa: ARG002 - S3ObjectStore's signature
        """Open an object's or part's body; for writing, a new one."""
        if mode == "w":
            self.give(s3_object, Body(self.root_directory))
        return FileStoredObject(s3_object, self.body(s3_object), mode)

    def copy(self, src_bucket: str, src_object: S3Object, dest_bucket: str, dest_object: S3Object) -> FileStoredObject:  # noqa: ARG002 - S3ObjectStore's signature
        """Let both objects have one body, for bodies never change; the copy is open for reading."""
        self.give(dest_object, self.body(src_object))
        dest_object.size = src_object.size
        dest_object.internal_last_modified = time.time_ns()
        return self.open(dest_bucket, dest_object)

    def remove(self, bucket: str, s3_object: S3Object | list[S3Object]) -> None:
        """Nothing to do: a body goes with its last object and record."""

    def get_multipart(self, bucket: str, upload_id: S3Multipart) -> FileStoredMultipart:
        """The stored side of an upload."""
        return FileStoredMultipart(self, bucket, upload_id)

    def remove_multipart(self, bucket: str, s3_multipart: S3Multipart) -> None:
        """Nothing to do: the bodies go with the parts and their record."""


def _base64_digest(checksum: ChecksumHash) -> str:
    return base64.b64encode(checksum.digest()).decode()
