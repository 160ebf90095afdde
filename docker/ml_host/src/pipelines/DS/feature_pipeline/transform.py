"""The feature pipeline: one query over the datamart, its result checked and kept under the run's name.

    python -m src.pipelines.DS.feature_pipeline.transform --project churn --environment dev --run-id RUN

Running it twice for a run leaves the same file as running it once. `--source` reads another place than the
configuration's.
"""

import argparse
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from src import command, signals
from src.command import Run
from src.configuration import filled
from src.failures import DataUnusable
from src.pipelines.DS.feature_pipeline.features import FILE, FeatureFile, difference
from src.storage import fetch

MEMORY = "2GB"
STAGE = "features"


def transform(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    """Compute and keep the features of a run; return how many rows there are to learn from, to test with, to score.

    Raises:
        InputMissing: there is no datamart.
        DataUnusable: the datamart, or what came out, is not as agreed.
        ServiceAway: S3 does not answer.

    """
    location = filled(arguments.source or run.settings.source.location)
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=run.folder.parent, prefix=".new-") as temporary:
        scratch = Path(temporary)
        (scratch / "source").mkdir()
        (scratch / "result").mkdir()
        files = fetch(location, scratch / "source")
        connection = _connect(scratch)
        _read(connection, files, location, run.settings.source.columns)
        _compute(connection, run, scratch / "result" / FILE)
        facts = _checked(connection, scratch / "result" / FILE, run)
        shutil.rmtree(run.folder, ignore_errors=True)
        (scratch / "result").rename(run.folder)
    FeatureFile(run)
    _forget_old_runs(run)
    for kind, rows in facts.items():
        signals.gauge("lab.ml.rows", rows, kind=kind, **run.labels)
    return {"source": location, "features": str(run.folder / FILE), **facts}


def _connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={"memory_limit": MEMORY, "temp_directory": str(scratch / "spill"), "threads": os.cpu_count() or 1}
    )
    connection.execute("SET preserve_insertion_order = false")
    return connection


def _read(connection: duckdb.DuckDBPyConnection, files: list[Path], location: str, wanted: dict[str, str]) -> None:
    names = [str(file) for file in files]
    try:
        # Files that Athena writes have no suffix.
        source = (
            connection.read_csv(names, all_varchar=True)  # type: ignore[arg-type]  # takes a list, too
            if files[0].suffix == ".csv"
            else connection.read_parquet(names, union_by_name=True)
        )
    except duckdb.Error as error:
        raise DataUnusable(f"The data at {location} cannot be read: {error}") from error
    found = dict(zip(source.columns, map(str, source.types), strict=True))
    agreed = {name: kind for name, kind in found.items() if name in wanted}  # further columns do no harm
    if agreed != {name: wanted[name] for name in agreed} or len(agreed) < len(wanted):
        raise DataUnusable(
            f"The data at {location} are not as agreed: {difference(agreed, wanted)}. Found {', '.join(found)}. Ask "
            "the data team what has changed, or adapt source.columns and the query."
        )
    source.create_view("source")


def _compute(connection: duckdb.DuckDBPyConnection, run: Run, path: Path) -> None:
    query = Path(__file__).with_name(run.settings.features.query).read_text(encoding="utf-8")
    try:
        connection.execute(
            f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)",
            run.settings.features.parameters,
        )
    except duckdb.Error as error:
        raise DataUnusable(f"{run.settings.features.query} failed on the data: {error}") from error


def _checked(connection: duckdb.DuckDBPyConnection, path: Path, run: Run) -> dict[str, int]:
    """Return the numbers of rows; raise DataUnusable naming every fault at once."""
    features = connection.read_parquet(str(path))
    kept = [name for name in features.columns if name != "label"]
    bounds = run.settings.features.columns
    empty = features.aggregate(", ".join(f'count(*) - count("{name}")' for name in kept)).fetchall()[0]
    faults = [f"{count} rows lack {name}" for name, count in zip(kept, empty, strict=True) if count]
    for name, bound in bounds.items():
        outside = features.filter(f'NOT "{name}" BETWEEN {bound.minimum} AND {bound.maximum}').shape[0]
        faults += [f"{outside} rows have {name} outside {bound.minimum:g} to {bound.maximum:g}"] if outside else []
    labelled = features.filter("label IS NOT NULL").shape[0]
    positive = features.filter("label").shape[0]
    if labelled < run.settings.quality.rows:
        faults.append(f"{labelled} labelled rows are fewer than the {run.settings.quality.rows} of quality.rows")
    if positive in {0, labelled}:
        faults.append("all labels are the same")
    if faults:
        raise DataUnusable(f"The features of {run.project} make no sense: {'; '.join(faults)}.")
    return {"labelled": labelled, "positive": positive, "to_score": features.shape[0] - labelled}


def _forget_old_runs(run: Run) -> None:
    runs = [folder for folder in run.folder.parent.iterdir() if not folder.name.startswith(".")]
    for folder in sorted(runs, key=lambda folder: folder.stat().st_mtime)[: -run.settings.keep_runs]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    command.main(STAGE, transform, "--source=")
