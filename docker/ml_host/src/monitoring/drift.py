"""The monitoring: how far today's rows are from those that the champion was trained on, and how good its scores are.

    python -m src.monitoring.drift --project churn --environment dev --run-id RUN

Today's rows are those of the run's features. The answer says of each feature, and of the score, its population
stability index; Kolmogorov and Smirnov's distance where the champion's own features are still kept; and the champion's
quality on the labels of today. `drifted` names what is over the configuration's limits; drift is no failure.
"""

import argparse
from typing import Any

from src import command, measures, signals
from src.command import Run, make_run
from src.failures import DataUnusable, InputMissing
from src.pipelines.DS.feature_pipeline.features import FeatureFile
from src.registry import CHAMPION, RUN_TAG, Registry


def measure(run: Run, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure; return the measures of each feature and of the score.

    Raises:
        InputMissing: there is no champion, or there are no features of this run.
        ServiceAway: the registry does not answer.

    """
    registry = Registry(run.settings.registered_model)
    champion = registry.version_by_alias(CHAMPION)
    if champion is None:
        raise InputMissing(f"There is no champion of {registry.name}. Promote a version first.")
    model, reference = registry.load(champion), registry.reference(champion)
    features = FeatureFile(run, tuple(reference["features"]))
    now = features.unlabelled()
    psi = {
        name: measures.psi_of(reference["features"][name], now.values[:, place])
        for place, name in enumerate(features.columns)
    }
    psi["score"] = measures.psi_of(reference["score"], model.predict_proba(now.values)[:, 1])
    ks = _distances(run, champion.tags[RUN_TAG], features)
    labelled = features.test()
    quality = measures.quality(labelled.labels, model.predict_proba(labelled.values)[:, 1])
    limits = run.settings.drift
    drifted = {name for name, value in psi.items() if value > limits.psi}
    drifted |= {name for name, value in ks.items() if value > limits.ks}
    for name, found in (("psi", psi), ("ks", ks)):
        for feature, value in found.items():
            signals.gauge("lab.ml.drift", value, measure=name, feature=feature, **run.labels)
    for name, value in quality.items():
        signals.gauge("lab.ml.champion_quality", value, measure=name, **run.labels)
    signals.gauge("lab.ml.drifted_features", len(drifted), **run.labels)
    return {"version": champion.version, "psi": psi, "ks": ks, "quality": quality, "drifted": sorted(drifted)}


def _distances(run: Run, trained_in: str, features: FeatureFile) -> dict[str, float]:
    """Return the distance of each feature to the champion's training set; nothing if that is not kept any more."""
    try:
        then = FeatureFile(make_run(run.project, run.environment, trained_in), features.columns).training().values
    except (InputMissing, DataUnusable):
        return {}
    now = features.unlabelled().values
    return {name: measures.ks(then[:, place], now[:, place]) for place, name in enumerate(features.columns)}


if __name__ == "__main__":
    command.main("monitoring", measure)
