"""The lab in containers: how soon it is up, what it takes; measured by the means of its tests.

These need the lab's environment, which is not that of the bench: hence a process of their own.
"""

import json
import subprocess

from bench.figure import Figure
from lab.settings import REPOSITORY

_PYTHON = REPOSITORY / ".venv" / "bin" / "python"
_NO_ENGINE = 3  # tests/compose/measurements.py
_MEGABYTE = 10**6
_ML = ("ml-host", "mlflow", "inference-api")
_TOOK = REPOSITORY / ".artifacts" / "test-compose.json"  # tests/compose/conftest.py


def measure() -> list[Figure]:
    """Measure a lab of its own; without a Docker engine, say so in one row."""
    done = subprocess.run(
        [_PYTHON, "-m", "tests.compose.measurements"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode == _NO_ENGINE:
        return [Figure("the lab in containers", "not measured", done.stderr.strip().splitlines()[0], "", "")]
    if done.returncode:
        raise RuntimeError(f"the lab in containers could not be measured:\n{done.stderr}")
    found = json.loads(done.stdout)
    memory = found["memory"]
    without = f"without {', '.join(found['left_out'])}" if found["left_out"] else ""
    return [
        Figure("docker compose up, images built, to all healthy", f"{found['up']:.0f} s", without, "", "90 s"),
        Figure("orders_pipeline after that, until green", f"{found['run']:.0f} s", "", "", "60 s"),
        _megabytes("Airflow's image", found["images"]["AIRFLOW_IMAGE"], 900),
        _megabytes("LocalStack's image", found["images"]["LOCALSTACK_IMAGE"], 500),
        _megabytes("memory of all containers at rest", sum(memory.values()), 2500, without),
        _megabytes("memory of ml-host, mlflow and inference-api", sum(memory[name] for name in _ML), 600),
        *_tests(),
    ]


def _megabytes(name: str, size: int, aim: int, note: str = "") -> Figure:
    return Figure(name, f"{size / _MEGABYTE:.0f} MB", note, "", f"{aim} MB")


def _tests() -> list[Figure]:
    """Return how long `make test-compose` took the last time that it passed, as it has noted."""
    took = json.loads(_TOOK.read_text(encoding="utf-8")) if _TOOK.exists() else {}
    return [
        Figure(
            f"make test-compose, {cache} cache, the last time",
            f"{took[cache] / 60:.1f} min" if cache in took else "not run here",
            "",
            "",
            f"{aim} min",
        )
        for cache, aim in (("cold", 20), ("warm", 8))
    ]
