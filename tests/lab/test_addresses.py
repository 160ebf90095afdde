"""Names, ports, credentials and memory: the documents, the lab without containers and that in containers agree."""

import re
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from lab.services import service_table
from lab.settings import REPOSITORY, load_settings

DEFAULTS = {name: value or "" for name, value in dotenv_values(REPOSITORY / ".env.example").items()}
COMPOSE = (REPOSITORY / "docker-compose.services.yml").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGE = (REPOSITORY / "docs" / "compose.md").read_text(encoding="utf-8")
# By their names without containers, where these differ.
IN_CONTAINERS = {
    "api-server": "airflow-apiserver",
    **{name: f"airflow-{name}" for name in ("scheduler", "dag-processor", "triggerer")},
}


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of a table's rows, by the text of its heading line."""
    table = page[page.index(heading) :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
    return found


def test_the_readme_has_every_page_at_its_address() -> None:
    listed = sorted(row[1] for row in rows(README, "| open | address |"))
    assert listed == sorted(f"http://127.0.0.1:{DEFAULTS[one.port_setting]}" for one in pages())


def test_the_readme_has_the_memory_that_the_page_has() -> None:
    """Of Airflow, all of its services together."""
    memory = {row[0]: int(row[2].split()[0]) for row in rows(PAGE, "| without containers |")}
    names = {f"http://127.0.0.1:{DEFAULTS[one.port_setting]}": one.name for one in pages()}
    for _, address, _, told in rows(README, "| open | address |"):
        together = IN_CONTAINERS if names[address] in IN_CONTAINERS else (names[address],)
        assert told == f"{sum(memory[name] for name in together)} MB", address


def pages() -> list[Any]:
    return [one for one in service_table(load_settings()) if one.address]


def test_each_service_has_the_same_ports_in_containers(services: dict[str, Any]) -> None:
    for one in service_table(load_settings()):
        settings = {one.port_setting, *one.more_ports, *one.udp_ports} - {""}
        published = " ".join(map(str, services[IN_CONTAINERS.get(one.name, one.name)].get("ports", ())))
        assert set(re.findall(r"\$\{(\w+):?\??\}", published)) == settings, one.name


@pytest.mark.parametrize("page", [README, PAGE], ids=["README.md", "docs/compose.md"])
def test_the_credentials_are_those_of_the_settings(page: str) -> None:
    user, password = DEFAULTS["AIRFLOW_USER"], DEFAULTS["AIRFLOW_PASSWORD"]
    address = f"http://127.0.0.1:{DEFAULTS['AIRFLOW_PORT']}"
    [row] = [line for line in page.splitlines() if line.startswith("| ") and address in line]
    assert f"user `{user}`, password `{password}`" in row


def test_the_page_has_the_memory_of_every_service_without_containers() -> None:
    listed = rows(PAGE, "| without containers |")
    assert {row[0] for row in listed} == {one.name for one in service_table(load_settings())} | {"together"}
    together = {row[0]: int(row[2].split()[0]) for row in listed}
    whole = together.pop("together")
    assert 0.8 * whole <= sum(together.values()) <= 1.2 * whole
    assert {row[0]: row[1] for row in listed if row[0] != "together"} == {
        name: IN_CONTAINERS.get(name, name) for name in together
    }
