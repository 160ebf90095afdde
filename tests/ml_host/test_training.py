"""From the datamart to a champion, and everything that may keep a version from becoming one."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from machine import (
    BATCH,
    DRIFT,
    FEATURES,
    PROJECT,
    PROMOTION,
    TRAINING,
    Machine,
    documented_settings,
    end,
    names,
    new_machine,
    overridden,
    wait_until,
)
from mlflow import MlflowClient


def test_a_version_becomes_champion_when_it_has_passed_every_check_and_not_before(own: Machine, datamart: Path) -> None:
    trained = own.train("scheduled__2026-01-01T00:00:00+00:00", datamart)
    assert trained.code == 0, trained.complaint
    metrics = trained.result["metrics"]
    assert metrics["roc_auc"] > metrics["baseline_roc_auc"] + 0.02
    assert metrics["brier"] < metrics["baseline_brier"]

    run_id = trained.result["run_id"]
    early = own.run(PROMOTION, run_id)
    assert early.code == os.EX_NOPERM
    assert "fairness not tested, robustness not tested; there is no champion" in early.complaint
    for check in ("fairness", "robustness"):
        checked = own.check(check, run_id)
        assert checked.code == 0, checked.complaint
    promoted = own.run(PROMOTION, run_id)
    assert (promoted.code, promoted.result["champion"]) == (0, trained.result["version"])
    assert own.run(PROMOTION, run_id).result["champion"] == trained.result["version"], "again"

    # Tightened on this machine until no model passes: the champion stays.
    (own.state / "overrides.yaml").write_text("projects: {churn: {robustness: {score_change: 0}}}")
    second = own.train("second", datamart)
    assert second.result["version"] != trained.result["version"]
    assert own.check("fairness", "second").code == 0
    assert own.check("robustness", "second").code == 1
    refused = own.run(PROMOTION, "second")
    assert refused.code == os.EX_NOPERM
    assert f"robustness failed; version {trained.result['version']} stays the champion" in refused.complaint
    rolled_back = own.run(PROMOTION, "second", "--rollback")
    assert rolled_back.result["champion"] == trained.result["version"]

    (own.state / "overrides.yaml").unlink()
    assert own.check("robustness", "second").code == 0
    assert own.run(PROMOTION, "second").result["champion"] == second.result["version"]
    assert own.run(PROMOTION, "second", "--rollback").result["champion"] == trained.result["version"]


def test_a_retry_answers_with_what_was_trained_and_trains_nothing(champions: Machine) -> None:
    again = champions.run(TRAINING, "first")
    assert (again.code, again.result["trained"]) == (0, False)
    assert again.result["metrics"]["roc_auc"] > 0.5


def test_features_are_the_same_twice(champions: Machine, datamart: Path) -> None:
    files = []
    for _ in range(2):
        made = champions.run(FEATURES, "twice", "--source", str(datamart))
        assert made.code == 0, made.complaint
        files.append(Path(made.result["features"]).read_bytes())
    assert files[0] == files[1]


def test_no_feature_knows_what_comes_after_the_cutoff(champions: Machine, datamart: Path, tmp_path: Path) -> None:
    # The same orders, those of the last 60 days sixty times as dear and, but for one customer, in other names.
    changed = tmp_path / "changed.parquet"
    duckdb.connect().execute(
        f"""
        COPY (
            WITH days AS (
                SELECT CAST(max(ordered_at) AS DATE) + 1 AS today, mode(customer_id) AS stayer FROM '{datamart}'
            )
            SELECT order_id, IF(ordered_at >= today - 60 AND customer_id <> stayer, 'X' || customer_id, customer_id)
                AS customer_id, ordered_at,
                status, currency, CAST(IF(ordered_at >= today - 60, 60, 1) * amount_usd AS decimal(18, 2)) AS amount_usd
            FROM '{datamart}', days
        ) TO '{changed}' (FORMAT parquet)"""
    )
    paths = [
        champions.run(FEATURES, f"leak{n}", "--source", str(path)).result["features"]
        for n, path in enumerate((datamart, changed))
    ]
    one, other = (
        duckdb.execute(f"SELECT * EXCLUDE label FROM '{path}' WHERE label IS NOT NULL ORDER BY id").fetchall()
        for path in paths
    )
    assert one
    assert one == other
    # The label does: who buys in another name has gone. One customer stays, lest the features be refused.
    gone = f"SELECT count(*) FILTER (NOT label) FROM '{paths[1]}' WHERE label IS NOT NULL"
    assert duckdb.execute(gone).fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ("order_id, ordered_at, status, currency, amount_usd", "customer_id is missing"),
        ("* REPLACE (CAST(amount_usd AS VARCHAR) AS amount_usd)", "amount_usd is VARCHAR, not DECIMAL(18,2)"),
        ("* REPLACE (CAST(-100000 AS decimal(18,2)) AS amount_usd)", "rows have spend_usd outside 0 to 1e+12"),
        ("* REPLACE ('C1' AS customer_id)", "fewer than the 1000 of quality.rows"),
    ],
)
def test_a_datamart_that_is_not_as_agreed_is_named_so(
    champions: Machine, datamart: Path, tmp_path: Path, columns: str, complaint: str
) -> None:
    wrong = tmp_path / "wrong.parquet"
    duckdb.connect().execute(f"COPY (SELECT {columns} FROM '{datamart}') TO '{wrong}' (FORMAT parquet)")
    ended = champions.run(FEATURES, "wrong", "--source", str(wrong))
    assert ended.code == os.EX_DATAERR, ended.complaint
    assert complaint in ended.complaint


def test_what_is_missing_is_said_with_what_to_do(champions: Machine, tmp_path: Path) -> None:
    cases = [
        (champions.run(TRAINING, "nobody"), os.EX_NOINPUT, "Run the feature pipeline of this run first"),
        (champions.run(PROMOTION, "nobody"), os.EX_NOINPUT, "Run the training of this run first"),
        (champions.check("fairness", "nobody"), os.EX_NOINPUT, "Run the training of this run first"),
        (champions.run(FEATURES, "x", "--source", str(tmp_path / "none")), os.EX_NOINPUT, "There are no data at"),
        (champions.run(FEATURES, "x"), os.EX_CONFIG, "S3_PROCESSED_BUCKET"),
        (champions.run(TRAINING, "x", project="fraud"), os.EX_CONFIG, "only churn, credit_risk"),
        (champions.run(TRAINING, "../x"), 2, "is no run id"),
        (champions.run(TRAINING, "first", MLFLOW_TRACKING_URI=""), os.EX_CONFIG, "MLFLOW_TRACKING_URI is not set"),
    ]
    for ended, code, complaint in cases:
        assert (ended.code, complaint in ended.complaint) == (code, True), ended.complaint
        assert "Traceback" not in ended.complaint


def test_features_of_another_schema_are_refused(champions: Machine, datamart: Path) -> None:
    made = champions.run(FEATURES, "schema", "--source", str(datamart))
    path = made.result["features"]
    duckdb.connect().execute(f"COPY (SELECT * EXCLUDE orders FROM '{path}') TO '{path}.new' (FORMAT parquet)")
    Path(f"{path}.new").replace(path)
    ended = champions.run(TRAINING, "schema")
    assert ended.code == os.EX_DATAERR
    assert "orders is missing. Run the feature pipeline again" in ended.complaint


def test_a_registry_that_is_down_is_named_and_worth_another_try(champions: Machine, datamart: Path) -> None:
    assert champions.run(FEATURES, "down", "--source", str(datamart)).code == 0
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    ended = [champions.run(module, "down", **away) for module in (TRAINING, PROMOTION, BATCH, DRIFT)]
    ended += [champions.check(check, "down", **away) for check in ("fairness", "robustness")]
    for one in ended:
        assert one.code == os.EX_UNAVAILABLE, one.complaint
        assert "error: MLflow at http://127.0.0.1:9 does not answer" in one.complaint
        assert "Traceback" not in one.complaint


def test_a_training_that_is_killed_leaves_nothing_and_a_further_try_trains(champions: Machine, datamart: Path) -> None:
    assert champions.run(FEATURES, "killed", "--source", str(datamart)).code == 0
    with overridden(champions, documented_settings("some ten minutes")):
        training = champions.start("-m", TRAINING, *names("killed"))
        try:
            assert training.stdout
            assert "Fitting" in training.stdout.readline()
            training.kill()
            assert training.wait() == -signal.SIGKILL
        finally:
            end(training)
    refused = champions.run(PROMOTION, "killed")
    assert (refused.code, "has trained no version" in refused.complaint) == (os.EX_NOINPUT, True)
    again = champions.run(TRAINING, "killed")
    assert (again.code, again.result["trained"]) == (0, True), again.complaint


def test_a_parameter_that_no_model_takes_is_the_configurations_fault(champions: Machine, datamart: Path) -> None:
    assert champions.run(FEATURES, "crash", "--source", str(datamart)).code == 0
    with overridden(champions, documented_settings("A training that fails")):
        ended = champions.run(TRAINING, "crash")
    assert ended.code == os.EX_CONFIG, ended.complaint
    assert "No model can be trained with" in ended.complaint


def test_a_model_that_does_not_beat_the_baseline_is_kept_and_never_promoted(own: Machine, datamart: Path) -> None:
    own.state.mkdir(exist_ok=True)
    (own.state / "overrides.yaml").write_text("projects: {churn: {quality: {gain_over_baseline: 0.5}}}")
    for _ in range(2):
        trained = own.train("poor", datamart)
        assert trained.code == 1
        assert "does not beat recency_days alone" in trained.complaint
    for check in ("fairness", "robustness"):
        assert own.check(check, "poor").code == 0
    refused = own.run(PROMOTION, "poor")
    assert (refused.code, "quality failed" in refused.complaint) == (os.EX_NOPERM, True)


def test_a_second_run_of_a_project_waits_and_a_killed_one_holds_nobody_up(champions: Machine, datamart: Path) -> None:
    lock = champions.state / "locks" / "dev.churn"
    hold = (
        f"import fcntl, time; lock = open('{lock}', 'a'); fcntl.flock(lock, fcntl.LOCK_EX); print('held', flush=True); "
        "time.sleep(600)"
    )
    first = champions.start("-c", hold)
    try:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        second = champions.start("-m", FEATURES, *names("two"), "--source", str(datamart))
        try:
            assert second.stdout
            assert "Another run of churn in dev is at work" in second.stdout.readline()
            first.send_signal(signal.SIGKILL)
            assert second.wait(60) == 0
        finally:
            end(second)
    finally:
        end(first)


def test_a_champion_that_a_person_has_appointed_is_promoted_over_and_rolled_back_to(
    own: Machine, datamart: Path
) -> None:
    by_hand = own.promote("by-hand", datamart).result["champion"]
    registry = MlflowClient(own.environment["MLFLOW_TRACKING_URI"])
    registry.delete_model_version_tag("dev.churn", by_hand, "promoted_at")
    assert own.promote("next", datamart).result["previous"] == by_hand
    rolled_back = own.run(PROMOTION, "next", "--rollback")
    assert (rolled_back.code, rolled_back.result["champion"]) == (0, by_hand), rolled_back.complaint


def sleeps(process: Path) -> int:
    """How often a process has begun to wait for something."""
    found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (process / "status").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_command_that_is_told_to_end_in_the_middle_of_a_line_does_so(champions: Machine, datamart: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as unread, (champions.state / "locks" / "dev.churn").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with os.fdopen(writer, "wb", buffering=0) as full:
            os.set_blocking(writer, False)
            while full.write(bytes(4096)):
                pass
            os.set_blocking(writer, True)
            stuck = subprocess.Popen(
                (sys.executable, "-m", FEATURES, *names("stuck"), "--source", str(datamart)),
                cwd=PROJECT,
                # As over SSH: what writes a line may be interrupted in the middle of it.
                env={name: value for name, value in champions.environment.items() if name != "PYTHONUNBUFFERED"},
                stdout=subprocess.DEVNULL,
                stderr=full,
            )
        try:
            process = Path(f"/proc/{stuck.pid}")
            # Before it says to nobody that it waits.
            wait_until(
                "it to look for the lock",
                lambda: Path(lock.name) in {link.resolve() for link in (process / "fd").iterdir()},
            )
            wait_until("it to write", lambda: "pipe_write" in (process / "wchan").read_text())
            before = sleeps(process)
            stuck.send_signal(signal.SIGTERM)
            wait_until("it to write again", lambda: sleeps(process) > before)
            unread.close()
            # With which code, there is nobody to tell.
            assert stuck.wait(60)
        finally:
            stuck.kill()
            stuck.wait()


def test_a_command_whose_metrics_have_nowhere_to_go_says_so_and_does_its_work(
    champions: Machine, datamart: Path
) -> None:
    ended = champions.run(FEATURES, "unmetered", "--source", str(datamart), STATSD_HOST="no-such-host.invalid")
    assert ended.code == 0, ended.complaint
    assert "No metrics are sent: STATSD_HOST no-such-host.invalid" in ended.complaint


def test_what_a_command_measures_arrives_as_statsd_lines(champions: Machine, registry_uri: str, datamart: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sender = new_machine(
            champions.state,
            MLFLOW_TRACKING_URI=registry_uri,
            STATSD_HOST="127.0.0.1",
            STATSD_PORT=str(receiver.getsockname()[1]),
        )
        assert sender.run(FEATURES, "metered", "--source", str(datamart)).code == 0
        lines = [receiver.recv(1000).decode() for _ in range(6)]
        assert sender.run(PROMOTION, "first").code == 0
        promoted = [receiver.recv(1000).decode() for _ in range(5)]
        assert sender.run(PROMOTION, "metered", "--rollback").code == 0
        rolled_back = [receiver.recv(1000).decode() for _ in range(6)]
    labels = "project=churn,environment=dev"
    assert {line.split(":")[0] for line in lines} == {
        f"lab.ml.started_timestamp_seconds,stage=features,{labels}",
        *(f"lab.ml.rows,kind={kind},{labels}" for kind in ("labelled", "positive", "to_score")),
        f"lab.ml.duration_seconds,stage=features,{labels}",
        f"lab.ml.succeeded_timestamp_seconds,stage=features,{labels}",
    }
    assert f"lab.ml.champion_version,{labels}:1.0|g" in promoted
    (since,) = (line for line in promoted if line.startswith("lab.ml.champion_since_timestamp_seconds"))
    assert since in rolled_back, "the champion is as old as before"
