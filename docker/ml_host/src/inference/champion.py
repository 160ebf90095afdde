"""The champion in use: loaded from the registry, taken over from there while the old one goes on scoring."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from src import measures
from src.configuration import Project
from src.failures import Failure
from src.registry import CHAMPION, Classifier, Registry

# How many of the latest scores drift is judged by, and how few are too few to say.
WINDOW = 2_000
LEAST = 200

log = logging.getLogger(__name__)


@dataclass
class Champion:
    """One version, ready to score, with what its features looked like when it was trained and what they look like now.

    `recent` holds the values of the latest rows that were scored.
    """

    version: str
    model: Classifier
    reference: dict[str, Any]
    columns: tuple[str, ...]
    recent: deque[Sequence[float]] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def score(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Return the probability of each row, from 0 to 1."""
        self.recent.extend(rows[-WINDOW:])
        scores: list[float] = self.model.predict_proba(np.array(rows, dtype=np.float64))[:, 1].tolist()
        return scores

    def drift(self) -> Iterable[tuple[str, float]]:
        """Yield the population stability index of each feature over the latest scores, if they are enough."""
        rows = list(self.recent)
        if len(rows) >= LEAST:
            values = np.array(rows)
            for place, name in enumerate(self.columns):
                yield name, measures.psi_of(self.reference["features"][name], values[:, place])


class Seat:
    """Where the champion of one project sits. `champion` is None as long as nobody was ever promoted.

    `error` says why the registry was of no use when it was last asked; empty if it was.
    """

    def __init__(self, project: str, settings: Project) -> None:
        self.project = project
        self.settings = settings
        self.champion: Champion | None = None
        self.error = "not asked yet"
        self._registry = Registry(settings.registered_model)

    async def follow(self, seconds: float) -> None:
        """Ask the registry for the champion for ever; whatever goes wrong, the last one stays."""
        while True:
            await self.refresh()
            await asyncio.sleep(seconds)

    async def refresh(self) -> None:
        """Take over the registry's champion if it is another version."""
        try:
            new = await asyncio.to_thread(self._newer)
        except Exception as error:  # whatever it is, it must not end the following
            if self.error != str(error):
                log.warning(
                    "%s: the champion is not to be had: %s",
                    self.project,
                    error,
                    exc_info=not isinstance(error, Failure),
                )
            self.error = str(error)
            return
        self.error = ""
        if new is not None:
            log.info("%s: version %s scores from now on.", self.project, new.version)
            self.champion = new

    def _newer(self) -> Champion | None:
        """Return the registry's champion if it is not the one that sits here."""
        version = self._registry.version_by_alias(CHAMPION)
        if version is None or (self.champion and self.champion.version == str(version.version)):
            # A champion that was taken back without a successor goes on: a shop rather has old scores than none.
            return None
        columns = tuple(self.settings.features.columns)
        champion = Champion(
            str(version.version), self._registry.load(version), self._registry.reference(version), columns
        )
        # The first score is slow, and shows whether the version fits the features: better here than with a customer.
        champion.model.predict_proba(np.array([[bound.minimum for bound in self.settings.features.columns.values()]]))
        return champion
