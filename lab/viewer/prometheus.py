"""Prometheus: queries, run side by side and answered once for all who ask the same at the same time."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from cachetools import TTLCache

SIDE_BY_SIDE = 8
# Two viewers, or two panels, that ask the same within this time get the same answer.
KEPT_SECONDS = 2.0
MOST_KEPT = 2_000
ANSWER_SECONDS = 15.0
MOST_SERIES = 500
Answer = TypeVar("Answer")


class QueryError(Exception):
    """Why there is no answer, for people."""


@dataclass(frozen=True)
class Series:
    """One series: its labels, and its values by time, in seconds since 1970. What is no finite number is None."""

    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float | None]


class Prometheus:
    """The API of one Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(base_url=f"{url}/api/v1/", timeout=ANSWER_SECONDS, trust_env=False)
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="query")
        self._kept: TTLCache[Any, Future[Any]] = TTLCache(MOST_KEPT, KEPT_SECONDS)
        self._lock = threading.Lock()

    def range(self, expr: str, start: float, end: float, step: float) -> Future[list[Series]]:
        """Ask for the values of an expression over a range.

        Times are multiples of the step, as Grafana asks for them: the points of a graph stay where they are.
        """
        first, last = (math.floor(instant / step) * step for instant in (start, end))
        parameters = {"query": expr, "start": f"{first:.3f}", "end": f"{last:.3f}", "step": f"{step:.3f}"}
        return self._ask("query_range", parameters, lambda data: _series(data, "values"))

    def instant(self, expr: str, at: float) -> Future[list[Series]]:
        """Ask for the values of an expression at one time."""
        parameters = {"query": expr, "time": f"{math.floor(at)}"}
        return self._ask("query", parameters, lambda data: _series(data, "value"))

    def label_values(self, label: str, metric: str, start: float, end: float) -> Future[list[str]]:
        """Ask for the values that a label has within a range: of the series that are meant by `metric`, or of all."""
        parameters = {"start": f"{math.floor(start)}", "end": f"{math.ceil(end)}"} | (
            {"match[]": metric} if metric else {}
        )
        return self._ask(f"label/{label}/values", parameters, lambda data: [str(value) for value in data])

    def close(self) -> None:
        """End what is under way."""
        self._pool.shutdown()
        self._client.close()

    def _ask(self, path: str, parameters: Mapping[str, str], read: Callable[[Any], Answer]) -> Future[Answer]:
        key = (path, *sorted(parameters.items()))
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or (kept.done() and kept.exception()):  # a failure is tried again at once
                kept = self._kept[key] = self._pool.submit(lambda: read(self._answer(path, parameters)))
            return kept

    def _answer(self, path: str, parameters: Mapping[str, str]) -> Any:
        try:
            answer = self._client.get(path, params=parameters)
            content = answer.json()
        except httpx.TimeoutException as error:
            raise QueryError(f"Prometheus gave no answer within {ANSWER_SECONDS:.0f} s.") from error
        except httpx.HTTPError as error:
            raise QueryError(f"Prometheus at {self._url} does not answer. `make status` tells more.") from error
        except ValueError as error:
            raise QueryError(f"{self._url} answers {answer.status_code}, and not as Prometheus does.") from error
        if content.get("status") != "success":
            raise QueryError(f"Prometheus refuses the query: {content.get('error', answer.status_code)}")
        return content["data"]


def _series(data: Any, where: str) -> list[Series]:
    if data["resultType"] not in {"matrix", "vector"}:
        found = [{"metric": {}, where: data["result"]}]
    else:
        found = data["result"]
    if len(found) > MOST_SERIES:
        raise QueryError(f"The query gives {len(found)} series; the viewer shows at most {MOST_SERIES}.")
    return [_one(one["metric"], one[where] if where == "values" else [one[where]]) for one in found]


def _one(labels: Mapping[str, str], points: Sequence[tuple[float, str]]) -> Series:
    values = [float(value) for _, value in points]
    return Series(
        labels, [instant for instant, _ in points], [value if math.isfinite(value) else None for value in values]
    )
