"""The dashboards' queries, asked of the real Prometheus after a run: each has an answer."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from whole_lab import WholeLab

from tests.grafana.generated_dashboards import Question, dashboards, questions, variables

# A scrape, and rules that are evaluated every 15 s; where slower ones have not been, a query has something else to say.
ANSWER_SECONDS = 45
RANGE_SECONDS = 30 * 60
STEP_SECONDS = 5
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@pytest.fixture(scope="module")
def prometheus(lab: WholeLab) -> Iterator[httpx.Client]:
    """Prometheus's API, after a run of the pipeline."""
    run = lab.run(lab.settings.orders_csv)
    assert run.state == "success", lab.failure(run)
    with httpx.Client(base_url=f"{lab.settings.prometheus_url}/api/v1/", trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def chosen(prometheus: httpx.Client) -> dict[str, str]:
    """Return the first value of each variable, as a person chooses it."""
    first: dict[str, str] = {}
    deadline = time.monotonic() + ANSWER_SECONDS
    for uid, dashboard in dashboards().items():
        for name, variable in variables(dashboard).items():
            query = Question(f"{uid}: {name}", variable["query"]).filled(first)
            series, label = LABEL_VALUES.fullmatch(query).groups()  # type: ignore[union-attr] # else it fails here
            while not (found := data(prometheus.get(f"label/{label}/values", params={"match[]": series}))):
                assert time.monotonic() < deadline, f"{uid}: {name} has had no value for {ANSWER_SECONDS} s: {query}"
                time.sleep(0.5)
            first.setdefault(name, found[0])
    return first


def data(response: httpx.Response) -> Any:
    return response.raise_for_status().json()["data"]


def ask(prometheus: httpx.Client, question: Question, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Ask Prometheus as a dashboard does, for now or for its time range."""
    query = {"query": question.filled(values)}
    now = time.time()
    if not question.instant:
        query |= {"start": str(now - RANGE_SECONDS), "end": str(now), "step": str(STEP_SECONDS)}
    response = prometheus.post("query" if question.instant else "query_range", data=query)
    assert response.is_success, f"{question.asker}: {query['query']}\n{response.text}"
    found: list[dict[str, Any]] = data(response)["result"]
    return found


@pytest.mark.parametrize("everything", [True, False], ids=["for all", "for one task"])
def test_after_a_run_every_query_has_an_answer(
    prometheus: httpx.Client, chosen: dict[str, str], *, everything: bool
) -> None:
    values = dict.fromkeys(chosen, ".*") if everything else chosen
    waiting = list(questions())
    assert waiting
    deadline = time.monotonic() + ANSWER_SECONDS
    while waiting := [one for one in waiting if not ask(prometheus, one, values) and not one.empty]:
        unanswered = "\n".join(f"{one.asker}: {one.filled(values)}" for one in waiting)
        assert time.monotonic() < deadline, f"without an answer after {ANSWER_SECONDS} s:\n{unanswered}"
        time.sleep(1)
