"""Query executions: one query's way from QUEUED to its end, as GetQueryExecution tells it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from localstack_athena.errors import ErrorCategory, QueryFailedError
from localstack_athena.results import ResultColumn
from localstack_athena.storage import S3Location

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_ENGINE_VERSION = "Athena engine version 3"


@dataclass(frozen=True)
class Statistics:
    """Measured figures, times in milliseconds."""

    queue: int = 0
    planning: int = 0
    engine: int = 0
    publishing: int = 0
    total: int = 0
    scanned_bytes: int = 0
    manifest: str | None = None

    def to_api(self) -> dict[str, Any]:
        """The structure QueryExecutionStatistics."""
        return {
            "EngineExecutionTimeInMillis": self.engine,
            "DataScannedInBytes": self.scanned_bytes,
            "TotalExecutionTimeInMillis": self.total,
            "QueryQueueTimeInMillis": self.queue,
            "QueryPlanningTimeInMillis": self.planning,
            "ServiceProcessingTimeInMillis": self.publishing,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
            **({"DataManifestLocation": self.manifest} if self.manifest else {}),
        }


@dataclass(frozen=True)
class Execution:
    """A query execution; every step makes a new one."""

    id: str
    sql: str
    account: str
    region: str
    workgroup: str
    database: str
    parameters: tuple[str, ...]
    output: S3Location
    statement_type: str
    substatement_type: str
    submitted: datetime
    state: str = "QUEUED"
    completed: datetime | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None
    columns: tuple[ResultColumn, ...] = ()
    update_count: int | None = None
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def metadata(self) -> S3Location:
        """Where the .metadata file of the result lies: beside it, and named after it."""
        name = str(self.output.key)
        return S3Location(self.output.bucket, name if name.endswith(".metadata") else f"{name}.metadata")

    def failed(self, error: QueryFailedError) -> "Execution":
        """Ended in FAILED."""
        facts = {
            "ErrorCategory": int(error.category),
            "ErrorType": error.error_type,
            "Retryable": error.category is ErrorCategory.SYSTEM,
            "ErrorMessage": error.reason,
        }
        return self._ended("FAILED", reason=error.reason, error=facts)

    def cancelled(self) -> "Execution":
        """Ended in CANCELLED."""
        return self._ended("CANCELLED", reason="Query cancelled by user")

    def succeeded(self, columns: tuple[ResultColumn, ...], update_count: int | None) -> "Execution":
        """Ended in SUCCEEDED."""
        return self._ended("SUCCEEDED", columns=columns, update_count=update_count)

    def _ended(self, state: str, **facts: Any) -> "Execution":
        return replace(self, state=state, completed=datetime.now(UTC), **facts)

    def to_api(self) -> dict[str, Any]:
        """The structure QueryExecution."""
        status = {
            "State": self.state,
            "SubmissionDateTime": self.submitted,
            "CompletionDateTime": self.completed,
            "StateChangeReason": self.reason,
            "AthenaError": self.error,
        }
        return {
            "QueryExecutionId": self.id,
            "Query": self.sql,
            "StatementType": self.statement_type,
            "SubstatementType": self.substatement_type,
            "ResultConfiguration": {"OutputLocation": str(self.output)},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"},
            "Status": {name: value for name, value in status.items() if value is not None},
            "Statistics": self.statistics.to_api(),
            "WorkGroup": self.workgroup,
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": _ENGINE_VERSION},
            **({"ExecutionParameters": list(self.parameters)} if self.parameters else {}),
        }
