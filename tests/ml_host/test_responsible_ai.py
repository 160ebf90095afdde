"""The checks find what they are there for: a model that is biased, and one that is brittle."""

import os
from pathlib import Path

import pytest
from machine import PROMOTION, Machine, documented_settings, overridden


@pytest.mark.parametrize(
    ("words", "failing", "complaint"),
    [
        ("biased", "fairness", "true_positive_gap"),
        ("brittle", "robustness", "flipped_decisions"),
    ],
)
def test_such_a_model_fails_its_check_passes_the_other_and_is_not_promoted(
    champions: Machine, datamart: Path, words: str, failing: str, complaint: str
) -> None:
    passing = {"fairness": "robustness", "robustness": "fairness"}[failing]
    with overridden(champions, documented_settings(words)):
        trained = champions.train(words, datamart)
        assert trained.code == 0, trained.complaint
        failed = champions.check(failing, words)
        assert (failed.code, complaint in failed.complaint) == (1, True), failed.complaint
        passed = champions.check(passing, words)
        assert passed.code == 0, passed.complaint
    refused = champions.run(PROMOTION, words)
    assert refused.code == os.EX_NOPERM
    assert f"{failing} failed; version 1 stays the champion" in refused.complaint


def test_a_champion_of_other_features_is_still_compared_with(champions: Machine, datamart: Path) -> None:
    with overridden(champions, documented_settings("biased")):
        trained = champions.train("compared", datamart)
    assert trained.result["metrics"]["champion_roc_auc"] > trained.result["metrics"]["roc_auc"]
