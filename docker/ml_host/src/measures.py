"""Measures of scores and features: how good, how far apart, how much drifted."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp
from sklearn.metrics import brier_score_loss, roc_auc_score

Vector = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
BINS = 10
# A bin that nobody is in has no logarithm.
LEAST_SHARE = 1e-4


def quality(labels: Flags, scores: Vector) -> dict[str, float]:
    """Return the area under the ROC curve, the Brier score and the calibration error."""
    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "brier": float(brier_score_loss(labels, scores)),
        "calibration_error": calibration_error(labels, scores),
    }


def calibration_error(labels: Flags, scores: Vector) -> float:
    """Return the mean distance between score and outcome over ten bins of as many rows each."""
    bins = _bins(scores)
    distances = [abs(scores[part].mean() - labels[part].mean()) * len(part) for part in bins]
    return float(sum(distances) / len(labels))


def calibration_chance(scores: Vector) -> float:
    """Return the calibration error to be expected of these scores if they were the true probabilities.

    A bin's mean outcome is then distributed normally around its mean score, hence the mean distance of sqrt(2 / pi)
    standard errors.
    """
    deviations = [np.sqrt((scores[part] * (1 - scores[part])).sum()) for part in _bins(scores)]
    return float(np.sqrt(2 / np.pi) * sum(deviations) / len(scores))


def _bins(scores: Vector) -> list[npt.NDArray[np.intp]]:
    return [part for part in np.array_split(np.argsort(scores, kind="stable"), BINS) if len(part)]


def spread(values: Vector) -> dict[str, list[float]]:
    """Return ten bins' inner edges, and the share of the values in each bin: a reference for `psi`."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "shares": (counts / len(values)).tolist()}


def psi(reference: dict[str, Any], counts: npt.NDArray[np.int64]) -> float:
    """Return the population stability index of the rows in each bin against a reference's shares."""
    expected = np.maximum(reference["shares"], LEAST_SHARE)
    found = np.maximum(counts / max(counts.sum(), 1), LEAST_SHARE)
    return float(((found - expected) * np.log(found / expected)).sum())


def psi_of(reference: dict[str, Any], values: Vector) -> float:
    """Return the population stability index of values against a reference."""
    bins = np.searchsorted(reference["edges"], values, side="right")
    return psi(reference, np.bincount(bins, minlength=len(reference["shares"])))


def ks(reference: Vector, values: Vector) -> float:
    """Return Kolmogorov and Smirnov's distance of two samples, from 0 to 1."""
    return float(ks_2samp(reference, values).statistic)
