"""What others' programs say of the files: Prometheus's own, as the lab runs them and of Prometheus 3, and pint."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from lab import judges
from tests.alerting.alert_rules import (
    ALERTING,
    ALERTMANAGER,
    PROMETHEUS,
    RULE_FILES,
    TEST_FILES,
    Program,
    both_versions,
    judge,
)

PROMTOOLS = both_versions("promtool")
AMTOOLS = both_versions("amtool")
PINT = (judges.BIN / "pint", "--no-color", "--offline", "--config", ALERTING / ".pint.hcl", "lint")
ANY_FAULT = ("--min-severity=info", "--fail-on=info")


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[tuple[Program, Path], Future[None]]]:
    """Judge all files of rule tests, as many at once as there are processors: each takes seconds."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            (promtool, path): pool.submit(judge, promtool, "test", "rules", path)
            for promtool, path in product(PROMTOOLS, TEST_FILES)
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("promtool", PROMTOOLS, ids=str)
def test_promtool_accepts_configuration_and_rules(promtool: Program) -> None:
    judge(promtool, "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS)
    judge(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


def test_pint_finds_no_fault_in_the_rules() -> None:
    judge(*PINT, *ANY_FAULT, ALERTING / "rules")


def test_pint_finds_a_fault(tmp_path: Path) -> None:
    """A task's failures, counted by DAG, would never be put right by the task's success."""
    rules = (ALERTING / "rules" / "pipelines.yml").read_text(encoding="utf-8")
    before = "sum by (dag_id, task_id) (dag_id_task_id_state:airflow_ti_finish:last5m"
    assert before in rules
    faulty = tmp_path / "pipelines.yml"
    faulty.write_text(rules.replace(before, before.replace(", task_id", "", 1)), encoding="utf-8")
    with pytest.raises(AssertionError, match="promql/impossible"):
        judge(*PINT, *ANY_FAULT, faulty)


@pytest.mark.parametrize("amtool", AMTOOLS, ids=str)
def test_amtool_accepts_the_configuration(amtool: Program) -> None:
    judge(amtool, "check-config", ALERTMANAGER)


@pytest.mark.parametrize("amtool", AMTOOLS, ids=str)
@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "mail-and-slack"), ("warning", "mail-and-slack"), ("info", "slack"), ("none", "nobody")],
)
def test_an_alert_goes_where_its_severity_says(amtool: Program, severity: str, receiver: str) -> None:
    routed = ("config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}")
    judge(amtool, *routed, f"severity={severity}", "component=pipeline", "dag_id=orders_pipeline")


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("promtool", PROMTOOLS, ids=str)
def test_the_rules_pass_their_tests(
    verdicts: dict[tuple[Program, Path], Future[None]], promtool: Program, path: Path
) -> None:
    verdicts[promtool, path].result()
