"""Athena operators that the provider lacks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.links.athena import AthenaQueryResultsLink
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import ResumableJobMixin
from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow.sdk import Context
    from pydantic import JsonValue


class AthenaCreateTableAsOperator(ResumableJobMixin, AthenaOperator):
    """Run CREATE TABLE AS so that a second try succeeds wherever the first one stopped.

    A try that is cut off, by the loss of its worker, its connection or Athena itself, can leave behind a query that
    still runs, a table, or objects in its location; Athena removes none of them and does not write over them. A later
    try therefore waits for the query if it still runs, or else drops the table, empties the location and starts anew.

    :param drop_query: DROP TABLE IF EXISTS of the table that `query` creates. (templated)
    :param bucket: bucket of the `external_location` in `query`. (templated)
    :param prefix: prefix of the `external_location` in `query`, with a slash at the end. (templated)
    """

    template_fields: Sequence[str] = (*AthenaOperator.template_fields, "drop_query", "bucket", "prefix")
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "sql", "drop_query": "sql"}
    external_id_key = "query_execution_id"

    def __init__(self, *, drop_query: str, bucket: str, prefix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drop_query = drop_query
        self.bucket = bucket
        self.prefix = prefix

    def execute(self, context: "Context") -> str | None:
        """Create the table and return the id of the query that did."""
        self.execute_resumable(context)
        return self.query_execution_id

    def submit_job(self, context: "Context") -> str:
        """Start the query, on a later try on cleared ground."""
        if context["ti"].try_number > 1:
            self._wait_for(self._start(self.drop_query))
            objects = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, verify=self.verify)
            objects.delete_objects(self.bucket, objects.list_keys(self.bucket, prefix=self.prefix))
        self.query_execution_id = self._start(self.query)
        AthenaQueryResultsLink.persist(
            context=context,
            operator=self,
            region_name=self.hook.conn_region_name,
            aws_partition=self.hook.conn_partition,
            query_execution_id=self.query_execution_id,
        )
        return self.query_execution_id

    def get_job_status(self, external_id: "JsonValue", context: "Context") -> str:  # noqa: ARG002 - the mixin's signature
        """Ask for the state of the query that an earlier try started."""
        return str(self.hook.check_query_status(str(external_id)))

    def is_job_active(self, status: str) -> bool:
        """Tell whether it can be waited for."""
        return status in AthenaHook.INTERMEDIATE_STATES

    def is_job_succeeded(self, status: str) -> bool:  # noqa: ARG002 - the mixin's signature
        """Answer no: when a person clears a finished task, its earlier query succeeded too, and must run again."""
        return False

    def poll_until_complete(self, external_id: "JsonValue", context: "Context") -> None:  # noqa: ARG002
        """Wait for the query, remembering it for `on_kill`."""
        self.query_execution_id = str(external_id)
        self._wait_for(self.query_execution_id)

    def get_job_result(self, external_id: "JsonValue", context: "Context") -> str:  # noqa: ARG002
        """Return the query's id."""
        return str(external_id)

    def _start(self, sql: str) -> str:
        return self.hook.run_query(
            sql,
            {"Catalog": self.catalog} | ({"Database": self.database} if self.database else {}),
            {"OutputLocation": self.output_location} if self.output_location else {},
            workgroup=self.workgroup,
        )

    def _wait_for(self, query_execution_id: str) -> None:
        state = self.hook.poll_query_status(query_execution_id, self.max_polling_attempts, self.sleep_time)
        if state not in AthenaHook.SUCCESS_STATES:
            reason = self.hook.get_state_change_reason(query_execution_id)
            raise AirflowException(f"Athena query {query_execution_id} ended as {state}: {reason}")
