"""A real Prometheus as tests use it: it scrapes nothing, and has the samples that a test gives it."""

import math
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lab import monitoring_programs

START_SECONDS = 30
STEP = 5
Labels = Mapping[str, str]
# By name of the metric: each series' labels, and its value so many seconds ago; None where it has no sample.
Samples = Mapping[str, list[tuple[Labels, Callable[[float], float | None]]]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class RunningPrometheus:
    """One Prometheus over one folder, which may be started again."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fill(self, samples: Samples, seconds: int) -> None:
        """Write blocks with a sample every five seconds until now."""
        now = math.floor(time.time() / STEP) * STEP
        lines: list[str] = []
        for metric, series in samples.items():
            lines.append(f"# TYPE {metric} gauge")
            for labels, value_at in series:
                values = ((now - ago, value_at(ago)) for ago in range(seconds, -1, -STEP))
                name = f"{metric}{{{_written(labels)}}}"
                lines += [f"{name} {value} {instant}" for instant, value in values if value is not None]
        source = self.folder.with_suffix(".om")
        source.write_text("\n".join([*lines, "# EOF\n"]))
        promtool = monitoring_programs.find("promtool")
        command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(source), str(self.folder)]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stderr

    def start(self) -> None:
        configuration = self.folder.with_suffix(".yml")
        configuration.write_text("scrape_configs: []\n")
        log = self.folder.with_suffix(".log")
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [
                    monitoring_programs.find("prometheus"),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self.folder}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"waited {START_SECONDS} s in vain for {self.url}/-/ready"
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def _written(labels: Labels) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())
