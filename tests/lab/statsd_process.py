"""A StatsD exporter as tests use it, the lab's own or the official one: a real process, lines in, a page out."""

import math
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self

import httpx

from lab.settings import REPOSITORY

EMBEDDED = (sys.executable, "-m", "lab.statsd_exporter")
MAPPING = REPOSITORY / "prometheus" / "statsd_mapping.yml"
DEADLINE_SECONDS = 20
LINES_PER_PACKET = 10
PACKETS_AT_ONCE = 20

NOT_OF_LINES = re.compile(
    "go_|process_|promhttp_|statsd_metric_mapper_cache_"
    "|statsd_exporter_(build|config|event_queue|series|tcp|udp|unixgram)_"
    "|statsd_exporter_series "
)
SAMPLE_LINE = re.compile(r"(?P<name>[a-zA-Z_]\w*)(\{(?P<labels>.*)\})? (?P<value>\S+)", re.ASCII)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"', re.ASCII)
# A sample's name, then its labels in order.
SampleKey = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class StatsdProcess:
    """A context manager around one exporter; `log` is what it printed so far."""

    log: Path
    command: tuple[str, ...] = EMBEDDED
    mapping: Path = MAPPING
    udp_port: int = field(default_factory=lambda: _free_port(socket.SOCK_DGRAM))
    http_port: int = field(default_factory=lambda: _free_port(socket.SOCK_STREAM))
    sent: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        options = (
            f"--statsd.listen-udp=127.0.0.1:{self.udp_port}",
            "--statsd.listen-tcp=",
            f"--web.listen-address=127.0.0.1:{self.http_port}",
            f"--statsd.mapping-config={self.mapping}",
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=10, trust_env=False)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.connect(("127.0.0.1", self.udp_port))
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.command, *options], cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT
            )
        self.wait_until("it answers /-/healthy", self._is_healthy)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE_SECONDS)
        self._udp.close()
        self._http.close()

    def send_packet(self, packet: bytes) -> None:
        """Send one packet as it is."""
        self._udp.send(packet)
        self.sent += packet.count(b"\n") + 1

    def send(self, lines: Iterable[str]) -> None:
        """Send lines, a few a packet, and wait until every one of them was counted."""
        for number, packet in enumerate(_batched(lines), 1):
            self.send_packet("\n".join(packet).encode())
            # The official exporter has the usual small receive buffer.
            if number % PACKETS_AT_ONCE == 0:
                self.wait_for_lines()
        self.wait_for_lines()

    def wait_for_lines(self) -> None:
        """Wait until everything sent has been counted."""
        self.wait_until(
            f"{self.sent} lines are counted", lambda: self.value("statsd_exporter_lines_total") >= self.sent
        )

    def get(self, path: str) -> httpx.Response:
        """Ask over HTTP."""
        return self._http.get(path)

    def page(self) -> str:
        """Return the text of /metrics."""
        return self._http.get("/metrics").raise_for_status().text

    def page_of(self, lines: Iterable[str]) -> str:
        """Send lines; return the page once it shows the last of them, later than the count at the official one."""
        self.send([*lines, "last.line:1|c"])
        self.wait_until("the last line is on the page", lambda: "\nlast_line 1" in self.page())
        return self.page()

    def value(self, name: str, **labels: str) -> float:
        """Return one sample's value; 0 if it is not there."""
        text = "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}" if labels else ""
        found = re.search(rf"^{re.escape(name + text)} (\S+)$", self.page(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def wait_until(self, what: str, condition: Callable[[], object]) -> None:
        """Poll until a condition holds; after a while fail, saying what was waited for."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert self.process.poll() is None, f"{self.command[0]} ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, (
                f"waited {DEADLINE_SECONDS} s in vain until {what}:\n{self.log.read_text()}"
            )
            time.sleep(0.02)

    def _is_healthy(self) -> bool:
        try:
            return self._http.get("/-/healthy").is_success
        except httpx.TransportError:
            return False


def samples(page: str) -> dict[SampleKey, float]:
    """Take a page apart: the value of every sample, by its literal name."""
    found: dict[SampleKey, float] = {}
    for line in page.splitlines():
        if match := SAMPLE_LINE.fullmatch(line):
            key = (match["name"], tuple(sorted(LABEL.findall(match["labels"] or ""))))
            assert key not in found, f"{key} stands twice"
            found[key] = float(match["value"])
        else:
            assert line.startswith("# "), f"no sample, type or help: {line!r}"
    return found


def comparable(page: str) -> str:
    """Return what a page says of the lines that were sent, without what it says of packets, caches and the process."""
    kept: list[str] = []
    type_line = ""
    for line in page.splitlines(keepends=True):
        if line.startswith("# TYPE "):
            type_line = line
        elif not line.startswith("#") and not NOT_OF_LINES.match(line):
            kept += [type_line, line]
            type_line = ""
    return "".join(kept)


def differences(page: str, expected: str) -> list[str]:
    """Compare what two pages say of the lines that were sent; return a sentence for each difference."""
    page, expected = comparable(page), comparable(expected)
    got, wanted = samples(page), samples(expected)
    return [
        f"{key}: {got.get(key)}, not {wanted.get(key)}"
        for key in sorted(got.keys() | wanted.keys())
        if not math.isclose(got.get(key, math.nan), wanted.get(key, math.nan), rel_tol=1e-12)
    ] + [f"in one page alone: {line}" for line in sorted(_types(page) ^ _types(expected))]


def _types(page: str) -> set[str]:
    return set(re.findall("^# TYPE .*", page, re.MULTILINE))


def _batched(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
    iterator = iter(lines)
    while batch := tuple(islice(iterator, LINES_PER_PACKET)):
        yield batch


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
