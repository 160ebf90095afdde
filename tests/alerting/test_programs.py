"""What Prometheus's own programs say of the files: in the version that the lab runs, and in that of Prometheus 3."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from tests.alerting.alert_rules import (
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
