"""The integration of new orders into the churn model, as the demo shows it: its champion and what that says."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
from rich import box
from rich.table import Table

from lab.airflow_api import AirflowApi, Run
from lab.errors import LabError
from lab.progress import Progress
from lab.settings import Settings

DAG_ID = "mlops_churn_integration"
PROJECT = "churn"
# What the training measures, of the model and of the baseline, and what a person calls it.
MEASURES = {"roc_auc": "ROC AUC", "brier": "Brier score", "calibration_error": "calibration error"}
# Two customers to ask the champion about.
CUSTOMERS: Mapping[str, Mapping[str, float]] = {
    "bought 3 days ago, 12 orders in half a year": {
        "recency_days": 3,
        "tenure_days": 170,
        "orders": 12,
        "recent_order_share": 0.4,
        "spend_usd": 1800,
        "recent_spend_share": 0.4,
        "failed_share": 0,
        "pauses_missed": 0.2,
    },
    "silent for 4 months after 3 orders": {
        "recency_days": 120,
        "tenure_days": 170,
        "orders": 3,
        "recent_order_share": 0,
        "spend_usd": 400,
        "recent_spend_share": 0,
        "failed_share": 0.25,
        "pauses_missed": 3.8,
    },
}
# The inference API looks for another champion every few seconds.
FOLLOW_SECONDS = 30
POLL_SECONDS = 0.5


def show(settings: Settings, api: AirflowApi, run: Run, progress: Progress) -> None:
    """Show what a run that succeeded has made: the champion against the baseline, and its scores of two customers.

    Raises:
        LabError: the inference API does not answer with the new champion.

    """
    trained, champion = api.result(run, "train_model"), api.result(run, "promote_model")["champion"]
    scores = {who: _score(settings, who, features, champion) for who, features in CUSTOMERS.items()}
    figures = trained["metrics"]
    table = Table(f"version {champion} of {PROJECT}, the champion", "model", "baseline", box=box.SIMPLE_HEAD)
    for measure, words in MEASURES.items():
        table.add_row(words, f"{figures[measure]:.3f}", f"{figures[f'baseline_{measure}']:.3f}")
    table.add_section()
    for who, score in scores.items():
        table.add_row(who, f"{score:.3f}")
    for column in table.columns[1:]:
        column.justify = "right"
    progress.console.print(table)


def _score(settings: Settings, who: str, features: Mapping[str, float], champion: str) -> float:
    """Return how likely the customer is gone, by the inference API as soon as it has taken over the champion."""
    address = f"{settings.ml_api_url}/v1/{PROJECT}/score"
    deadline = time.monotonic() + FOLLOW_SECONDS
    while True:
        try:
            answer = httpx.post(address, json={"id": who, **features}, trust_env=False)
        except httpx.HTTPError as error:
            raise LabError(f"{address} does not answer: {error}\n`make logs NAME=inference-api` tells more.") from error
        said: dict[str, Any] = answer.json()
        if said.get("version") == champion:
            return float(said["score"])
        if time.monotonic() > deadline:
            raise LabError(
                f"{address} does not score by version {champion} after {FOLLOW_SECONDS} s, but says: {answer.text}\n"
                "`make logs NAME=inference-api` tells more."
            )
        time.sleep(POLL_SECONDS)
