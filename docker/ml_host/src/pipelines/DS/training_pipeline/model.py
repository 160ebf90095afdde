"""The model that a configuration asks for, and the baseline it is held against."""

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from src.configuration import Model
from src.failures import ConfigurationWrong
from src.pipelines.DS.feature_pipeline.features import Rows


def sample(settings: Model, rows: Rows) -> Rows:
    """Return the rows to learn from, as the configuration says for the groups it names."""
    chance, kept = np.random.default_rng(settings.seed), np.ones(len(rows), dtype=bool)
    for group, shares in settings.sampling.items():
        share = np.where(rows.labels, shares.positive, shares.negative)
        kept &= (rows.groups != group) | (chance.random(len(rows)) < share)
    return Rows(rows.ids[kept], rows.groups[kept], rows.values[kept], rows.labels[kept])


def fit(settings: Model, rows: Rows) -> CalibratedClassifierCV:
    """Return gradient-boosted trees, fitted and calibrated.

    Raises:
        ConfigurationWrong: scikit-learn does not take their parameters.

    """
    try:
        trees = HistGradientBoostingClassifier(random_state=settings.seed, **settings.parameters)
        # One estimator at the end, not one a fold: the scores of single customers have to be fast.
        model = CalibratedClassifierCV(trees, method=settings.calibration, cv=settings.folds, ensemble=False)
        return model.fit(rows.values, rows.labels)
    except (TypeError, ValueError) as error:
        raise ConfigurationWrong(f"No model can be trained with {settings.parameters}: {error}") from error


def fit_baseline(settings: Model, rows: Rows, column: int) -> Pipeline:
    """Return a model of one feature alone, which is what people would do without a model."""
    baseline = make_pipeline(StandardScaler(), LogisticRegression(random_state=settings.seed))
    return baseline.fit(rows.values[:, [column]], rows.labels)
