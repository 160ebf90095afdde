"""docker-compose.celery.yml over docker-compose.yml, as Docker Compose understands the two."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.docker_plugins import COMPOSE
from lab.settings import REPOSITORY

BASE = ("docker-compose.yml",)
CELERY = (*BASE, "docker-compose.celery.yml")
NEW = {"airflow-worker", "flower", "redis"}
TARGETS = REPOSITORY / "docker" / "celery" / "flower_targets.yml"


def config(files: tuple[str, ...], **environment: str) -> dict[str, Any]:
    """Return what `docker compose config` makes of the files; an .env of the person's own plays no part."""
    options = [word for file in files for word in ("-f", file)]
    done = subprocess.run(
        [COMPOSE, "--env-file", os.devnull, *options, "config", "--format", "json"],
        cwd=REPOSITORY,
        env={name: os.environ[name] for name in ("PATH", "HOME")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return config(CELERY)


def test_the_locked_packages_of_celery_fit_airflows_executor(tmp_path: Path) -> None:
    executor = "airflow.providers.celery.executors.celery_executor"
    done = subprocess.run(
        [sys.executable, "-c", f"from {executor} import CeleryExecutor"],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_it_adds_workers_their_broker_and_flower(services: dict[str, Any]) -> None:
    assert services.keys() - config(BASE).keys() == NEW
    assert config(BASE).keys() <= services.keys()


def test_every_part_of_airflow_has_the_same_configuration(services: dict[str, Any]) -> None:
    parts = {
        name: service
        for name, service in services.items()
        if "AIRFLOW__CORE__EXECUTOR" in service.get("environment", {})
    }
    assert parts.keys() >= {"airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    first, *others = (service["environment"] for service in parts.values())
    assert first["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", sorted(NEW))
def test_a_new_service_is_as_safe_as_the_others(services: dict[str, Any], name: str) -> None:
    service, known = services[name], services["airflow-triggerer"]
    for option in ("cap_drop", "security_opt", "read_only", "restart", "logging", "init"):
        assert service[option] == known[option], option
    assert not service.get("privileged")
    assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}
    assert service["healthcheck"]["test"]
    assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ()))
    assert all(mount.get("read_only") for mount in service["volumes"] if mount["type"] == "bind")


def test_only_flower_can_be_reached_from_outside(services: dict[str, Any]) -> None:
    ports = {name: [port["published"] for port in services[name].get("ports", ())] for name in sorted(NEW)}
    assert ports == {"airflow-worker": [], "flower": ["5555"], "redis": []}
    assert config(CELERY, FLOWER_PORT="6666")["flower"]["ports"][0]["published"] == "6666"


def test_prometheus_finds_flower_where_it_listens(services: dict[str, Any]) -> None:
    (group,) = yaml.safe_load(TARGETS.read_text(encoding="utf-8"))
    assert group["targets"] == [f"flower:{services['flower']['ports'][0]['target']}"]
    jobs = yaml.safe_load((REPOSITORY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    (found,) = (job["file_sd_configs"] for job in jobs if job["job_name"] == "flower")
    mounted = {mount["target"]: mount["source"] for mount in services["prometheus"]["volumes"]}
    assert [mounted[file] for one in found for file in one["files"]] == [str(TARGETS)]


def test_no_worker_has_a_name_or_a_port_that_a_second_one_could_not_have(services: dict[str, Any]) -> None:
    worker = services["airflow-worker"]
    assert "container_name" not in worker
    assert "hostname" not in worker
    assert "ports" not in worker


def test_the_images_version_is_pinned(services: dict[str, Any]) -> None:
    assert re.fullmatch(r"redis:\d+\.\d+\.\d+", services["redis"]["image"])
    assert services["airflow-worker"]["image"] == services["flower"]["image"] == services["airflow-scheduler"]["image"]
