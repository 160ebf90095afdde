"""The lab's buckets, and what lies in them before any pipeline has run."""

from contextlib import closing
from typing import TYPE_CHECKING, Any

from lab import aws
from lab.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What a partner delivers: the data of the ML team's second project.
APPLICATIONS = REPOSITORY / "data" / "credit_applications.csv"
APPLICATIONS_KEY = "partner-data/credit_risk/credit_applications.csv"


def prepare(settings: Settings) -> str:
    """Make the buckets that are not there yet, and deliver the partner's data; say what was done."""
    with closing(aws.s3_client(settings)) as s3:
        there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        wanted = dict.fromkeys((settings.bucket, settings.processed_bucket, settings.ml_artifacts_bucket))
        missing = [name for name in wanted if name not in there]
        for name in missing:
            _make(s3, name, settings.region)
        s3.put_object(Bucket=settings.processed_bucket, Key=APPLICATIONS_KEY, Body=APPLICATIONS.read_bytes())
    return "created" if missing else "found"


def _make(s3: "S3Client", name: str, region: str) -> None:
    if region == "us-east-1":  # the one region that S3 wants unnamed
        s3.create_bucket(Bucket=name)
    else:
        place: Any = region  # the stubs take the regions that they know only
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": place})
