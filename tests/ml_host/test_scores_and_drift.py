"""Scores of everybody, and how far today's customers are from those that the champion was trained on."""

import os
from pathlib import Path

import duckdb
from machine import BATCH, DRIFT, FEATURES, Machine, overridden


def test_everybody_of_now_is_scored_once_however_often_it_runs(champions: Machine, tmp_path: Path) -> None:
    with overridden(champions, f"projects: {{churn: {{scores: {tmp_path / 'scores'}}}}}"):
        for _ in range(2):
            done = champions.run(BATCH, "first")
            assert done.code == 0, done.complaint
    scores = duckdb.read_parquet(f"{tmp_path}/scores/*")
    features = champions.state / "features" / "dev" / "churn" / "first" / "features.parquet"
    query = f"SELECT count(*), count(DISTINCT id) FROM '{features}' WHERE label IS NULL"
    wanted = duckdb.execute(query).fetchall()
    found = scores.aggregate("count(*), count(DISTINCT id), min(score) >= 0, max(score) <= 1").fetchall()
    assert found == [(*wanted[0], True, True)]
    assert done.result["rows"] == wanted[0][0]
    assert scores.columns == ["id", "group", "score", "decision", "model_version", "run_id"]


def test_customers_like_those_before_have_not_drifted_and_others_have(
    champions: Machine, datamart: Path, tmp_path: Path
) -> None:
    calm = champions.run(DRIFT, "first")
    assert (calm.code, calm.result["drifted"]) == (0, []), calm.complaint
    dear = tmp_path / "dear.parquet"
    duckdb.connect().execute(
        f"COPY (SELECT * REPLACE (CAST(amount_usd * 10 AS decimal(18, 2)) AS amount_usd) FROM '{datamart}') "
        f"TO '{dear}' (FORMAT parquet)"
    )
    assert champions.run(FEATURES, "dear", "--source", str(dear)).code == 0
    drifted = champions.run(DRIFT, "dear").result
    assert "spend_usd" in drifted["drifted"]
    assert drifted["ks"]["spend_usd"] > 0.25
    assert "orders" not in drifted["drifted"]


def test_without_a_champion_nothing_is_scored_or_watched(own: Machine, datamart: Path) -> None:
    assert own.run(FEATURES, "first", "--source", str(datamart)).code == 0
    for module in (BATCH, DRIFT):
        ended = own.run(module, "first")
        assert ended.code == os.EX_NOINPUT
        assert "There is no champion of dev.churn" in ended.complaint
