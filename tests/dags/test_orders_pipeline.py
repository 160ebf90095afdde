"""orders_pipeline: its shape, and what its checks say. Its runs by a real scheduler are in tests/e2e."""

from itertools import pairwise
from typing import Any

import orders_pipeline
import pendulum
import pytest
from airflow.providers.amazon.aws.hooks import athena_sql
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction

SUMMARY_ROW = [
    "upload_csv_to_s3",
    "ensure_glue_db",
    "create_external_raw_orders",
    "check_raw_orders",
    "drop_orders_summary_if_exists",
    "clear_output_prefix",
    "ctas_orders_summary",
    "check_orders_summary",
    "report_orders_summary",
]
CUSTOMER_ORDERS_ROW = [
    "check_raw_orders",
    "drop_customer_orders_if_exists",
    "clear_customer_orders_prefix",
    "ctas_customer_orders",
    "check_customer_orders",
    # It updates the asset, for which both tables have to be right.
    "check_orders_summary",
]


@pytest.mark.parametrize("row", [SUMMARY_ROW, CUSTOMER_ORDERS_ROW])
def test_the_tasks_of_a_table_stand_in_one_row(row: list[str]) -> None:
    dag = orders_pipeline.dag
    assert set(dag.task_ids) == {*SUMMARY_ROW, *CUSTOMER_ORDERS_ROW}
    for before, after in pairwise(row):
        assert before in dag.get_task(after).upstream_task_ids


def test_it_runs_daily_one_run_at_a_time_and_announces_the_datamart() -> None:
    dag = orders_pipeline.dag
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.summary == "0 0 * * *"
    assert dag.max_active_runs == 1
    assert {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets} == {
        "check_orders_summary": ["orders_summary"]
    }


@pytest.mark.parametrize(
    ("now", "first_run"),
    [
        ("2026-03-01 15:00", "2026-03-02"),
        ("2026-03-01 00:11", "2026-03-02"),
        # The scheduler, which looks a little after midnight, must find the run due.
        ("2026-03-01 00:00:05", "2026-03-01"),
    ],
)
def test_switching_it_on_starts_no_run_of_the_past(monkeypatch: pytest.MonkeyPatch, now: str, first_run: str) -> None:
    monkeypatch.setattr(trigger, "utcnow", lambda: pendulum.parse(now))
    dag = DagSerialization.from_dict(DagSerialization.to_dict(orders_pipeline.dag))
    assert dag.start_date is None
    run = dag.timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=dag.catchup)
    )
    assert run is not None
    assert run.run_after == pendulum.parse(first_run)


@pytest.fixture
def athena_answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the checks read instead of a query's result."""
    answers: dict[str, Any] = {}

    class Hook:
        get_records = get_first = staticmethod(answers.__getitem__)

    monkeypatch.setattr(athena_sql, "AthenaSQLHook", Hook)
    return answers


@pytest.mark.parametrize(
    ("outcomes", "uploaded", "failure"),
    [
        ({"accepted": 100}, 100, None),
        ({"accepted": 90, "bad_amount": 4, "bad_status": 6}, 100, None),
        (
            {"accepted": 89, "bad_status": 6, "bad_amount": 5},
            100,
            "raw_orders has 100 rows: 89 accepted, 11 (11.0%) rejected: 5 bad_amount, 6 bad_status. At most 10% may",
        ),
        ({"bad_status": 1}, 1, "raw_orders has 1 rows: 0 accepted, 1 (100.0%) rejected: 1 bad_status. "),
        (
            {"accepted": 99},
            100,
            "raw_orders has 99 rows, the uploaded file 100. Look for other objects under raw-data/",
        ),
        ({"accepted": 101}, 100, "raw_orders has 101 rows, the uploaded file 100. "),
        ({}, 100, "raw_orders has 0 rows, the uploaded file 100. "),
    ],
)
def test_the_raw_check_counts_what_it_rejects_and_fails_above_a_tenth(
    athena_answers: dict[str, Any],
    outcomes: dict[str, int],
    uploaded: int,
    failure: str | None,
) -> None:
    athena_answers["count outcomes"] = list(outcomes.items())
    check = orders_pipeline.check_raw_orders.function
    if failure is None:
        rejected = {reason: count for reason, count in outcomes.items() if reason != "accepted"}
        expected = {"rows": uploaded, "accepted": outcomes["accepted"], "rejected": rejected}
        assert check("count outcomes", {"rows": uploaded}) == expected
    else:
        # AirflowFailException is what Airflow does not retry.
        with pytest.raises(AirflowFailException) as raised:
            check("count outcomes", {"rows": uploaded})
        assert str(raised.value).startswith(failure)


@pytest.mark.parametrize(
    ("columns", "failure"),
    [
        ({}, None),
        ({"orders": 999}, "total_orders add up to 999, not to the 1000 accepted rows of raw_orders."),
        ({"rows_with_null": 2, "rows_repeated": 1}, "1 rows_repeated; 2 rows_with_null."),
        ({"rows_with_unknown_status": 3, "orders": 1}, "3 rows_with_unknown_status; total_orders add up to 1, not"),
        ({"summary_rows": 0, "partitions": 0, "orders": 0}, "total_orders add up to 0, not to the 1000 accepted rows"),
    ],
)
def test_the_summary_check_names_every_fault(
    athena_answers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    columns: dict[str, int],
    failure: str | None,
) -> None:
    right = orders_pipeline.SummaryCheck(
        summary_rows=48,
        partitions=12,
        orders=1000,
        rows_repeated=0,
        rows_with_null=0,
        rows_with_unknown_status=0,
        rows_with_impossible_figures=0,
    )
    athena_answers["look at summary"] = tuple(right._replace(**columns))
    events = OutletEventAccessors()
    monkeypatch.setattr(orders_pipeline, "get_current_context", lambda: {"outlet_events": events})
    check = orders_pipeline.check_orders_summary.function
    if failure is None:
        facts = {"rows": 48, "partitions": 12, "orders": 1000}
        assert check("look at summary", {"accepted": 1000}) == facts
        assert events[orders_pipeline.ORDERS_SUMMARY].extra == facts
    else:
        with pytest.raises(AirflowFailException, match=r"^orders_summary is wrong") as raised:
            check("look at summary", {"accepted": 1000})
        assert f": {failure}" in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "failure"),
    [
        ({}, None),
        ({"orders": 999}, "it has 999 orders, not the 1000 accepted rows of raw_orders."),
        ({"rows_with_null": 2, "rows_repeated": 1}, "1 rows_repeated; 2 rows_with_null."),
        ({"rows_repeated": 1, "orders": 1001}, "1 rows_repeated; it has 1001 orders, not the 1000 accepted rows"),
    ],
)
def test_the_check_of_customer_orders_names_every_fault(
    athena_answers: dict[str, Any], columns: dict[str, int], failure: str | None
) -> None:
    right = orders_pipeline.CustomerOrdersCheck(orders=1000, rows_repeated=0, rows_with_null=0)
    athena_answers["look at orders"] = tuple(right._replace(**columns))
    check = orders_pipeline.check_customer_orders.function
    if failure is None:
        assert check("look at orders", {"accepted": 1000}) == {"orders": 1000}
    else:
        with pytest.raises(AirflowFailException, match=r"^customer_orders is wrong") as raised:
            check("look at orders", {"accepted": 1000})
        assert f": {failure}" in str(raised.value)


def test_a_run_without_a_file_says_how_to_name_one() -> None:
    upload = orders_pipeline.upload_csv_to_s3.function
    with pytest.raises(AirflowFailException, match="set the run's parameter orders_csv or the Airflow variable"):
        upload("", "a-bucket")
