"""What a StatsD exporter says about itself, under the names of the official one, so that the same alerts fit both."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lab.statsd_intake import Counts
from lab.statsd_series import MOST_SERIES, Registry, Type


class SelfMetrics(Collector):
    """Collects the counts when the page is asked for. `dropped` tells how many packets the kernel dropped so far."""

    def __init__(self, counts: Counts, registry: Registry, mappings: int, dropped: Callable[[], int]) -> None:
        self._counts = counts
        self._registry = registry
        self._mappings = mappings
        self._dropped = dropped

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        counts = self._counts
        yield _counter("udp_packets", "Packets received over UDP.", counts.packets)
        yield _counter(
            "udp_packet_drops", "Packets dropped by the kernel: its receive buffer was full.", self._dropped()
        )
        yield _counter("lines", "StatsD lines received.", counts.lines)
        yield _counter("samples", "StatsD samples received.", counts.samples)
        yield _by("sample_errors", "Lines and samples refused, by reason.", ("reason",), counts.sample_errors)
        yield _counter("tags", "Samples with tags received.", counts.tags)
        yield _counter("tag_errors", "Tags left out: no name or no value.", counts.tag_errors)
        yield _by("events", "Samples taken in, by type.", ("type",), counts.events)
        yield _counter("events_unmapped", "Samples that no mapping matches.", counts.actions["unmapped"])
        # Like the official one, without a 0 for what has not been yet.
        mapped = {action: times for action in ("map", "drop") if (times := counts.actions[action])}
        yield _by("events_actions", "Samples that a mapping matches, by its action.", ("action",), mapped)
        yield _by("events_error", "Samples discarded, by reason.", ("reason",), counts.event_errors)
        yield _by(
            "events_conflict",
            "Samples whose metric has a name that another metric has.",
            ("type", "metric_name"),
            counts.conflicts,
        )
        yield _by(
            "series_refused",
            "Samples refused because of too many series of the metric; if it is empty, of all, or of too many metrics.",
            ("metric_name",),
            counts.refused,
        )
        types = GaugeMetricFamily(
            "statsd_exporter_metrics_total", "Metrics with different label names.", labels=["type"]
        )
        for type_ in get_args(Type):
            if label_sets := self._registry.label_sets(type_):
                types.add_metric([type_], label_sets)
        yield types
        yield _gauge("loaded_mappings", "Mappings in the mapping file.", self._mappings)
        yield _gauge("series", "Series held; a histogram is one.", len(self._registry))
        yield _gauge("series_limit", "Series held at most.", MOST_SERIES)


def registry_of(metrics: SelfMetrics) -> CollectorRegistry:
    """Return a registry of these metrics and of the process: memory, processor time, start."""
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    return registry


def names(registry: CollectorRegistry) -> set[str]:
    """Return every name that a registry's page may hold."""
    return {family.name + ("_total" if family.type == "counter" else "") for family in registry.collect()}


def _counter(name: str, help_: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"statsd_exporter_{name}", help_, value=value)


def _gauge(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"statsd_exporter_{name}", help_, value=value)


def _by(name: str, help_: str, labels: tuple[str, ...], values: Mapping[Any, int]) -> CounterMetricFamily:
    """Make a counter of values by label, or by a tuple of labels."""
    family = CounterMetricFamily(f"statsd_exporter_{name}", help_, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else list(key), value)
    return family
