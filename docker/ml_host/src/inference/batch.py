"""The batch inference: a score by the champion for every customer, or application, of now.

    python -m src.inference.batch --project churn --environment dev --run-id RUN

Reads the run's features and leaves one Parquet file at the configuration's `scores`: id, group, score, decision,
model_version, run_id. Athena reads it as a table over that prefix. Running it twice leaves one file, as once.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from src import command, signals
from src.command import Run
from src.configuration import filled
from src.failures import InputMissing
from src.pipelines.DS.feature_pipeline.features import FeatureFile
from src.registry import CHAMPION, Registry
from src.storage import store


def score_all(run: Run, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Score and store; return how many rows, by which version, and where they are.

    Raises:
        InputMissing: there is no champion, or there are no features of this run.
        ServiceAway: the registry or S3 does not answer.

    """
    registry = Registry(run.settings.registered_model)
    champion = registry.version_by_alias(CHAMPION)
    if champion is None:
        raise InputMissing(f"There is no champion of {registry.name}. Promote a version first.")
    rows = FeatureFile(run, tuple(registry.reference(champion)["features"])).unlabelled()
    scores = registry.load(champion).predict_proba(rows.values)[:, 1]
    table = pa.table(
        {
            "id": pa.array(rows.ids, pa.string()),
            "group": pa.array(rows.groups, pa.string()),
            "score": pa.array(scores),
            "decision": pa.array(scores >= run.settings.model.decision),
            "model_version": pa.array([int(champion.version)] * len(rows), pa.int32()),
            "run_id": pa.array([run.run_id] * len(rows), pa.string()),
        }
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        pq.write_table(table, path, compression="snappy")
        address = store(path, filled(run.settings.scores), name=path.name)
    signals.gauge("lab.ml.rows", len(rows), kind="scored", **run.labels)
    return {"rows": len(rows), "version": champion.version, "mean_score": float(scores.mean()), "scores": address}


if __name__ == "__main__":
    command.main("batch_inference", score_all)
