"""The viewer as people use it: the real process, on a free port."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from lab.settings import REPOSITORY
from tests.lab.running_prometheus import free_port

START_SECONDS = 30


@contextmanager
def running_viewer(folder: Path, prometheus_url: str, *dashboards: dict[str, Any]) -> Iterator[str]:
    """Serve dashboards, kept in a folder; give the address."""
    for dashboard in dashboards:
        (folder / f"{dashboard['uid']}.json").write_text(json.dumps(dashboard))
    port = free_port()
    options = ["--port", str(port), "--prometheus", prometheus_url, "--scrape-interval", "5s"]
    process = subprocess.Popen([sys.executable, "-m", "lab.viewer", str(folder), *options], cwd=REPOSITORY)
    try:
        _wait(process, f"http://127.0.0.1:{port}/api/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        assert process.poll() is None, "the viewer ended"
        assert time.monotonic() < deadline, f"waited {START_SECONDS} s in vain for {url}"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
