"""The training: a model fitted, measured against a baseline and the champion, and registered as the challenger.

    python -m src.pipelines.DS.training_pipeline.train --project churn --environment dev --run-id RUN

A run that has been trained to the end is not trained again: the command answers with what it found then.
"""

import argparse
import logging
import time
from typing import Any

import mlflow

from src import command, measures, signals
from src.command import Run
from src.failures import CheckFailed, Failure
from src.pipelines.DS.feature_pipeline.features import FeatureFile, Rows
from src.pipelines.DS.training_pipeline.model import fit, fit_baseline, sample
from src.registry import (
    CHALLENGER,
    CHAMPION,
    FAILED,
    PASSED,
    REFERENCE,
    RUN_TAG,
    Classifier,
    Registry,
    answering,
)

STAGE = "training"
# What skops does not take for harmless by itself. Trees could crash their reader if somebody else had written them;
# only this machine writes to the registry.
TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]
# What a reader of the registry needs to load the model; the versions are those of requirements.lock.
REQUIREMENTS = ["scikit-learn", "numpy", "scipy", "skops"]

log = logging.getLogger(__name__)


def train(run: Run, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, or find what was trained for the run before; return the version, its figures and the verdict.

    Raises:
        CheckFailed: the model is not good enough. It stays in the registry, marked so, and is not the challenger.
        InputMissing, DataUnusable: there are no features of this run, or they are of another schema.
        ServiceAway: the registry does not answer.

    """
    registry = Registry(run.settings.registered_model)
    if version := registry.version_of_run(run.run_id):
        log.info("Version %s was trained for run %s before; nothing is trained again.", version.version, run.run_id)
        verdict = version.tags["verdict"]
        if version.tags["quality"] == FAILED:
            raise CheckFailed(verdict)
        with answering():
            figures = mlflow.get_run(str(version.run_id)).data.metrics
        return {"version": version.version, "trained": False, "quality": verdict, "metrics": figures}

    features = FeatureFile(run)
    training, test = sample(run.settings.model, features.training()), features.test()
    log.info("Fitting a model on %d rows.", len(training))
    began = time.monotonic()
    model = fit(run.settings.model, training)
    seconds = time.monotonic() - began
    log.info("Fitted in %.1f s.", seconds)
    figures = _figures(run, features, model, registry) | {"fit_seconds": seconds}
    faults = _faults(run, figures)
    verdict = "; ".join(faults) or "good enough"
    version = _register(run, registry, model, figures, _reference(features, model))
    if not faults:
        registry.point(CHALLENGER, version)
    registry.tag(version, verdict=verdict)
    # Last, because it says that the training has come to its end.
    registry.tag(version, quality=FAILED if faults else PASSED)
    for name, value in figures.items():
        signals.gauge("lab.ml.model_quality", value, measure=name, **run.labels)
    signals.count("lab.ml.check", check="quality", result=FAILED if faults else PASSED, **run.labels)
    if faults:
        raise CheckFailed(f"Version {version.version} of {registry.name} is not good enough: {verdict}.")
    return {
        "version": version.version,
        "trained": True,
        "quality": verdict,
        "rows": len(training) + len(test),
        "metrics": figures,
    }


def _figures(run: Run, features: FeatureFile, model: Classifier, registry: Registry) -> dict[str, float]:
    """Return measures of the model, and of baseline and champion, all on the test set."""
    test = features.test()
    scores = model.predict_proba(test.values)[:, 1]
    figures = {**measures.quality(test.labels, scores), "calibration_chance": measures.calibration_chance(scores)}
    column = features.columns.index(run.settings.model.baseline)
    baseline = fit_baseline(run.settings.model, features.training(), column)
    for name, value in measures.quality(test.labels, baseline.predict_proba(test.values[:, [column]])[:, 1]).items():
        figures[f"baseline_{name}"] = value
    if champion := registry.version_by_alias(CHAMPION):
        # A champion of features that are gone cannot be compared, and is no reason not to train.
        try:
            test = FeatureFile(run, tuple(registry.reference(champion)["features"])).test()
            scores = registry.load(champion).predict_proba(test.values)[:, 1]
            figures["champion_roc_auc"] = measures.quality(test.labels, scores)["roc_auc"]
        except Failure as error:
            log.warning("Version %s, the champion, cannot be compared: %s", champion.version, error)
    return figures


def _faults(run: Run, figures: dict[str, float]) -> list[str]:
    limits, faults = run.settings.quality, []
    gain = figures["roc_auc"] - figures["baseline_roc_auc"]
    if gain < limits.gain_over_baseline or figures["brier"] >= figures["baseline_brier"]:
        faults.append(
            f"it does not beat {run.settings.model.baseline} alone: ROC AUC {figures['roc_auc']:.4f} against "
            f"{figures['baseline_roc_auc']:.4f} (at least {limits.gain_over_baseline} more), Brier score "
            f"{figures['brier']:.4f} against {figures['baseline_brier']:.4f}"
        )
    if figures["calibration_error"] > limits.calibration_error + figures["calibration_chance"]:
        faults.append(
            f"its calibration error {figures['calibration_error']:.3f} is over {limits.calibration_error} and the "
            f"{figures['calibration_chance']:.3f} of chance"
        )
    loss = figures.get("champion_roc_auc", 0) - figures["roc_auc"]
    if loss > limits.loss_to_champion:
        faults.append(
            f"its ROC AUC {figures['roc_auc']:.4f} is less than the champion's {figures['champion_roc_auc']:.4f} by "
            f"more than {limits.loss_to_champion}"
        )
    return faults


def _reference(features: FeatureFile, model: Classifier) -> dict[str, Any]:
    rows: Rows = features.training()
    spreads = {name: measures.spread(rows.values[:, place]) for place, name in enumerate(features.columns)}
    return {"features": spreads, "score": measures.spread(model.predict_proba(rows.values)[:, 1])}


def _register(
    run: Run, registry: Registry, model: Classifier, figures: dict[str, float], reference: dict[str, Any]
) -> Any:
    """Return the version under which MLflow keeps the model."""
    with answering():
        mlflow.set_experiment(registry.name)
        with mlflow.start_run(run_name=run.run_id, tags={RUN_TAG: run.run_id, **run.labels}):
            mlflow.log_params(run.settings.model.parameters)
            mlflow.log_metrics(figures)
            mlflow.log_dict(reference, REFERENCE)
            mlflow.log_dict(run.settings.model_dump(mode="json"), "settings.json")
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                pip_requirements=REQUIREMENTS,
                # Unlike a pickle it cannot run code when it is loaded.
                serialization_format="skops",
                skops_trusted_types=TRUSTED,
                pyfunc_predict_fn="predict_proba",
            )
            return mlflow.register_model(info.model_uri, registry.name, tags={RUN_TAG: run.run_id})


if __name__ == "__main__":
    command.main(STAGE, train)
