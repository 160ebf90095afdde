"""The model treats the groups alike: it finds, wrongly suspects and judges as many of one as of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from conftest import Trial


def test_every_group_is_large_enough_to_be_judged(trial: Trial) -> None:
    sizes = dict(zip(*np.unique(trial.test.groups.astype(str), return_counts=True), strict=True))
    assert len(sizes) > 1, f"there is one group alone: {sizes}"
    assert min(sizes.values()) >= trial.run.settings.fairness.group_rows, f"a group is too small: {sizes}"


def test_those_concerned_are_found_in_every_group_alike(trial: Trial) -> None:
    decisions = trial.scores(trial.test.values) >= trial.run.settings.model.decision
    _assert_alike(trial, "true_positive_gap", decisions.astype(float), trial.test.labels)


def test_those_not_concerned_are_suspected_in_every_group_alike(trial: Trial) -> None:
    decisions = trial.scores(trial.test.values) >= trial.run.settings.model.decision
    _assert_alike(trial, "false_positive_gap", decisions.astype(float), ~trial.test.labels)


def test_a_score_means_the_same_in_every_group(trial: Trial) -> None:
    # How far scores are from what became of it.
    offsets = trial.scores(trial.test.values) - trial.test.labels
    _assert_alike(trial, "calibration_gap", offsets, np.ones(len(trial.test), dtype=bool))


def _assert_alike(trial: Trial, name: str, values: npt.NDArray[np.float64], concerned: npt.NDArray[np.bool_]) -> None:
    """Compare the groups' means of the rows concerned: they may be apart by the limit, and by what chance explains.

    Chance: two standard errors of the difference. Without it a fair model of a few hundred customers would fail.
    """
    groups = trial.test.groups.astype(str)
    of_group = [values[concerned & (groups == group)] for group in np.unique(groups)]
    least, most = min(of_group, key=np.mean), max(of_group, key=np.mean)
    chance = 2 * float(np.hypot(least.std() / len(least) ** 0.5, most.std() / len(most) ** 0.5))
    gap = trial.measured(name, float(most.mean() - least.mean()))
    limit = getattr(trial.run.settings.fairness, name)
    assert gap <= limit + chance, f"{name} {gap:.3f} is over {limit} and the {chance:.3f} of chance"
