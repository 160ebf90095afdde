"""Features of one run: the file that the feature pipeline leaves, and its rows for training, for tests and to score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from src.command import Run
from src.failures import DataUnusable, InputMissing

FILE = "features.parquet"
Matrix = npt.NDArray[np.float64]
# An id's place in the split is a matter of the id alone: a customer never moves from the test set to the training set.
SPLIT = "md5(id) < $split"


@dataclass(frozen=True)
class Rows:
    """Some rows: `values` is rows by features, `labels` True for what the model warns of; both float64 and bool."""

    ids: npt.NDArray[np.object_]
    groups: npt.NDArray[np.object_]
    values: Matrix
    labels: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


class FeatureFile:
    """The features of a run: those of the configuration, or `columns`, checked when it is opened.

    The file may hold others besides. A champion that was trained on other features than today's still finds its own.

    Raises:
        InputMissing: the feature pipeline has not run for this run.
        DataUnusable: the file is damaged, or was written for other features.

    """

    def __init__(self, run: Run, columns: Sequence[str] = ()) -> None:
        self.run = run
        self.path = run.folder / FILE
        if not self.path.exists():
            raise InputMissing(
                f"There are no features of run {run.run_id} of {run.project} in {run.environment} ({self.path}). "
                "Run the feature pipeline of this run first."
            )
        self.columns = tuple(columns or run.settings.features.columns)
        wanted = {"id": "VARCHAR", "group": "VARCHAR", **dict.fromkeys(self.columns, "DOUBLE"), "label": "BOOLEAN"}
        try:
            described = self._query("SELECT * FROM features LIMIT 0").description
        except duckdb.Error as error:
            raise DataUnusable(f"{self.path} cannot be read: {error}. Run the feature pipeline again.") from error
        found = {name: str(kind) for name, kind, *_ in described if name in wanted}
        if found != wanted:
            raise DataUnusable(
                f"{self.path} was written for other features: {difference(found, wanted)}. Run the feature pipeline "
                "again."
            )

    def training(self) -> Rows:
        """Return the labelled rows that a model may learn from."""
        return self._rows(f"label IS NOT NULL AND NOT ({SPLIT})")

    def test(self) -> Rows:
        """Return the labelled rows that a model must never have seen."""
        return self._rows(f"label IS NOT NULL AND {SPLIT}")

    def unlabelled(self) -> Rows:
        """Return the rows of now, of which nobody knows yet how they end; their labels are all False."""
        return self._rows("label IS NULL AND $split IS NOT NULL")

    def _rows(self, condition: str) -> Rows:
        # The configuration's figure as the first of the hash's digits, which are spread evenly.
        split = f"{int(self.run.settings.model.test_share * 2**32):08x}"
        names = ", ".join(f'"{name}"' for name in self.columns)
        columns = f'id, "group", {names}, coalesce(label, false) AS label'
        sql = f"SELECT {columns} FROM features WHERE {condition} ORDER BY id"  # noqa: S608 - of the configuration
        found: dict[str, Any] = self._query(sql, {"split": split}).fetchnumpy()
        values = np.column_stack([np.asarray(found[name], dtype=np.float64) for name in self.columns])
        return Rows(
            ids=np.asarray(found["id"], dtype=object),
            groups=np.asarray(found["group"], dtype=object),
            values=values,
            labels=np.asarray(found["label"], dtype=bool),
        )

    def _query(self, sql: str, parameters: dict[str, str] | None = None) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.from_parquet(str(self.path)).create_view("features")
        return connection.execute(sql, parameters or {})


def difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """Return how columns are not those that are wanted, for a message."""
    faults = [f"{name} is missing" for name in wanted if name not in found]
    faults += [f"{name} is {found[name]}, not {kind}" for name, kind in wanted.items() if found.get(name, kind) != kind]
    return "; ".join(faults)
