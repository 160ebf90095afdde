"""Grafana's provisioning: the data source and the dashboards that everything else refers to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.dashboards import DASHBOARDS
from lab.settings import REPOSITORY

PROVISIONING = REPOSITORY / "grafana" / "provisioning"
DATA_SOURCES = PROVISIONING / "datasources" / "prometheus.yml"
PROVIDERS = PROVISIONING / "dashboards" / "lab.yml"
SCRAPES = REPOSITORY / "prometheus" / "prometheus.yml"


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def test_the_data_source_is_the_one_that_dashboards_begin_with() -> None:
    (source,) = load(DATA_SOURCES)["datasources"]
    variables = [one["templating"]["list"][0] for one in DASHBOARDS]
    assert {one["current"]["value"] for one in variables} == {source["uid"]}
    assert {one["current"]["text"] for one in variables} == {source["name"]}
    assert {one["query"] for one in variables} == {source["type"]}
    assert source["isDefault"]


def test_the_data_source_knows_how_often_prometheus_scrapes() -> None:
    (source,) = load(DATA_SOURCES)["datasources"]
    assert source["jsonData"]["timeInterval"] == load(SCRAPES)["global"]["scrape_interval"]


def test_dashboards_are_in_one_folder_and_changed_in_code_alone() -> None:
    (provider,) = load(PROVIDERS)["providers"]
    assert provider["folder"] == "Lab"
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"] == "$LAB_DASHBOARDS"


@pytest.mark.parametrize("path", [DATA_SOURCES, PROVIDERS], ids=lambda path: path.stem)
def test_every_variable_of_the_environment_is_explained(path: Path) -> None:
    explained = re.findall(r"^#   ([A-Z_]+)  ", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert re.findall(r"\$(\w+)", json.dumps(load(path))) == explained
