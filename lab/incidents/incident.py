"""An incident: what is done to which parts of the lab, what must come of it, and what there is to say about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.alerts import WATCHDOG, Alert
from lab.incidents.faults import Fault


@dataclass(frozen=True)
class Expected:
    """An alert that an incident causes, by its name and those of its labels that matter."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, alert: Alert) -> bool:
        """Whether this is the alert."""
        return alert.name == self.name and self.labels.items() <= alert.labels.items()

    def __str__(self) -> str:
        labels = ", ".join(f"{name}={value}" for name, value in self.labels.items())
        return f"{self.name} ({labels})" if labels else self.name


@dataclass(frozen=True)
class Incident:
    """One declaration.

    Attributes:
        name: what `make incident NAME=` calls it.
        title: what has happened, in a line.
        happens: what is done to which part, and what comes of it.
        faults: what is done; healed in the same order.
        fires: the alerts that people are told of.
        within: how many seconds after the cause all of these fire, at the latest.
        hides: alerts that may fire as well, but that Alertmanager must keep back: they follow from the others.
        may_follow: alerts that may fire, by what else goes on in the lab, and need not.
        resolves_within: how many seconds after the repair the last alert is gone, at the latest.
        relies_on: parts that have to be well for all this to be seen; what is done to them are other incidents.
        after: DAGs that must have succeeded before; those that have not, are run first.
        look: where a person sees it: dashboards, by uid, in the order in which one looks.
        heals: how it is healed, by `make heal` and in the real world.
        say: what to say about it in an interview.

    """

    name: str
    title: str
    happens: str
    faults: tuple[Fault, ...]
    fires: tuple[Expected, ...]
    within: int
    resolves_within: int
    look: tuple[str, ...]
    heals: str
    say: str
    hides: tuple[Expected, ...] = ()
    may_follow: tuple[Expected, ...] = ()
    relies_on: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()

    @property
    def touches(self) -> frozenset[str]:
        """The parts, files and DAGs that it does something to."""
        return frozenset().union(*(fault.touches for fault in self.faults))

    def disturbs(self, other: "Incident") -> bool:
        """Whether the two cannot be open at the same time: one would change what the other one does or shows."""
        return bool(
            self.touches & (other.touches | other.relies_on)
            or self.relies_on & other.touches
            or {str(one) for one in self.fires} & {str(one) for one in other.fires}
        )

    def causes(self, alert: Alert) -> bool:
        """Whether the alert is one of this incident's."""
        return any(expected.matches(alert) for expected in (*self.fires, *self.hides, *self.may_follow))


def unexpected(alerts: Iterable[Alert], incidents: Iterable[Incident]) -> list[Alert]:
    """Return the alerts that none of the incidents declares."""
    declared = list(incidents)
    return [
        alert for alert in alerts if alert.name != WATCHDOG and not any(incident.causes(alert) for incident in declared)
    ]


def waves(incidents: Iterable[Incident]) -> list[list[Incident]]:
    """Share the incidents out among few groups in each of which none disturbs another."""
    declared = list(incidents)
    found: list[list[Incident]] = []
    # Those first that go with the fewest.
    for incident in sorted(declared, key=lambda one: -sum(one.disturbs(other) for other in declared)):
        for wave in found:
            if not any(incident.disturbs(other) for other in wave):
                wave.append(incident)
                break
        else:
            found.append([incident])
    return found
