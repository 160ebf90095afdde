"""Storage: objects under a prefix of S3, or files under a folder, by one kind of address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from src.configuration import ROOT
from src.failures import InputMissing, ServiceAway

S3 = "s3://"


def fetch(location: str, folder: Path) -> list[Path]:
    """Return the files at a location: those of a folder where they are, those of S3 copied into `folder`.

    Raises:
        InputMissing: there are none.
        ServiceAway: S3 does not answer, or refuses.

    """
    if not location.startswith(S3):
        path = ROOT / location
        found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        files = [file for file in found if file.exists() and file.stat().st_size]
    else:
        files = []
        bucket, prefix = _address(location)
        with _s3(location) as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for item in (item for page in pages for item in page.get("Contents", []) if item["Size"]):
                # The name of an object may hold what no file's may; the kind of data is in its end.
                files.append(folder / f"{len(files)}{Path(item['Key']).suffix}")
                s3.download_file(bucket, item["Key"], str(files[-1]))
    if not files:
        raise InputMissing(
            f"There are no data at {location}. Run the pipeline that writes them, or correct source.location."
        )
    return files


def store(file: Path, location: str, *, name: str) -> str:
    """Put a file under a location as its only one, and return its address there.

    Raises:
        ServiceAway: S3 does not answer, or refuses.

    """
    if not location.startswith(S3):
        target = ROOT / location / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        for other in target.parent.iterdir():
            if other != target:
                other.unlink()
        return str(target)
    bucket, prefix = _address(location)
    with _s3(location) as s3:
        s3.upload_file(str(file), bucket, prefix + name)
        # After the upload: who reads meanwhile finds old rows or both, never none.
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if item["Key"] != prefix + name:
                    s3.delete_object(Bucket=bucket, Key=item["Key"])
    return f"{S3}{bucket}/{prefix}{name}"


def _address(location: str) -> tuple[str, str]:
    bucket, _, prefix = location.removeprefix(S3).partition("/")
    return bucket, f"{prefix.rstrip('/')}/"


@contextmanager
def _s3(location: str) -> Iterator[Any]:
    try:
        yield boto3.client("s3", config=Config(connect_timeout=5, retries={"total_max_attempts": 3}))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        kind = InputMissing if code in {"NoSuchBucket", "404"} else ServiceAway
        raise kind(f"S3 refused {location}: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise ServiceAway(f"S3 did not serve {location}: {error}") from error
    except boto3.exceptions.Boto3Error as error:
        raise ServiceAway(f"S3 did not serve {location}: {error}") from error
