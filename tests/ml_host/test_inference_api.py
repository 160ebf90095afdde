"""The inference API: what it answers, to whom it says no, and that a new champion costs nobody a score."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from machine import (
    HOST,
    PROMOTION,
    REQUEST_SECONDS,
    Machine,
    free_port,
    get,
    new_machine,
    request,
    serving,
    wait_until,
)

MODULE = "src.inference.api"
CUSTOMER = {
    "id": "C0000001",
    "recency_days": 60,
    "tenure_days": 150,
    "orders": 3,
    "recent_order_share": 0.3,
    "spend_usd": 300,
    "recent_spend_share": 0.2,
    "failed_share": 0,
    "pauses_missed": 1,
}
SCORE = "/v1/churn/score"
CLIENTS = 4


@pytest.fixture(scope="module")
def api(champions: Machine) -> Iterator[int]:
    port = free_port()
    with serving(champions, port, "/health", MODULE, "--environment", "dev", "--port", str(port)):
        wait_until("both projects have a champion", lambda: None not in champions_of(port).values())
        yield port


def champions_of(port: int) -> dict[str, str | None]:
    champions: dict[str, str | None] = json.loads(get(port, "/health")[1])["champions"]
    return champions


def test_a_score_says_which_version_gave_it_and_many_are_the_same_as_one_by_one(api: int) -> None:
    status, body = request(api, "POST", SCORE, json.dumps(CUSTOMER).encode())
    one = json.loads(body)
    assert status == 200
    assert (one["id"], one["version"], one["decision"]) == ("C0000001", "1", one["score"] >= 0.5)
    others = [CUSTOMER | {"id": str(days), "recency_days": days} for days in (1, 60, 150)]
    answer = json.loads(request(api, "POST", "/v1/churn/scores", json.dumps(others).encode())[1])
    scores = [row["score"] for row in answer["scores"]]
    assert [row["id"] for row in answer["scores"]] == ["1", "60", "150"]
    assert scores[1] == pytest.approx(one["score"])
    assert all(0 <= score <= 1 for score in scores)


HOSTILE = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "a lone surrogate": b'{"id": "\\ud800"}',
    "deep": b"[" * 100_000,
    "a number of a million digits": b'{"orders": ' + b"9" * 1_000_000 + b"}",
    "NaN": json.dumps(CUSTOMER | {"spend_usd": float("nan")}).encode(),
    "infinite": json.dumps(CUSTOMER | {"spend_usd": float("inf")}).encode(),
    "1e999": json.dumps(CUSTOMER).replace("300", "1e999").encode(),
    "out of bounds": json.dumps(CUSTOMER | {"recency_days": -1}).encode(),
    "text for a number": json.dumps(CUSTOMER | {"orders": "3"}).encode(),
    "true for a number": json.dumps(CUSTOMER | {"orders": True}).encode(),
    "null": json.dumps(CUSTOMER | {"orders": None}).encode(),
    "one too few": json.dumps({name: value for name, value in CUSTOMER.items() if name != "orders"}).encode(),
    "one too many": json.dumps(CUSTOMER | {"__proto__": {}}).encode(),
    "a list": json.dumps([CUSTOMER]).encode(),
    "an id of a megabyte": json.dumps(CUSTOMER | {"id": "x" * 1_000_000}).encode(),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_request_gets_422_and_a_reason(api: int, body: bytes) -> None:
    status, answer = request(api, "POST", SCORE, body)
    assert status == 422, answer
    assert json.loads(answer)["detail"][0]["message"]
    assert len(answer) < 10_000


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/v1/churn/scores", b"[]", 422),
        ("POST", "/v1/churn/scores", json.dumps([CUSTOMER] * 10_001).encode(), 422),
        ("POST", "/v1/churn/scores", json.dumps([CUSTOMER] * 10_000).encode(), 200),
        ("POST", "/v1/churn/scores", b" " * 8_000_001, 413),
        ("POST", "/v1/fraud/score", b"{}", 404),
        ("GET", SCORE, b"", 405),
    ],
)
def test_sizes_and_addresses_have_their_own_answers(
    api: int, method: str, path: str, body: bytes, expected: int
) -> None:
    assert request(api, method, path, body)[0] == expected


def test_metrics_tell_requests_errors_scores_version_and_drift(api: int) -> None:
    rows = json.dumps([CUSTOMER | {"id": str(number)} for number in range(500)]).encode()
    assert request(api, "POST", "/v1/churn/scores", rows)[0] == 200
    request(api, "POST", SCORE, b"{")
    _, page = get(api, "/metrics")
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.splitlines() if line[0] != "#"}
    assert values['inference_model_version{project="churn"}'] == 1
    assert values['inference_registry_up{project="churn"}'] == 1
    assert values['inference_requests_total{route="/v1/churn/scores",status="200"}'] >= 1
    assert values['inference_errors_total{kind="invalid"}'] >= 1
    assert values['inference_errors_total{kind="crash"}'] == 0
    assert values['inference_score_count{project="churn"}'] >= 500
    assert values['inference_latency_seconds_count{route="/v1/churn/score"}'] >= 1
    # Everybody alike is not what it was trained on.
    assert values['inference_feature_drift_psi{feature="orders",project="churn"}'] > 1


def test_a_new_champion_takes_over_without_a_failed_request(own: Machine, datamart: Path) -> None:
    assert own.promote("first", datamart).code == 0
    for ended in (own.train("second", datamart), own.check("fairness", "second"), own.check("robustness", "second")):
        assert ended.code == 0, ended.complaint
    port, stop = free_port(), threading.Event()
    # Of each client, in the order of time: the version that gave the score, or what came instead.
    answers: list[list[str]] = [[] for _ in range(CLIENTS)]

    def ask(mine: list[str]) -> None:
        connection = HTTPConnection(HOST, port, timeout=REQUEST_SECONDS)
        while not stop.is_set():
            connection.request("POST", SCORE, json.dumps(CUSTOMER))
            answer = connection.getresponse()
            body = answer.read().decode()
            mine.append(json.loads(body)["version"] if answer.status == 200 else body)
        connection.close()

    with serving(own, port, "/health", MODULE, "--environment", "dev", "--port", str(port)):
        wait_until("the first version scores", lambda: champions_of(port)["churn"] == "1")
        clients = [threading.Thread(target=ask, args=(mine,)) for mine in answers]
        for client in clients:
            client.start()
        try:
            wait_until("all clients are answered", lambda: all(answers))
            promoted = own.run(PROMOTION, "second")
            assert promoted.code == 0, promoted.complaint
            wait_until("the second version scores for all", lambda: all(mine[-1] == "2" for mine in answers))
        finally:
            stop.set()
            for client in clients:
                client.join()
    for mine in answers:
        assert set(mine) == {"1", "2"}
        assert mine == sorted(mine), "the old one never came back"


def test_without_a_champion_and_without_a_registry_it_says_so_and_lives(tmp_path: Path) -> None:
    machine = new_machine(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    port = free_port()
    with serving(machine, port, "/health", MODULE, "--environment", "dev", "--port", str(port)):
        assert champions_of(port) == {"churn": None, "credit_risk": None}
        status, body = request(port, "POST", SCORE, json.dumps(CUSTOMER).encode())
        assert (status, "There is no champion of churn" in body) == (503, True)
        assert 'inference_registry_up{project="churn"} 0.0' in get(port, "/metrics")[1]
