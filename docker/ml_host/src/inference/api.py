"""The inference API: scores by the champion of each project, over HTTP.

    python -m src.inference.api --environment dev --port 8000

| address | answer |
|---|---|
| `POST /v1/PROJECT/score` | of one row `{"id": …, FEATURE: …}`: its score, the decision and the version that gave it |
| `POST /v1/PROJECT/scores` | of a list of up to 10,000 such rows |
| `GET /health` | 200 as long as it serves, and each project's version that scores; null: nobody was promoted yet |
| `GET /metrics` | Prometheus's metrics |
| `/jobs/…` | stages of a run, as src/jobs/routes.py says; only where MLOPS_JOBS_TOKEN_FILE names a file with a token |

A request that is not as agreed gets 422 and the reasons, a larger one than 8 MB 413, one for a project without a
champion 503.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from threadpoolctl import threadpool_limits

from src.configuration import ENVIRONMENTS, load_projects
from src.failures import ConfigurationWrong
from src.inference.champion import Champion, Seat
from src.inference.metrics import Metrics
from src.inference.requests import MOST_BYTES, Shape
from src.jobs.job import Jobs
from src.jobs.routes import create_router, read_token

FOLLOW_SECONDS = 2.0
# Of what is wrong with a request: who sends a thousand bad rows does not need a thousand reasons.
MOST_REASONS = 20


class _TooLargeError(Exception):
    """A request of more bytes than are read."""


def create_app(environment: str, follow_seconds: float = FOLLOW_SECONDS) -> FastAPI:
    """Return the application, with a route for each project of the configuration."""
    seats = {name: Seat(name, settings) for name, settings in load_projects(environment).items()}
    metrics, jobs = Metrics(seats), Jobs()

    @asynccontextmanager
    async def following(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(seat.follow(follow_seconds)) for seat in seats.values()]
        yield
        for task in tasks:
            task.cancel()
        await jobs.end_all()

    app = FastAPI(title="Inference API", version=environment, lifespan=following)
    app.add_middleware(_Measured, metrics=metrics)
    for project, seat in seats.items():
        _add_routes(app, project, seat, metrics)
    if token_file := os.environ.get("MLOPS_JOBS_TOKEN_FILE"):
        app.include_router(create_router(jobs, seats, read_token(token_file)))

    @app.get("/health")
    async def health() -> Response:
        champions = {name: seat.champion.version if seat.champion else None for name, seat in seats.items()}
        errors = {name: seat.error for name, seat in seats.items() if seat.error}
        return _json({"status": "ok", "champions": champions, "registry": errors or "ok"})

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: Request, error: RequestValidationError) -> Response:
        return _refusal(error.errors())

    @app.get("/metrics")
    async def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _add_routes(app: FastAPI, project: str, seat: Seat, metrics: Metrics) -> None:
    shape = Shape(project, seat.settings)

    @app.post(f"/v1/{project}/score", openapi_extra=shape.documentation(many=False))
    async def score(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _too_large()
        try:
            id_, values = shape.one(body)
        except ValidationError as error:
            return _invalid(metrics, error)
        champion = seat.champion
        if champion is None:
            return _nobody(metrics, project, seat)
        return _json(_scored(seat, metrics, champion, [(id_, champion.score([values])[0])])[0])

    @app.post(f"/v1/{project}/scores", openapi_extra=shape.documentation(many=True))
    async def scores(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _too_large()
        # In a thread, so that a large batch holds up nobody's single score.
        try:
            rows = await asyncio.to_thread(shape.many, body)
        except ValidationError as error:
            return _invalid(metrics, error)
        champion = seat.champion
        if champion is None:
            return _nobody(metrics, project, seat)
        found = await asyncio.to_thread(champion.score, [values for _, values in rows])
        pairs = [(id_, score) for (id_, _), score in zip(rows, found, strict=True)]
        return _json({"version": champion.version, "scores": _scored(seat, metrics, champion, pairs)})


def _scored(seat: Seat, metrics: Metrics, champion: Champion, pairs: list[tuple[str, float]]) -> list[dict[str, Any]]:
    """Return the answer of each id and score, and count them."""
    decision, histogram = seat.settings.model.decision, metrics.scores.labels(seat.project)
    for _, score in pairs:
        histogram.observe(score)
    return [
        {"id": id_, "score": round(score, 6), "decision": score >= decision, "version": champion.version}
        for id_, score in pairs
    ]


async def _body(request: Request) -> bytes | None:
    """Return what was sent; None if it is more than may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _invalid(metrics: Metrics, error: ValidationError) -> Response:
    metrics.errors.labels("invalid").inc()
    return _refusal(error.errors(include_url=False, include_input=False, include_context=False))


def _refusal(reasons: Sequence[Mapping[str, Any]]) -> Response:
    # Never what was sent: it may be what cannot be written as JSON, or of megabytes.
    detail = [{"at": list(reason["loc"]), "message": reason["msg"]} for reason in reasons[:MOST_REASONS]]
    return _json({"detail": detail}, 422)


def _nobody(metrics: Metrics, project: str, seat: Seat) -> Response:
    metrics.errors.labels("no_champion").inc()
    why = seat.error or "no version has been promoted"
    return _json({"detail": f"There is no champion of {project}: {why}"}, 503)


def _too_large() -> Response:
    return _json({"detail": f"A request may have {MOST_BYTES} bytes."}, 413)


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


class _Measured:
    """Counts and times every request, by the route that served it; a failure of ours becomes 500 and is counted."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            self._metrics.errors.labels("crash").inc()
            raise
        finally:
            # The path itself is the client's: as a label it could be anything, any number of times.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.latency.labels(route).observe(time.perf_counter() - began)


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", required=True, choices=ENVIRONMENTS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        app = create_app(arguments.environment)
    except ConfigurationWrong as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    # To share the work on one row costs more than to do it. Batches are scored in other threads, which keep theirs.
    threadpool_limits(1, user_api="openmp")
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
