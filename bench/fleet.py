"""Two hundred DAGs, simulated: what their metrics cost Prometheus in rules, dashboards and series."""

import json
import re
import socket
import statistics
import time
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure, seconds
from bench.http import ask, samples
from lab.settings import REPOSITORY, Settings

_CAPTURE = REPOSITORY / "tests" / "lab" / "captures" / "airflow-3.3.2-day.statsd"
_DASHBOARDS = REPOSITORY / "grafana" / "generated"
_RECORDED = "orders_pipeline"
_DAGS = 200
_TASKS = 5
_ONE_IN = 100  # DAGs whose run also fails
_RUNS = 1000
_LINES_A_SECOND = 2_000
_CYCLE_SECONDS = 5.0
_CYCLES = 12
_SCRAPED_SECONDS = 15
_EVALUATED_SECONDS = 185  # every group of rules
_REPEATS = 3
_STEP_SECONDS = 5  # the shortest that Grafana asks for: that of the scrapes
# The durations that Grafana puts in, which follow from the step; for a dashboard's own variables, whatever there is.
_DURATIONS = {"__interval": "5s", "__rate_interval": "20s"}
_EVERY = ".*"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def measure(settings: Settings) -> list[Figure]:
    """Feed the running lab's exporter, then ask its Prometheus."""
    fleet = _Fleet(settings)
    fleet.run(_DAGS)
    time.sleep(_SCRAPED_SECONDS)
    before = _series(settings)
    fleet.run(_RUNS)
    time.sleep(_EVALUATED_SECONDS)
    after = _series(settings)
    return [
        Figure(f"series of {_DAGS} DAGs, {_RUNS:,} runs later", f"{after:,}", f"{before:,} before", "", f"{before:,}"),
        _rules(settings),
        _dashboards(settings),
    ]


@dataclass(frozen=True)
class _Question:
    """A query as Grafana asks it: over so many seconds until now, or of this moment, if 0, and for how long a step."""

    prometheus: str
    expression: str
    seconds: int
    step: int

    def ask(self) -> None:
        """Have it answered."""
        now = time.time()
        if self.seconds:
            over = {"start": now - self.seconds, "end": now, "step": self.step}
            ask(f"{self.prometheus}/api/v1/query_range", query=self.expression, **over)
        else:
            ask(f"{self.prometheus}/api/v1/query", query=self.expression, time=now)


class _Fleet:
    """Sends runs as a recorded DAG has them, each in the name of the next DAG."""

    def __init__(self, settings: Settings) -> None:
        lines = [line for line in _CAPTURE.read_text().splitlines() if f"dag_id={_RECORDED}" in line]
        tasks = sorted({found[1] for line in lines if (found := re.search(r"task_id=(\w+)", line))})[:_TASKS]
        # One of each kind.
        kinds = {line.partition(":")[0]: line for line in lines}
        self._lines = [
            line
            for kind, line in kinds.items()
            if not (found := re.search(r"task_id=(\w+)", kind)) or found[1] in tasks
        ]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.connect(("127.0.0.1", settings.statsd_port))
        self._next = 0

    def run(self, runs: int) -> None:
        """Send so many runs, no faster than the exporter takes them with ease."""
        began, sent = time.perf_counter(), 0
        for _ in range(runs):
            number = self._next % _DAGS
            self._next += 1
            for line in self._lines:
                if "fail" in line and number % _ONE_IN:
                    continue
                self._udp.send(line.replace(f"dag_id={_RECORDED}", f"dag_id=fleet_{number:03}").encode())
                sent += 1
            time.sleep(max(0.0, sent / _LINES_A_SECOND - (time.perf_counter() - began)))


def _series(settings: Settings) -> int:
    return int(samples(settings.prometheus_url, 'count({job="statsd-exporter",dag_id=~"fleet_.*"})')[0][1])


def _rules(settings: Settings) -> Figure:
    cycles, together = [], []
    for _ in range(_CYCLES):
        took = dict(_by_group(settings, "prometheus_rule_group_last_duration_seconds"))
        every = dict(_by_group(settings, "prometheus_rule_group_interval_seconds"))
        cycles.append(sum(took[group] * _CYCLE_SECONDS / every[group] for group in took))
        together.append(sum(took.values()))
        time.sleep(_CYCLE_SECONDS)
    return Figure(
        f"rules of {_DAGS} DAGs, a cycle of {_CYCLE_SECONDS:.0f} s",
        f"{statistics.median(cycles) * 1000:.0f} ms",
        f"{statistics.median(together) * 1000:.0f} ms where all groups meet",
        "",
        "50 ms",
    )


def _by_group(settings: Settings, metric: str) -> list[tuple[str, float]]:
    return [(labels["rule_group"], value) for labels, value in samples(settings.prometheus_url, metric)]


def _dashboards(settings: Settings) -> Figure:
    took = {
        f"{path.stem}: {name}": statistics.median(seconds(question.ask) for _ in range(_REPEATS))
        for path in sorted(_DASHBOARDS.glob("*.json"))
        for name, question in _questions(settings, json.loads(path.read_text(encoding="utf-8")))
    }
    slowest = max(took, key=took.__getitem__)
    return Figure(f"slowest of {len(took)} dashboard queries", f"{took[slowest] * 1000:.0f} ms", slowest, "", "500 ms")


def _questions(settings: Settings, dashboard: dict[str, Any]) -> list[tuple[str, _Question]]:
    """Return what Grafana asks for each panel and annotation, over the dashboard's own range of time."""
    shown = _long(dashboard["time"]["from"].removeprefix("now-"))
    asked = [
        (
            f"{panel['title']} {target['refId']}",
            target["expr"],
            0 if target.get("instant") else shown,
            _long(target.get("interval") or f"{_STEP_SECONDS}s"),
        )
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    asked += [
        (one["name"], one["expr"], shown, _STEP_SECONDS) for one in dashboard["annotations"]["list"] if "expr" in one
    ]
    return [
        (name, _Question(settings.prometheus_url, _filled(expression), over, step))
        for name, expression, over, step in asked
    ]


def _long(duration: str) -> int:
    """Return the seconds of a duration such as 15m."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def _filled(expression: str) -> str:
    return re.sub(r"\$([a-z_]\w*)", lambda name: _DURATIONS.get(name[1], _EVERY), expression)
