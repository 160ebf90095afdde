"""AWS calls as IAM sees them: the actions that a call needs, and the resources that it needs them on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

ACCOUNT = "123456789012"

# Most operations need the action of their own name. Those of S3 are older than IAM.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
S3_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "GetObject": "GetObject",
    "PutObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}


class Permission(NamedTuple):
    """An action on a resource, as policies name them."""

    action: str
    resource: str


@dataclass(frozen=True)
class Call:
    """One request of an AWS client."""

    service: str
    operation: str
    params: Mapping[str, Any]

    def permissions(self, region: str) -> frozenset[Permission]:
        """Return all that the caller needs, in this region of the account.

        Raises:
            KeyError: an operation of S3, or a service, of which nothing is known here.

        """
        if self.service == "s3":
            return frozenset(Permission(f"s3:{S3_ACTIONS[self.operation]}", arn) for arn in self._s3_resources())
        resources = {"athena": self._athena_resources, "glue": self._glue_resources}[self.service]()
        arn = f"arn:aws:{self.service}:{region}:{ACCOUNT}"
        return frozenset(Permission(f"{self.service}:{self.operation}", f"{arn}:{one}") for one in resources)

    def _s3_resources(self) -> Iterator[str]:
        bucket = f"arn:aws:s3:::{self.params['Bucket']}"
        keys = [one["Key"] for one in self.params.get("Delete", {}).get("Objects", ())]
        if "Key" in self.params:
            keys.append(self.params["Key"])
        yield from (f"{bucket}/{key}" for key in keys)
        if not keys:
            yield bucket

    def _athena_resources(self) -> Iterator[str]:
        # A query's id says nothing of its workgroup; no query here is in another one than that of its start.
        yield f"workgroup/{self.params.get('WorkGroup', 'primary')}"

    def _glue_resources(self) -> Iterator[str]:
        # A database or table, and everything that it is part of.
        yield "catalog"
        database = self.params.get("DatabaseName") or self.params.get("DatabaseInput", self.params)["Name"]
        yield f"database/{database}"
        if "DatabaseName" in self.params:
            table = self.params.get("TableName") or self.params.get("TableInput", self.params)["Name"]
            yield f"table/{database}/{table}"


def read_calls(path: Path) -> tuple[Call, ...]:
    """Read what the recorder wrote."""
    return tuple(Call(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())
