"""The addresses of jobs, guarded by a token that the scheduler has to show.

| request | answer |
|---|---|
| `PUT /jobs/PROJECT/ENVIRONMENT/RUN_ID/STAGE` | the job's state; it begins (201) unless it runs already (200) |
| `GET` the same, with `?from=N` | its state, and its log from line N on (of the first: 0) |
| `DELETE` the same | its state, once it has ended |

A state is `{"state": "running" | "succeeded" | "failed", "exit_code": …, "result": …, "log": […], "next": …}`: the exit
code is null as long as the job runs, the result the JSON of the command's last line or null, `next` the number from
which to ask on. A PUT after the end runs the command again, as a further command over SSH would. 401 is the answer to
another token, 404 to what there is not, 422 to what is no run id or number.
"""

import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi import Path as InPath
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from src.command import RUN_ID
from src.configuration import ENVIRONMENTS
from src.failures import ConfigurationWrong
from src.jobs.job import STAGES, Job, JobName, Jobs

bearer = HTTPBearer(auto_error=False, description="the first line of $MLOPS_JOBS_TOKEN_FILE")


RunId = Annotated[str, InPath(pattern=f"^(?:{RUN_ID.pattern})$")]


def create_router(jobs: Jobs, projects: Collection[str], token: str) -> APIRouter:
    """Return the routes of these projects' jobs for whoever shows the token."""

    def allow(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if shown is None or not secrets.compare_digest(shown.credentials.encode(), token.encode()):
            raise HTTPException(
                401, "Show the jobs' token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )

    def named(project: str, environment: str, run_id: RunId, stage: str) -> JobName:
        for what, value, known in (
            ("project", project, projects),
            ("environment", environment, ENVIRONMENTS),
            ("stage", stage, STAGES),
        ):
            if value not in known:
                raise HTTPException(404, f"There is no such {what}, only {', '.join(known)}.")
        return JobName(project, environment, run_id, stage)

    router = APIRouter(prefix="/jobs/{project}/{environment}/{run_id}/{stage}", dependencies=[Depends(allow)])

    @router.put("")
    async def start(name: Annotated[JobName, Depends(named)], response: Response) -> dict[str, Any]:
        before = jobs.get(name)
        try:
            job = await jobs.start(name)
        except OSError as error:
            raise HTTPException(503, f"The machine cannot start a process: {error.strerror}") from error
        response.status_code = 200 if job is before else 201
        return _state(job)

    @router.get("")
    async def show(
        name: Annotated[JobName, Depends(named)], start: Annotated[int, Query(alias="from", ge=0)] = 0
    ) -> dict[str, Any]:
        return _state(_known(jobs, name), start)

    @router.delete("")
    async def end(name: Annotated[JobName, Depends(named)]) -> dict[str, Any]:
        job = _known(jobs, name)
        await job.end()
        return _state(job)

    return router


def read_token(path: str) -> str:
    """Return the token that a file holds.

    Raises:
        ConfigurationWrong: it holds none.

    """
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationWrong(f"The jobs' token cannot be read: {error}") from error
    if not token:
        raise ConfigurationWrong(f"{path}, named by MLOPS_JOBS_TOKEN_FILE, holds no token.")
    return token


def _known(jobs: Jobs, name: JobName) -> Job:
    job = jobs.get(name)
    if job is None:
        raise HTTPException(404, "This job was not started, or the API has been since. PUT starts it.")
    return job


def _state(job: Job, start: int = 0) -> dict[str, Any]:
    log, following = job.log(start)
    return {"state": job.state, "exit_code": job.exit_code, "result": job.result, "log": log, "next": following}
