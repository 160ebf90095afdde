"""LocalStack on a disk that is full: what does not fit is refused with the reason, and what was there stays."""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from lab import aws, buckets
from tests.compose.compose_lab import ComposeLab, wait_for

# The first test waits for an engine and images.
pytestmark = pytest.mark.timeout(2400)

MEGABYTE = 10**6
# A million rows of 50 bytes
LARGE_RESULT = """
SELECT a.n, b.n, 'forty bytes, so that there are many of them.'
FROM UNNEST(SEQUENCE(1, 1000)) AS a (n) CROSS JOIN UNNEST(SEQUENCE(1, 1000)) AS b (n)
"""
# A volume of 24 MB in memory, of LocalStack's user.
SMALL_VOLUME = """
volumes:
  localstack:
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=24m,uid=50000,gid=0,mode=0770"}
"""


@pytest.fixture(scope="module")
def full_lab(new_lab: Callable[[str], ComposeLab]) -> Iterator[ComposeLab]:
    lab = new_lab("lab-full")
    (lab.folder / "docker-compose.override.yml").write_text(SMALL_VOLUME)
    lab.done("up", "--detach", "--wait", "localstack")
    yield lab
    lab.down()


def test_what_does_not_fit_is_refused_and_the_rest_stays(full_lab: ComposeLab) -> None:
    buckets.prepare(full_lab.settings)
    s3, bucket = aws.s3_client(full_lab.settings), full_lab.settings.bucket
    s3.put_object(Bucket=bucket, Key="small", Body=b"kept")
    with pytest.raises(ClientError, match="No space left on device"):
        s3.put_object(Bucket=bucket, Key="large", Body=bytes(26 * MEGABYTE))
    assert s3.get_object(Bucket=bucket, Key="small")["Body"].read() == b"kept"
    # Once there is room, all goes on as before.
    s3.put_object(Bucket=bucket, Key="another", Body=bytes(MEGABYTE))
    there = {found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert there >= {"another", "small"}
    assert "large" not in there
    assert full_lab.states() == {"localstack": "healthy"}


def test_a_query_whose_result_does_not_fit_says_so(full_lab: ComposeLab) -> None:
    athena, bucket = aws.athena_client(full_lab.settings), full_lab.settings.bucket
    query = athena.start_query_execution(
        QueryString=LARGE_RESULT, ResultConfiguration={"OutputLocation": f"s3://{bucket}/results/"}
    )["QueryExecutionId"]
    status = wait_for(
        "the query to end",
        lambda: athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"],
        lambda status: status["State"] not in {"QUEUED", "RUNNING"},
    )
    assert status["State"] == "FAILED"
    assert "No space left on device" in status["StateChangeReason"]
