"""docs/production.md: the names, commands and figures on the page, held against what they are of."""

import gzip
import importlib
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import botocore
import pytest
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

from lab.settings import REPOSITORY, load_settings
from tests.production.crds import VERSION

PAGE = REPOSITORY / "docs" / "production.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```shell\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# Of somebody who uses the page.
THEIRS = {"your-values.yaml", "policy.json"}


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\((?!https://)(.*?)\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_every_file_of_a_command_is_there() -> None:
    words = [word for block in BLOCKS for word in shlex.split(block, comments=True)]
    named = {word.removeprefix("file://") for word in words if re.search(r"\w\.(ya?ml|json)$|\w/$", word)}
    assert {name for name in named if not (REPOSITORY / name).exists()} == THEIRS


@pytest.mark.parametrize("block", BLOCKS)
def test_commands_are_commands(block: str) -> None:
    assert subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False).stderr == ""


def test_settings_are_those_of_the_lab() -> None:
    named = set(re.findall(r"\b(?:AIRFLOW_(?:VAR|CONN)|AWS)_[A-Z_]+\b", TEXT))
    assert named - {"AWS_ACCOUNT_ID"} <= load_settings().environment.keys()


def test_the_secrets_backend_finds_what_the_command_creates() -> None:
    settings = dict(re.findall(r"^(AIRFLOW__SECRETS__\w+)='?(.*?)'?$", "".join(BLOCKS), re.MULTILINE))
    module, _, name = settings["AIRFLOW__SECRETS__BACKEND"].rpartition(".")
    backend = getattr(importlib.import_module(module), name)(**json.loads(settings["AIRFLOW__SECRETS__BACKEND_KWARGS"]))
    assert isinstance(backend, SecretsManagerBackend)
    secret = re.search(r"create-secret --name (\S+)", "".join(BLOCKS))
    assert secret
    prefix, _, variable = secret[1].rpartition("/")
    assert (prefix, f"AIRFLOW_VAR_{variable.upper()}") == (backend.variables_prefix, "AIRFLOW_VAR_DATA_LAB_BUCKET")


def test_mwaa_has_the_versions_that_its_api_names() -> None:
    data = Path(botocore.__file__).parent / "data" / "mwaa" / "2020-07-01" / "service-2.json.gz"
    shapes = json.loads(gzip.decompress(data.read_bytes()))["shapes"]
    offered = shapes["CreateEnvironmentInput"]["members"]["AirflowVersion"]["documentation"]
    versions = re.findall(r"<code>([\d.]+)</code>", offered)
    assert re.findall(r"`([\d.]+)`", _section("On Amazon MWAA").partition(")")[0]) == versions
    assert f"newest Airflow of MWAA is {versions[-1]} " in TEXT


def test_what_mwaa_lacks_is_what_the_dags_import() -> None:
    lacking = re.findall(r"`(airflow\.sdk\.[\w.]+)`", _section("On Amazon MWAA"))
    imported = {
        f"{module}.{name}"
        for path in (REPOSITORY / "dags").rglob("*.py")
        for module, names in re.findall(r"^from (airflow\.sdk\S*) import (.+)$", path.read_text(), re.MULTILINE)
        for name in names.split(", ")
    }
    assert lacking
    assert set(lacking) <= imported


def test_requirements_for_mwaa_are_those_of_the_project() -> None:
    row = re.search(r"^\| requirements \| (.*) \|$", TEXT, re.MULTILINE)
    assert row
    named = set(re.findall(r"`([a-z-]+)`", row[1]))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert named <= {re.split(r"\W*[>=[]", requirement)[0] for requirement in project["dependencies"]}


def test_the_operators_version_is_the_one_tested_with() -> None:
    assert f"Prometheus Operator {VERSION}" in TEXT


def _section(title: str) -> str:
    return re.split(r"^## ", TEXT.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
