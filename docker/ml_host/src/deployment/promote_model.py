"""The promotion: a run's version becomes the champion if it has passed every check, and never otherwise.

    python -m src.deployment.promote_model --project churn --environment dev --run-id RUN
    python -m src.deployment.promote_model --project churn --environment dev --run-id RUN --rollback

The rollback takes back whatever the run has done to the aliases: its version is no challenger any more and, if it was
the champion, the one before it is champion again. Both may be repeated.
"""

import argparse
import logging
import time
from typing import Any

from src import command, signals
from src.command import Run
from src.failures import PromotionRefused
from src.registry import CHALLENGER, CHAMPION, CHECKS, PASSED, PREVIOUS, Registry

STAGE = "promotion"
# A tag of a version: when it became the champion, in seconds since 1970; it stays when another one follows.
PROMOTED_AT = "promoted_at"

log = logging.getLogger(__name__)


def work(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    """Promote the run's version, or roll it back; return the versions concerned."""
    registry = Registry(run.settings.registered_model)
    result = roll_back(run, registry) if arguments.rollback else promote(run, registry)
    champion = registry.version_by_alias(CHAMPION)
    if champion is not None:
        signals.gauge("lab.ml.champion_version", float(champion.version), **run.labels)
        # A champion that a person has appointed in MLflow has no such tag.
        if since := champion.tags.get(PROMOTED_AT):
            signals.gauge("lab.ml.champion_since_timestamp_seconds", float(since), **run.labels)
    return result


def promote(run: Run, registry: Registry) -> dict[str, Any]:
    """Make the run's version the champion.

    Raises:
        InputMissing: the run has trained no version.
        PromotionRefused: the version has failed a check, or one has not been made.

    """
    version = registry.trained_version(run.run_id)
    open_checks = [
        f"{check} {version.tags.get(check, 'not tested')}" for check in CHECKS if version.tags.get(check) != PASSED
    ]
    champion = registry.version_by_alias(CHAMPION)
    if open_checks:
        stays = f"version {champion.version} stays the champion" if champion else "there is no champion"
        raise PromotionRefused(
            f"Version {version.version} of {registry.name} is not promoted: {', '.join(open_checks)}; {stays}."
        )
    previous = champion.version if champion else None
    if previous != version.version:
        if champion:
            registry.point(PREVIOUS, champion)
        registry.tag(version, **{PROMOTED_AT: f"{time.time():.0f}"})
        registry.point(CHAMPION, version)
        log.info("Version %s of %s is the champion now; before: %s.", version.version, registry.name, previous)
    if _is(registry, CHALLENGER, version.version):
        registry.unpoint(CHALLENGER)
    return {"champion": version.version, "previous": previous}


def roll_back(run: Run, registry: Registry) -> dict[str, Any]:
    """Undo what the run has done to the aliases; a run that trained nothing has done nothing."""
    version = registry.version_of_run(run.run_id)
    champion = registry.version_by_alias(CHAMPION)
    if version is not None:
        registry.tag(version, rolled_back="true")
        if _is(registry, CHALLENGER, version.version):
            registry.unpoint(CHALLENGER)
        if champion and champion.version == version.version:
            champion = registry.version_by_alias(PREVIOUS)
            if champion:
                registry.point(CHAMPION, champion)
                registry.unpoint(PREVIOUS)
            else:
                registry.unpoint(CHAMPION)
    signals.count("lab.ml.rollback", **run.labels)
    now = champion.version if champion else None
    log.info("The champion of %s is %s.", registry.name, f"version {now}" if now else "nobody")
    return {"champion": now, "rolled_back": version.version if version else None}


def _is(registry: Registry, alias: str, number: str) -> bool:
    version = registry.version_by_alias(alias)
    return version is not None and version.version == number


if __name__ == "__main__":
    command.main(STAGE, work, "--rollback")
