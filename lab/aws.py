"""AWS clients of the lab's own: boto3 on the local endpoint, whatever account a person is logged in to."""

from typing import TYPE_CHECKING

from lab.settings import Settings

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

REQUEST_SECONDS = 60.0


def s3_client(settings: Settings, seconds: float = REQUEST_SECONDS) -> "S3Client":
    """Return a client of the lab's S3, which waits for an answer for so many seconds."""
    return _session(settings).client("s3", endpoint_url=settings.aws_endpoint_url, config=_direct(seconds))


def athena_client(settings: Settings, seconds: float = REQUEST_SECONDS) -> "AthenaClient":
    """Return a client of the lab's Athena, which waits for an answer for so many seconds."""
    return _session(settings).client("athena", endpoint_url=settings.aws_endpoint_url, config=_direct(seconds))


def _session(settings: Settings) -> "boto3.Session":
    import boto3  # noqa: PLC0415 - half a second that `status` and `logs` need not wait

    return boto3.Session(
        aws_access_key_id=settings.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=settings.region,
    )


def _direct(seconds: float) -> "Config":
    """Past any proxy of the environment."""
    from botocore.config import Config  # noqa: PLC0415 - as above

    return Config(proxies={}, connect_timeout=seconds, read_timeout=seconds)
