"""The lab's StatsD exporter: lines a second on one core, lines lost, memory; beside it the official one, if at hand."""

import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.figure import Figure
from lab.settings import REPOSITORY

_CAPTURE = REPOSITORY / "tests" / "lab" / "captures" / "airflow-3.3.2-day.statsd"
_MAPPING = REPOSITORY / "prometheus" / "statsd_mapping.yml"
_EMBEDDED = (str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "lab.statsd_exporter")
_LINES_A_SECOND = 20_000
_SECONDS = 10
_BURST = 20
_DEADLINE_SECONDS = 10
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class _Outcome:
    """What an exporter made of the flood."""

    lines_per_cpu_second: float
    lost: int
    megabytes: float


def measure() -> list[Figure]:
    """Send each exporter a recorded day of Airflow over and over, 20,000 lines a second, one a packet, as Airflow does.

    Lines a second on one core are lines by processor time, so that the sender's speed is no part of it.
    """
    ours = _flood(_EMBEDDED)
    official = _official()
    theirs = _flood(official) if official else None
    against, ratio, memory, memory_ratio = "", "", "", ""
    if theirs:
        against = f"{theirs.lines_per_cpu_second:,.0f} official, {theirs.lost} lost"
        ratio = f"{ours.lines_per_cpu_second / theirs.lines_per_cpu_second:.2f} x"
        memory, memory_ratio = f"{theirs.megabytes:.0f} MB official", f"{ours.megabytes / theirs.megabytes:.2f} x"
    speed = f"{ours.lines_per_cpu_second:,.0f}, {ours.lost} lost"
    return [
        Figure("StatsD lines/s on one core", speed, against, ratio, "20,000 or more, 0 lost"),
        Figure("StatsD exporter's memory", f"{ours.megabytes:.0f} MB", memory, memory_ratio, "60 MB"),
    ]


def _flood(command: tuple[str, ...]) -> _Outcome:
    lines = _CAPTURE.read_bytes().splitlines()
    wanted = _SECONDS * _LINES_A_SECOND
    with _running(command) as (udp, page):
        before = _read(page)
        began = time.perf_counter()
        for number in range(0, wanted, _BURST):
            while time.perf_counter() - began < number / _LINES_A_SECOND:
                time.sleep(0.0005)
            for line in lines[number % (len(lines) - _BURST) :][:_BURST]:
                udp.send(line)
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while (after := _read(page))["lines"] < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
    return _Outcome(
        after["lines"] / (after["cpu"] - before["cpu"]), round(wanted - after["lines"]), after["memory"] / 1e6
    )


@contextmanager
def _running(command: tuple[str, ...]) -> Iterator[tuple[socket.socket, str]]:
    """Start an exporter; give a socket that is connected to it, and the address of its page."""
    udp_port, http_port = _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_STREAM)
    options = (
        f"--statsd.listen-udp=127.0.0.1:{udp_port}",
        "--statsd.listen-tcp=",
        f"--web.listen-address=127.0.0.1:{http_port}",
        f"--statsd.mapping-config={_MAPPING}",
    )
    page = f"http://127.0.0.1:{http_port}/metrics"
    with tempfile.TemporaryFile() as log, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        process = subprocess.Popen([*command, *options], cwd=REPOSITORY, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + _DEADLINE_SECONDS
            while not _answers(page):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{command[0]} did not answer within {_DEADLINE_SECONDS} s")
                time.sleep(0.1)
            udp.connect(("127.0.0.1", udp_port))
            yield udp, page
        finally:
            process.terminate()
            process.wait(_DEADLINE_SECONDS)


def _answers(page: str) -> bool:
    with suppress(OSError):
        return bool(_read(page))
    return False


def _read(page: str) -> dict[str, float]:
    with _NO_PROXY.open(page, timeout=_DEADLINE_SECONDS) as answer:
        text = answer.read().decode()
    samples = dict(re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE))
    names = {
        "lines": "statsd_exporter_lines_total",
        "cpu": "process_cpu_seconds_total",
        "memory": "process_resident_memory_bytes",
    }
    return {key: float(samples[name]) for key, name in names.items()}


def _official() -> tuple[str, ...]:
    """Return the official exporter's command: from PATH, else the one that the tests have built."""
    built = REPOSITORY / ".tools" / "judges" / "statsd_exporter"
    found = shutil.which("statsd_exporter") or (str(built) if built.exists() else None)
    return (found,) if found else ()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
