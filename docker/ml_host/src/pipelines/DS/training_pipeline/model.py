"""The estimator that a configuration asks for, and the baseline it is held against."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from src.configuration import Model
from src.failures import ConfigurationWrong
from src.pipelines.DS.feature_pipeline.features import Rows


def fit(settings: Model, rows: Rows) -> CalibratedClassifierCV:
    """Return the configured estimator, fitted and calibrated.

    Raises:
        ConfigurationWrong: scikit-learn does not take its parameters.

    """
    # One estimator at the end, not one a fold: the scores of single customers have to be fast.
    model = CalibratedClassifierCV(_estimator(settings), method=settings.calibration, cv=settings.folds, ensemble=False)
    try:
        return model.fit(rows.values, rows.labels)
    except (TypeError, ValueError) as error:
        raise ConfigurationWrong(f"A {settings.kind} with {settings.parameters} cannot be trained: {error}") from error


def fit_baseline(settings: Model, rows: Rows, column: int) -> Pipeline:
    """Return a model of one feature alone, which is what people would do without a model."""
    baseline = make_pipeline(StandardScaler(), LogisticRegression(random_state=settings.seed))
    return baseline.fit(rows.values[:, [column]], rows.labels)


def _estimator(settings: Model) -> ClassifierMixin | Pipeline:
    try:
        if settings.kind == "gradient_boosting":
            return HistGradientBoostingClassifier(random_state=settings.seed, **settings.parameters)
        # Counts and amounts are spread over powers of ten; no feature is negative.
        return make_pipeline(
            FunctionTransformer(np.log1p),
            StandardScaler(),
            LogisticRegression(random_state=settings.seed, **settings.parameters),
        )
    except TypeError as error:
        raise ConfigurationWrong(f"A {settings.kind} does not take {settings.parameters}: {error}") from error
