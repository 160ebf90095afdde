"""Athena's API operations: validation, workgroups, states; no SQL."""

import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws.api import CommonServiceException, RequestContext, handler
from localstack.aws.connect import connect_to
from moto.athena.models import athena_backends

from localstack_athena import pages, parser, persistence, table_metadata
from localstack_athena.catalog import Catalog
from localstack_athena.engine import Cancellation, Engine
from localstack_athena.errors import QueryCancelledError, QueryFailedError
from localstack_athena.executions import TERMINAL, Execution
from localstack_athena.runner import Run, milliseconds_since
from localstack_athena.statements import CreateTableAs, HiveStatement, Statement
from localstack_athena.storage import S3Location, Storage, empty_folder

Request = dict[str, Any]
Response = dict[str, Any]

LOG = logging.getLogger(__name__)

_CONCURRENT_QUERIES = 4
_STATE_WAIT_SECONDS = 0.03
_MAX_SQL_BYTES = 262_144


@dataclass
class _Running:
    """A query on its way; its statement is an error when the text is none."""

    execution: Execution
    statement: Statement | QueryFailedError
    cancellation: Cancellation
    queued_at: float


class AthenaProvider:
    """Athena: queries run in threads of LocalStack's process; everything else about Athena is moto's."""

    service = "athena"
    version = "2017-05-18"

    def __init__(self) -> None:
        self._executions: MutableMapping[str, Execution] = persistence.mapping("athena.executions")
        self._tokens: MutableMapping[str, str] = persistence.mapping("athena.client_request_tokens")
        self._running: dict[str, _Running] = {}
        self._changing = threading.Lock()
        self._engine = Engine()
        self._pool = ThreadPoolExecutor(_CONCURRENT_QUERIES, thread_name_prefix="athena-query")
        self._folder = _work_folder()
        self._end_what_a_crash_left()
        self._pool.submit(self._engine.prepare)

    def _end_what_a_crash_left(self) -> None:
        error = QueryFailedError("GENERIC_INTERNAL_ERROR", "LocalStack stopped while the query ran; run it again")
        for execution in list(self._executions.values()):
            if execution.state not in TERMINAL:
                self._executions[execution.id] = execution.failed(error)

    @handler("StartQueryExecution", expand=False)
    def start_query_execution(self, context: RequestContext, request: Request) -> Response:
        """Accept a query; whatever is wrong with its SQL ends it in FAILED, as with Athena."""
        sql = request["QueryString"]
        if not sql.strip() or len(sql.encode()) > _MAX_SQL_BYTES:
            raise invalid_request(f"QueryString must have 1 to {_MAX_SQL_BYTES} bytes")
        token = self._token_key(context, request)
        with self._changing:
            if token and (known := self._executions.get(self._tokens.get(token, ""))):
                if known.sql != sql:
                    raise invalid_request("Idempotent parameters do not match")
                return {"QueryExecutionId": known.id}
            running = self._accept(context, request)
            id_ = running.execution.id
            self._executions[id_] = running.execution
            self._running[id_] = running
            if token:
                self._tokens[token] = id_
        self._pool.submit(self._run, running)
        return {"QueryExecutionId": id_}

    def _token_key(self, context: RequestContext, request: Request) -> str:
        token = request.get("ClientRequestToken")
        return f"{context.account_id}/{context.region}/{token}" if token else ""

    def _accept(self, context: RequestContext, request: Request) -> _Running:
        workgroup = request.get("WorkGroup") or "primary"
        output = _output_location(context, request, workgroup)
        query_context = request.get("QueryExecutionContext", {})
        database = query_context.get("Database", "default").lower()
        parameters = tuple(request.get("ExecutionParameters") or ())
        try:
            statement: Statement | QueryFailedError = parser.parse(request["QueryString"], database, list(parameters))
        except QueryFailedError as error:
            statement = error
        id_ = str(uuid.uuid4())
        execution = Execution(
            id=id_,
            sql=request["QueryString"],
            account=context.account_id,
            region=context.region,
            workgroup=workgroup,
            database=database,
            parameters=parameters,
            output=S3Location(output.bucket, output.key + _result_name(id_, statement)),
            statement_type=getattr(statement, "statement_type", "DML"),
            substatement_type=getattr(statement, "substatement_type", "SELECT"),
            submitted=datetime.now(UTC),
        )
        return _Running(execution, statement, Cancellation(), time.perf_counter())

    def _run(self, running: _Running) -> None:
        """Take a query to its end, in a thread of its own."""
        queued = milliseconds_since(running.queued_at)
        execution = running.execution = replace(running.execution, state="RUNNING")
        clients = connect_to(aws_access_key_id=execution.account, region_name=execution.region)
        run = Run(
            execution,
            self._engine,
            Catalog(clients.glue),
            Storage(clients.s3, self._folder / "cache"),
            self._folder / "queries" / execution.id,
            running.cancellation,
        )
        ended = _end(run, running)
        statistics = replace(run.statistics, queue=queued, total=milliseconds_since(running.queued_at))
        self._executions[execution.id] = replace(ended, statistics=statistics)
        del self._running[execution.id]
        running.cancellation.finish()
        self._engine.prepare()

    @handler("StopQueryExecution", expand=False)
    def stop_query_execution(self, context: RequestContext, request: Request) -> Response:
        """Ask a query to stop; one that has ended stays as it is."""
        execution = self._execution(context, request["QueryExecutionId"])
        if running := self._running.get(execution.id):
            running.cancellation.request()
        return {}

    @handler("GetQueryExecution", expand=False)
    def get_query_execution(self, context: RequestContext, request: Request) -> Response:
        """One query's state and facts; of one on its way, told at its end if that comes within the wait.

        A client that asks without a pause would otherwise take from the query the processor time that it needs.
        """
        if running := self._running.get(request["QueryExecutionId"]):
            running.cancellation.finished_within(_STATE_WAIT_SECONDS)
        return {"QueryExecution": self._execution(context, request["QueryExecutionId"]).to_api()}

    @handler("BatchGetQueryExecution", expand=False)
    def batch_get_query_execution(self, context: RequestContext, request: Request) -> Response:
        """Several queries' states; those not known are listed apart."""
        found, missing = [], []
        for id_ in request["QueryExecutionIds"]:
            try:
                found.append(self._execution(context, id_).to_api())
            except CommonServiceException as error:
                missing.append({"QueryExecutionId": id_, "ErrorCode": error.code, "ErrorMessage": error.message})
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    @handler("ListQueryExecutions", expand=False)
    def list_query_executions(self, context: RequestContext, request: Request) -> Response:
        """A workgroup's queries, the newest first, a page at a time."""
        workgroup = request.get("WorkGroup") or "primary"
        ids = [
            execution.id
            for execution in reversed(list(self._executions.values()))
            if (execution.account, execution.region, execution.workgroup)
            == (context.account_id, context.region, workgroup)
        ]
        try:
            page, token = pages.slice_page(ids, request.get("NextToken"), request.get("MaxResults") or 50)
        except ValueError as error:
            raise invalid_request(str(error)) from error
        return {"QueryExecutionIds": page, **({"NextToken": token} if token else {})}

    @handler("GetQueryResults", expand=False)
    def get_query_results(self, context: RequestContext, request: Request) -> Response:
        """A page of a query's rows, read from its result file."""
        execution = self._execution(context, request["QueryExecutionId"])
        if execution.state in ("QUEUED", "RUNNING"):
            raise invalid_request(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise invalid_request(f"Query did not finish successfully. Final query state: {execution.state}")
        s3 = connect_to(aws_access_key_id=execution.account, region_name=execution.region).s3
        try:
            return pages.result_page(execution, s3, request.get("NextToken"), request.get("MaxResults") or 1000)
        except ClientError as error:
            raise invalid_request(
                f"Could not find results: {error.response['Error']['Message']} ({execution.output})"
            ) from error
        except ValueError as error:
            raise invalid_request(str(error)) from error

    @handler("GetQueryRuntimeStatistics", expand=False)
    def get_query_runtime_statistics(self, context: RequestContext, request: Request) -> Response:
        """The times and sizes of a query."""
        statistics = self._execution(context, request["QueryExecutionId"]).statistics
        timeline = statistics.to_api()
        scanned = timeline.pop("DataScannedInBytes")
        times = {name: value for name, value in timeline.items() if name.endswith("InMillis")}
        return {"QueryRuntimeStatistics": {"Timeline": times, "Rows": {"InputBytes": scanned}}}

    @handler("GetDatabase", expand=False)
    def get_database(self, context: RequestContext, request: Request) -> Response:
        """A database of the Glue catalog."""
        return _metadata(context, table_metadata.get_database, request)

    @handler("ListDatabases", expand=False)
    def list_databases(self, context: RequestContext, request: Request) -> Response:
        """The databases of the Glue catalog."""
        return _metadata(context, table_metadata.list_databases, request)

    @handler("GetTableMetadata", expand=False)
    def get_table_metadata(self, context: RequestContext, request: Request) -> Response:
        """A table of the Glue catalog."""
        return _metadata(context, table_metadata.get_table, request)

    @handler("ListTableMetadata", expand=False)
    def list_table_metadata(self, context: RequestContext, request: Request) -> Response:
        """The tables of a database of the Glue catalog."""
        return _metadata(context, table_metadata.list_tables, request)

    def _execution(self, context: RequestContext, id_: str) -> Execution:
        running = self._running.get(id_)
        execution = running.execution if running else self._executions.get(id_)
        if execution is None or (execution.account, execution.region) != (context.account_id, context.region):
            raise invalid_request(f"QueryExecution {id_} was not found")
        return execution


def _end(run: Run, running: _Running) -> Execution:
    """The execution as it ends, whichever way."""
    execution = running.execution
    if isinstance(running.statement, QueryFailedError):
        return execution.failed(running.statement)
    try:
        running.cancellation.check()
        return execution.succeeded(*run.carry_out(running.statement))
    except QueryCancelledError:
        return execution.cancelled()
    except QueryFailedError as error:
        return execution.failed(error)
    except Exception as error:  # a query that raised what nobody foresaw must end as well
        LOG.exception("Athena query %s", execution.id)
        return execution.failed(QueryFailedError("GENERIC_INTERNAL_ERROR", f"{type(error).__name__}: {error}"))


def invalid_request(message: str) -> CommonServiceException:
    """Athena's answer to a request that makes no sense."""
    return CommonServiceException("InvalidRequestException", message)


def _metadata(context: RequestContext, read: Callable[[Any, Request], Response], request: Request) -> Response:
    glue = connect_to(aws_access_key_id=context.account_id, region_name=context.region).glue
    try:
        return read(glue, request)
    except glue.exceptions.EntityNotFoundException as error:
        raise CommonServiceException("MetadataException", error.response["Error"]["Message"]) from error


def _result_name(id_: str, statement: Statement | QueryFailedError) -> str:
    if isinstance(statement, CreateTableAs):
        return f"tables/{id_}"
    return f"{id_}.txt" if isinstance(statement, HiveStatement) else f"{id_}.csv"


def _output_location(context: RequestContext, request: Request, workgroup: str) -> S3Location:
    """Where the result goes: the request's word, unless the workgroup enforces its own or the request has none."""
    found = athena_backends[context.account_id][context.region].get_work_group(workgroup)
    if not found:
        raise invalid_request(f"WorkGroup {workgroup} is not found.")
    configuration = found["Configuration"]
    theirs = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    asked = request.get("ResultConfiguration", {}).get("OutputLocation")
    location = theirs if configuration.get("EnforceWorkGroupConfiguration") and theirs else asked or theirs
    if not location:
        raise invalid_request(
            "No output location provided. An output location is required either through the Workgroup result"
            " configuration setting or as an API input."
        )
    try:
        return S3Location.folder(location)
    except QueryFailedError as error:
        raise invalid_request(f"outputLocation is not a valid S3 path: {location}") from error


def _work_folder() -> Path:
    """Where copies of S3 objects and the files of running queries lie; emptied at every start."""
    state = os.environ.get(persistence.STATE_DIR)
    folder = Path(state) / "athena-work" if state else Path(tempfile.mkdtemp(prefix="localstack-athena-"))
    empty_folder(folder)
    empty_folder(folder / "cache")
    empty_folder(folder / "queries")
    return folder
