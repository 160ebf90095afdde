"""Pages: lists and result files given out a piece at a time."""

from itertools import islice
from typing import Any, TypeVar

from localstack_athena import results
from localstack_athena.executions import Execution
from localstack_athena.statements import CreateTableAs

Item = TypeVar("Item")


def slice_page(items: list[Item], token: str | None, size: int) -> tuple[list[Item], str | None]:
    """The page that starts at `token`, and the next one's token or None.

    Raises:
        ValueError: the token is none of ours.
    """
    start = _offset(token)
    return items[start : start + size], str(start + size) if start + size < len(items) else None


def result_page(execution: Execution, s3: Any, token: str | None, size: int) -> dict[str, Any]:
    """A page of GetQueryResults: rows of the result file, the first of a SELECT being the column names.

    Raises:
        ClientError: the result file cannot be read.
        ValueError: the token is none of ours.
    """
    start = _offset(token)
    rows: list[list[str | None]] = []
    following = False
    if execution.substatement_type != CreateTableAs.substatement_type:
        text = s3.get_object(Bucket=execution.output.bucket, Key=execution.output.key)["Body"].read().decode()
        every_row = (
            results.read_csv(text)
            if execution.statement_type == "DML"
            else results.read_text(text, len(execution.columns))
        )
        rows = list(islice(every_row, start, start + size + 1))
        following = len(rows) > size
    page: dict[str, Any] = {
        "ResultSet": {
            "Rows": [
                {"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows[:size]
            ],
            "ResultSetMetadata": {"ColumnInfo": [column.to_column_info() for column in execution.columns]},
        }
    }
    if following:
        page["NextToken"] = str(start + size)
    if execution.update_count is not None:
        page["UpdateCount"] = execution.update_count
    return page


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise ValueError(f"Invalid NextToken: {token}")
    return int(token)
