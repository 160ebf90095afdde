"""The ML team's machine: how long a training takes, how fast the inference API scores, what it all weighs at rest."""

import asyncio
import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.figure import Figure
from bench.http_load import load
from lab.settings import REPOSITORY, free_ports

_PROJECT = REPOSITORY / "docker" / "ml_host"
_PYTHON = str(_PROJECT / ".venv" / "bin" / "python")
_ORDERS = REPOSITORY / "data" / "orders.csv"
_MANY = 100  # times the orders of the file, each time by other customers
_FEATURES = "src.pipelines.DS.feature_pipeline.transform"
_TRAINING = "src.pipelines.DS.training_pipeline.train"
_START_SECONDS = 60
_AT_REST_AFTER_SECONDS = 10
_LOAD_SECONDS = 10
_CUSTOMER = {
    "id": "C0000001",
    "recency_days": 60,
    "tenure_days": 150,
    "orders": 3,
    "recent_order_share": 0.3,
    "spend_usd": 300,
    "recent_spend_share": 0.2,
    "failed_share": 0,
    "pauses_missed": 1,
}
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_DATAMART = """
COPY (
    SELECT
        * EXCLUDE (amount, copy) REPLACE (customer_id || '-' || copy AS customer_id),
        CAST(amount AS decimal(18, 2)) AS amount_usd
    FROM (
        SELECT
            order_id,
            customer_id,
            TRY_CAST(trim(order_timestamp) AS TIMESTAMP) AS ordered_at,
            lower(trim(status)) AS status,
            upper(trim(currency)) AS currency,
            TRY_CAST(trim(amount) AS decimal(18, 2)) * IF(upper(trim(currency)) = 'BRL', 0.2, 1) AS amount
        FROM read_csv('{orders}', all_varchar = true)
    ), range({copies}) AS copies(copy)
    WHERE ordered_at IS NOT NULL AND amount > 0 AND currency IN ('USD', 'BRL')
) TO '{path}' (FORMAT parquet)
"""


@dataclass
class _Cost:
    """What commands took: seconds in sum, and the memory of the largest."""

    seconds: float = 0
    megabytes: float = 0


class _Machine:
    """The project with a state directory, a registry and an API of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = free_ports()
        self.mlflow_port, self.api_port, self.ssh_port = (
            int(ports[name]) for name in ("MLFLOW_PORT", "ML_API_PORT", "ML_SSH_PORT")
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not re.match("AWS_|MLFLOW_|STATSD_|S3_", name)},
            "MLOPS_STATE_DIR": str(folder / "state"),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.mlflow_port}",
            "PATH": f"{REPOSITORY / '.tools' / 'openssh' / 'bin'}:{os.environ['PATH']}",
        }

    def train(self, run_id: str, datamart: Path) -> _Cost:
        """Compute features and train on them."""
        cost = _Cost()
        for command in (("-m", _FEATURES, "--source", str(datamart)), ("-m", _TRAINING)):
            began = time.perf_counter()
            process = self._start(_PYTHON, *command, *_names(run_id))
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise RuntimeError(f"{command[1]} failed")
            cost.seconds += time.perf_counter() - began
            cost.megabytes = max(cost.megabytes, usage.ru_maxrss / 1000)
        return cost

    def run(self, *arguments: str) -> None:
        """Run the project's Python to its end."""
        if self._start(_PYTHON, *arguments).wait():
            raise RuntimeError(f"{' '.join(arguments)} failed")

    @contextmanager
    def serving(self, ready: Callable[[], bool], *command: str) -> Iterator[int]:
        """Run a service until the end of the block; gives its process id once it is ready."""
        process = self._start(*command)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not ready():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise TimeoutError(f"{' '.join(command)} is not ready")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait()

    def _start(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command, cwd=_PROJECT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def measure(folder: Path) -> list[Figure]:
    """Train on the lab's orders and on a hundred times as many, then score with the first model."""
    folder.mkdir()
    machine = _Machine(folder)
    few, many = (_write_datamart(folder / f"{copies}.parquet", copies) for copies in (1, _MANY))
    with ExitStack() as services:
        pids = [
            services.enter_context(
                machine.serving(
                    lambda: bool(_answer(machine.mlflow_port, "/health")),
                    *(_PYTHON, "-m", "src.tracking_server", "--port", str(machine.mlflow_port)),
                    *("--store", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts", str(folder / "artifacts")),
                )
            )
        ]
        small, large = machine.train("few", few), machine.train("many", many)
        for check in ("fairness", "robustness"):
            machine.run("-m", "pytest", f"tests/responsible_ai/test_{check}.py", *_names("few"))
        machine.run("-m", "src.deployment.promote_model", *_names("few"))
        # The API has one core to itself, the last one; the load comes from another.
        core = str(max(os.sched_getaffinity(0)))
        pids.append(
            services.enter_context(
                machine.serving(
                    lambda: b'"churn": "' in _answer(machine.api_port, "/health"),
                    *("taskset", "--cpu-list", core, _PYTHON, "-m", "src.inference.api"),
                    *("--environment", "dev", "--port", str(machine.api_port)),
                )
            )
        )
        machine.run("sshd/host.py", "keys", str(folder / "ssh"))
        pids.append(
            services.enter_context(
                machine.serving(
                    lambda: _is_open(machine.ssh_port),
                    *(_PYTHON, "sshd/host.py", "serve", str(folder / "ssh"), "--port", str(machine.ssh_port)),
                )
            )
        )
        time.sleep(_AT_REST_AFTER_SECONDS)
        rest = sum(_pss_megabytes(pid) for pid in pids)
        body = json.dumps(_CUSTOMER).encode()
        before = _cpu_seconds(pids[1])
        found = asyncio.run(load(machine.api_port, "/v1/churn/score", body, connections=2, seconds=_LOAD_SECONDS))
        busy = _cpu_seconds(pids[1]) - before
    if found.refused:
        raise RuntimeError(f"{found.refused} of {len(found.seconds)} scores were refused")
    # By processor time, so that what else the machine does is no part of it.
    scores = f"{len(found.seconds) / busy:,.0f}, p99 {found.quantile(0.99) * 1000:.0f} ms"
    return [
        Figure("features and training, 50,000 orders", f"{small.seconds:.1f} s", "", "", "10 s"),
        Figure(
            "features and training, 5,000,000 orders",
            f"{large.seconds:.0f} s, {large.megabytes / 1000:.1f} GB",
            "",
            "",
            "300 s, 4 GB",
        ),
        Figure("single scores/s on one core", scores, "", "", "500 or more, p99 20 ms"),
        Figure("ML host, MLflow and API at rest (PSS)", f"{rest:.0f} MB", "", "", "600 MB"),
    ]


def _names(run_id: str) -> tuple[str, ...]:
    return ("--project", "churn", "--environment", "dev", "--run-id", run_id)


def _write_datamart(path: Path, copies: int) -> Path:
    """Write the good ones of the lab's orders as its pipeline would, each so many times."""
    duckdb.connect().execute(_DATAMART.format(orders=_ORDERS, copies=copies, path=path))
    return path


def _answer(port: int, path: str) -> bytes:
    """Return what a local service answers; nothing as long as it does not."""
    with suppress(OSError), _NO_PROXY.open(f"http://127.0.0.1:{port}{path}", timeout=_START_SECONDS) as answer:
        return bytes(answer.read())
    return b""


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _pss_megabytes(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1000
