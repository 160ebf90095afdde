"""LocalStack on a disk that is full: what does not fit is refused with the reason, and what was there stays."""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from lab import aws
from tests.compose.compose_lab import ComposeLab

# The first test waits for an engine and images.
pytestmark = pytest.mark.timeout(2400)

MEGABYTE = 10**6
# A volume of 40 MB in memory, of LocalStack's user.
SMALL_VOLUME = """
volumes:
  localstack:
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=40m,uid=50000,gid=0,mode=0770"}
"""


@pytest.fixture(scope="module")
def full_lab(new_lab: Callable[[str], ComposeLab]) -> Iterator[ComposeLab]:
    lab = new_lab("lab-full")
    (lab.folder / "docker-compose.override.yml").write_text(SMALL_VOLUME)
    lab.done("up", "--detach", "--wait", "localstack")
    yield lab
    lab.done("down", "--volumes")


def test_what_does_not_fit_is_refused_and_the_rest_stays(full_lab: ComposeLab) -> None:
    aws.make_bucket(full_lab.settings)
    s3, bucket = aws.s3_client(full_lab.settings), full_lab.settings.bucket
    s3.put_object(Bucket=bucket, Key="small", Body=b"kept")
    with pytest.raises(ClientError, match="No space left on device"):
        s3.put_object(Bucket=bucket, Key="large", Body=bytes(60 * MEGABYTE))
    assert s3.get_object(Bucket=bucket, Key="small")["Body"].read() == b"kept"
    # Once there is room, all goes on as before.
    s3.put_object(Bucket=bucket, Key="another", Body=bytes(MEGABYTE))
    assert {found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"another", "small"}
    assert full_lab.states() == {"localstack": "healthy"}
