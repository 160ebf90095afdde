"""The development container: it forwards the pages that the README lists, at the ports of .env.example."""

import json
import re
import tomllib

from dotenv import dotenv_values

from lab.services import service_table
from lab.settings import REPOSITORY, load_settings

CONTAINER = json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
DEFAULTS = dotenv_values(REPOSITORY / ".env.example")


def test_it_forwards_every_page_under_the_name_that_the_readme_has() -> None:
    pages = {one.port_setting for one in service_table(load_settings()) if one.address}
    assert sorted(map(str, CONTAINER["forwardPorts"])) == sorted(DEFAULTS[name] or "" for name in pages)
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    listed = {
        port: name for name, port in re.findall(r"^\| ([^|]+) \| http://127\.0\.0\.1:(\d+) \|", readme, re.MULTILINE)
    }
    assert {port: page["label"] for port, page in CONTAINER["portsAttributes"].items()} == listed
    assert set(CONTAINER["portsAttributes"]) == set(map(str, CONTAINER["forwardPorts"]))


def test_its_python_is_one_that_the_project_supports_and_its_commands_are_there() -> None:
    version = re.search(r"python:3\.(\d+)-", CONTAINER["image"])
    assert version
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert 11 <= int(version[1]) < 14
    assert CONTAINER["postCreateCommand"] == "make setup"
