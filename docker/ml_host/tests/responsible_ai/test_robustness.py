"""The model does not lose its head: a little noise changes little, and no value within the bounds breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from src.measures import quality

if TYPE_CHECKING:
    import numpy.typing as npt
    from conftest import Trial


@pytest.fixture(scope="module")
def noisy(trial: Trial) -> npt.NDArray[np.float64]:
    """The test set with each value off by a few percent of itself, within its bounds.

    In proportion to the value, not to the feature's spread: that of amounts is made by a few of the largest.
    """
    values, bounds = trial.test.values, trial.run.settings.features.columns.values()
    noise = np.random.default_rng(trial.run.settings.model.seed).normal(size=values.shape)
    moved = values * np.exp(noise * trial.run.settings.robustness.noise)
    return np.clip(moved, [bound.minimum for bound in bounds], [bound.maximum for bound in bounds])


def test_noise_changes_scores_little(trial: Trial, noisy: npt.NDArray[np.float64]) -> None:
    change = np.abs(trial.scores(noisy) - trial.scores(trial.test.values)).mean()
    assert trial.measured("score_change", float(change)) <= trial.run.settings.robustness.score_change


def test_noise_flips_few_decisions(trial: Trial, noisy: npt.NDArray[np.float64]) -> None:
    threshold = trial.run.settings.model.decision
    flipped = ((trial.scores(noisy) >= threshold) != (trial.scores(trial.test.values) >= threshold)).mean()
    assert trial.measured("flipped_decisions", float(flipped)) <= trial.run.settings.robustness.flipped_decisions


def test_noise_costs_little_of_the_order(trial: Trial, noisy: npt.NDArray[np.float64]) -> None:
    labels = trial.test.labels
    clear, blurred = (quality(labels, trial.scores(values))["roc_auc"] for values in (trial.test.values, noisy))
    assert trial.measured("roc_auc_loss", clear - blurred) <= trial.run.settings.robustness.roc_auc_loss


def test_every_value_within_the_bounds_gets_a_score(trial: Trial) -> None:
    bounds = list(trial.run.settings.features.columns.values())
    middle = np.median(trial.test.values, axis=0)
    extremes = np.array(
        [
            np.where(np.arange(len(bounds)) == place, end, middle)
            for place, bound in enumerate(bounds)
            for end in (bound.minimum, bound.maximum)
        ]
    )
    scores = trial.scores(extremes)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
