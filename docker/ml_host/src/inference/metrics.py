"""Metrics of the inference API, in Prometheus's form."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from src.inference.champion import Seat

LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SCORES = tuple(bin_ / 10 for bin_ in range(1, 11))


class Metrics:
    """What is counted while requests are served; `registry` is what `/metrics` shows."""

    def __init__(self, seats: Mapping[str, Seat]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("inference_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.latency = Histogram(
            "inference_latency_seconds",
            "From a request's arrival to its answer.",
            ("route",),
            buckets=LATENCY,
            registry=self.registry,
        )
        self.errors = Counter(
            "inference_errors",
            "Requests not served: invalid (the client's), no_champion or crash (ours).",
            ("kind",),
            registry=self.registry,
        )
        self.scores = Histogram(
            "inference_score", "Scores given.", ("project",), buckets=SCORES, registry=self.registry
        )
        for kind in ("invalid", "no_champion", "crash"):
            self.errors.labels(kind)
        for project in seats:
            self.scores.labels(project)
        self.registry.register(_Champions(seats))


class _Champions(Collector):
    """What is known of the champions, found out when somebody asks."""

    def __init__(self, seats: Mapping[str, Seat]) -> None:
        self._seats = seats

    def collect(self) -> Iterator[GaugeMetricFamily]:
        version = GaugeMetricFamily("inference_model_version", "The version that scores.", labels=["project"])
        registry = GaugeMetricFamily(
            "inference_registry_up", "1 if the registry answered when it was last asked.", labels=["project"]
        )
        drift = GaugeMetricFamily(
            "inference_feature_drift_psi",
            "Population stability index of the latest 2,000 rows scored against the training's.",
            labels=["project", "feature"],
        )
        for project, seat in self._seats.items():
            registry.add_metric([project], 0 if seat.error else 1)
            if seat.champion:
                version.add_metric([project], float(seat.champion.version))
                for feature, value in seat.champion.drift():
                    drift.add_metric([project, feature], value)
        yield from (version, registry, drift)
