"""Orders, from a CSV file to a datamart on Athena.

Every day, and whenever somebody triggers it, this DAG reads the shop's export of orders as a whole and builds two
tables of `pt_data_lab` anew: `orders_summary`, orders and revenue in US dollars by month and status, and
`customer_orders`, the orders themselves, for the ML team. Running it twice gives the same tables as running it once.

| step | what happens |
|---|---|
| `upload_csv_to_s3` | the export, in a form that Athena reads without loss, goes to `raw-data/orders.csv` |
| `ensure_glue_db`, `create_external_raw_orders` | the Glue database, and the table `raw_orders` over `raw-data/` |
| `check_raw_orders` | every row is judged; the run **fails if more than 10 % are rejected**, and says why |
| `drop_orders_summary_if_exists`, `clear_output_prefix` | the last run's table and files make room |
| `ctas_orders_summary` | Parquet with Snappy, partitioned by `order_month`, under `processed-data/orders_summary/` |
| the same for `customer_orders` | beside it; Parquet with Snappy under `processed-data/customer_orders/` |
| `check_customer_orders` | every accepted order is in the table exactly once; no NULL |
| `check_orders_summary` | the same of the summary; no unknown status. Then the asset `orders_summary` is updated |
| `report_orders_summary` | rows and bytes of each partition go to the metrics, and the time of this success |

The raw check stands before the drops: a bad export leaves yesterday's tables as they were. The asset is updated when
both tables are right: whoever waits for it may read both.

**Rejected rows** are counted in the log and the result of `check_raw_orders`, each under the first reason that holds:
`missing_order_id`, `bad_timestamp` (not `YYYY-MM-DD HH:MM:SS`), `bad_amount` (empty, negative, or not a plain number
with at most two decimals), `bad_status`, `bad_currency` (neither USD nor BRL), `duplicate_order_id` (not the earliest
of the good rows with this id). Case, and blanks around a value, do not matter.

**Settings.** The file: the run's parameter `orders_csv`, else the Airflow variable `orders_csv`. The bucket, which must
exist: the variable `data_lab_bucket`. Connections: `aws_default`, and `athena_default` for the checks. A failed task is
reported to the variable `alert_email` through `smtp_default`, and to Slack through `slack_webhook`.
"""

import logging
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.s3 import S3DeleteObjectsOperator
from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    CronTriggerTimetable,
    Param,
    TaskGroup,
    chain,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException
from common import metrics
from common.athena import AthenaCreateTableAsOperator
from common.canonical_csv import UnusableCsvError, write_canonical_csv
from common.notifications import notify_failure

DAG_ID = "orders_pipeline"
DATABASE = "pt_data_lab"
BUCKET = "{{ var.value.data_lab_bucket }}"
RAW_PREFIX = "raw-data/"
RAW_KEY = f"{RAW_PREFIX}orders.csv"
SUMMARY_PREFIX = "processed-data/orders_summary/"
CUSTOMER_ORDERS_PREFIX = "processed-data/customer_orders/"
QUERY_RESULTS = f"s3://{BUCKET}/athena-staging/"
SQL = "sql/orders_pipeline"

COLUMNS = ("order_id", "customer_id", "order_timestamp", "status", "amount", "currency")
REJECTIONS = (
    "missing_order_id",
    "bad_timestamp",
    "bad_amount",
    "bad_status",
    "bad_currency",
    "duplicate_order_id",
)
MAX_REJECTED_SHARE = 0.10

ORDERS_SUMMARY = Asset("orders_summary")

log = logging.getLogger(__name__)


@task
def upload_csv_to_s3(source: str, bucket: str) -> dict[str, int]:
    """Write the export to S3 in canonical form: column order, byte-order mark, line ends and quotes do not matter.

    Fails at once, without another try, when the bucket or the file is not there or the file cannot be used.
    """
    if not source:
        raise AirflowFailException(
            "No file to load: set the run's parameter orders_csv or the Airflow variable orders_csv to its path."
        )
    s3 = S3Hook()
    if not s3.check_for_bucket(bucket):
        raise AirflowFailException(
            f"There is no bucket {bucket}, or it may not be read. Create it, or set the Airflow variable "
            "data_lab_bucket to the name of another."
        )
    with TemporaryDirectory() as folder:
        canonical = Path(folder) / "orders.csv"
        try:
            written = write_canonical_csv(Path(source), canonical, COLUMNS)
        except UnusableCsvError as error:
            raise AirflowFailException(str(error)) from error
        s3.load_file(canonical, RAW_KEY, bucket, replace=True)
    metrics.send_rows(DAG_ID, "raw", read=written.rows)
    log.info("%d rows of %s are in s3://%s/%s.", written.rows, source, bucket, RAW_KEY)
    if written.ignored_columns:
        log.info("Left out, not being columns of an order: %s.", ", ".join(written.ignored_columns))
    return {"rows": written.rows}


@task(templates_exts=[".sql"])
def check_raw_orders(sql: str, uploaded: dict[str, int]) -> dict[str, Any]:
    """Judge every row of `raw_orders`; count the rejected ones by reason and fail if they are more than 10 %.

    Also fails if the table does not hold as many rows as the uploaded file. Another try would find the same.
    """
    from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook

    outcomes: dict[str, int] = dict(AthenaSQLHook().get_records(sql))
    rows, accepted = sum(outcomes.values()), outcomes.pop("accepted", 0)
    if rows != uploaded["rows"]:
        metrics.send_quality_check(DAG_ID, "raw_orders", passed=False)
        raise AirflowFailException(
            f"raw_orders has {rows} rows, the uploaded file {uploaded['rows']}. Look for other objects under "
            f"{RAW_PREFIX} in the bucket; or drop the table raw_orders if it was made over another bucket."
        )
    share = (rows - accepted) / rows
    metrics.send_rows(DAG_ID, "raw", accepted=accepted, rejected=rows - accepted)
    metrics.send_rejected_rows(DAG_ID, dict.fromkeys(REJECTIONS, 0) | outcomes)
    metrics.send_quality_check(DAG_ID, "raw_orders", passed=share <= MAX_REJECTED_SHARE)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(outcomes.items())) or "none"
    report = f"raw_orders has {rows} rows: {accepted} accepted, {rows - accepted} ({share:.1%}) rejected: {reasons}."
    if share > MAX_REJECTED_SHARE:
        raise AirflowFailException(
            f"{report} At most {MAX_REJECTED_SHARE:.0%} may be rejected. Correct the export and run the DAG again; "
            "until then orders_summary and customer_orders stay those of the last good run."
        )
    log.info(report)
    return {"rows": rows, "accepted": accepted, "rejected": outcomes}


class CustomerOrdersCheck(NamedTuple):
    """The one row of check_customer_orders.sql, column by column."""

    orders: int
    rows_repeated: int
    rows_with_null: int


@task(templates_exts=[".sql"])
def check_customer_orders(sql: str, raw: dict[str, Any]) -> dict[str, int]:
    """Hold `customer_orders` against the accepted rows, and look for NULL and repeated orders.

    All findings are in one message. Another try would find the same.
    """
    from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook

    found = CustomerOrdersCheck(*AthenaSQLHook().get_first(sql))
    faults = _faulty_rows(found)
    if found.orders != raw["accepted"]:
        faults.append(f"it has {found.orders} orders, not the {raw['accepted']} accepted rows of raw_orders")
    facts = {"orders": found.orders}
    _conclude("customer_orders", facts, faults)
    return facts


class SummaryCheck(NamedTuple):
    """The one row of check_orders_summary.sql, column by column."""

    summary_rows: int
    partitions: int
    orders: int
    rows_repeated: int
    rows_with_null: int
    rows_with_unknown_status: int
    rows_with_impossible_figures: int


@task(templates_exts=[".sql"], outlets=[ORDERS_SUMMARY])
def check_orders_summary(sql: str, raw: dict[str, Any]) -> dict[str, int]:
    """Hold `orders_summary` against the accepted rows, and look for NULL, repeated rows and impossible figures.

    All findings are in one message. Another try would find the same.
    """
    from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook

    found = SummaryCheck(*AthenaSQLHook().get_first(sql))
    faults = _faulty_rows(found)
    if found.orders != raw["accepted"]:
        faults.append(
            f"total_orders add up to {found.orders}, not to the {raw['accepted']} accepted rows of raw_orders"
        )
    facts = {"rows": found.summary_rows, "partitions": found.partitions, "orders": found.orders}
    metrics.send_rows(DAG_ID, "summary", written=found.summary_rows)
    _conclude("orders_summary", facts, faults)
    get_current_context()["outlet_events"][ORDERS_SUMMARY].extra = dict(facts)
    return facts


def _faulty_rows(found: CustomerOrdersCheck | SummaryCheck) -> list[str]:
    return [f"{count} {name}" for name, count in found._asdict().items() if name.startswith("rows_") and count]


def _conclude(table: str, facts: dict[str, int], faults: list[str]) -> None:
    metrics.send_quality_check(DAG_ID, table, passed=not faults)
    if faults:
        raise AirflowFailException(f"{table} is wrong ({facts}): {'; '.join(faults)}.")
    log.info("%s is right: %s.", table, facts)


@task(templates_exts=[".sql"])
def report_orders_summary(sql: str, bucket: str) -> dict[str, dict[str, int]]:
    """Send each partition's rows and bytes to the metrics, and the time at which the datamart was last right."""
    from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook

    rows: dict[str, int] = dict(AthenaSQLHook().get_records(sql))
    sizes = dict.fromkeys(rows, 0)
    for found in S3Hook().iter_file_metadata(prefix=SUMMARY_PREFIX, bucket_name=bucket):
        folder, _, _ = found["Key"].removeprefix(SUMMARY_PREFIX).partition("/")
        sizes[folder.removeprefix("order_month=")] += found["Size"]
    for partition, size in sizes.items():
        metrics.send_partition(DAG_ID, "orders_summary", partition, rows=rows[partition], size=size)
    metrics.send_datamart_success("orders_summary")
    return {partition: {"rows": rows[partition], "bytes": size} for partition, size in sizes.items()}


def _build(table: str, prefix: str, clear_task_id: str) -> list[BaseOperator]:
    """Return the tasks, in order, that put a new table in the place of the last run's."""
    drop_query = f"DROP TABLE IF EXISTS {DATABASE}.{table}"
    drop = AthenaOperator(
        task_id=f"drop_{table}_if_exists",
        query=drop_query,
        doc_md="Take the last run's table out of the catalog. Its files stay: the next task deletes them.",
    )
    clear = S3DeleteObjectsOperator(
        task_id=clear_task_id,
        bucket=BUCKET,
        prefix=prefix,
        doc_md=f"Delete everything under `{prefix}`: Athena creates a table only where nothing is.",
    )
    create = AthenaCreateTableAsOperator(
        task_id=f"ctas_{table}",
        query=f"{SQL}/ctas_{table}.sql",
        drop_query=drop_query,
        bucket=BUCKET,
        prefix=prefix,
        doc_md=f"Make the table `{table}` of the accepted orders, in US dollars, as Parquet under `{prefix}`.",
    )
    return [drop, clear, create]


with DAG(
    dag_id=DAG_ID,
    description="Orders, from a CSV file to a Parquet datamart on Athena",
    doc_md=__doc__,
    # With a start date, switching the DAG on would start the run of last midnight, over the result of a run by hand.
    # The minutes are for the scheduler, which looks a little after midnight.
    schedule=CronTriggerTimetable("@daily", timezone="UTC", run_immediately=timedelta(minutes=10)),
    start_date=None,
    catchup=False,
    max_active_runs=1,
    tags=["athena", "datamart", "orders"],
    params={
        "orders_csv": Param(
            None,
            type=["null", "string"],
            title="CSV file of orders",
            description="Path on the worker; empty for the file that the Airflow variable orders_csv names.",
        )
    },
    user_defined_macros={
        "database": DATABASE,
        "raw_prefix": RAW_PREFIX,
        "summary_prefix": SUMMARY_PREFIX,
        "customer_orders_prefix": CUSTOMER_ORDERS_PREFIX,
    },
    default_args={
        "owner": "data-engineering",
        # Waits of 5, 10, 20 and 40 s or up to twice that: AWS, or LocalStack, may be away for a minute.
        "retries": 4,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(minutes=30),
        "on_failure_callback": notify_failure,
        # of every AthenaOperator
        "output_location": QUERY_RESULTS,
        "sleep_time": 1,
    },
) as dag:
    uploaded = upload_csv_to_s3("{{ params.orders_csv or var.value.get('orders_csv', '') }}", BUCKET)

    ensure_glue_db = AthenaOperator(
        task_id="ensure_glue_db",
        query=f"{SQL}/ensure_glue_db.sql",
        doc_md=f"Create the Glue database `{DATABASE}` unless it exists.",
    )
    create_external_raw_orders = AthenaOperator(
        task_id="create_external_raw_orders",
        query=f"{SQL}/create_external_raw_orders.sql",
        doc_md=f"Lay the table `raw_orders`, all text, over `{RAW_PREFIX}` unless it exists.",
    )
    # To mypy a result of another task is an XComArg; the task gets the value.
    raw = check_raw_orders(f"{SQL}/check_raw_orders.sql", uploaded)  # type: ignore[arg-type]

    with TaskGroup("customer_orders", prefix_group_id=False):
        build_customer_orders = _build("customer_orders", CUSTOMER_ORDERS_PREFIX, "clear_customer_orders_prefix")
        customer_orders = check_customer_orders(f"{SQL}/check_customer_orders.sql", raw)  # type: ignore[arg-type]

    with TaskGroup("orders_summary", prefix_group_id=False):
        build_summary = _build("orders_summary", SUMMARY_PREFIX, "clear_output_prefix")
        summary = check_orders_summary(f"{SQL}/check_orders_summary.sql", raw)  # type: ignore[arg-type]
        report = report_orders_summary(f"{SQL}/summary_partitions.sql", BUCKET)

    chain(uploaded, ensure_glue_db, create_external_raw_orders, raw)
    chain(raw, *build_customer_orders, customer_orders, summary)
    chain(raw, *build_summary, summary, report)
