"""Grafana in the lab: started where it is on PATH, by what its documentation says, and the viewer where it is not.

A small program stands in for Grafana. It takes the command and the environment that Grafana's documentation names, and
answers at the address that they give it.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from lab import grafana, lifecycle, monitoring_files
from lab.errors import LabError
from lab.lifecycle import Lab
from lab.preparations import Preparation
from lab.progress import Progress
from lab.services import CONFIGURATION, Service, service_table
from lab.settings import REPOSITORY, Settings, free_ports, load_settings

STAND_IN = f"""#!{sys.executable}
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({{"arguments": sys.argv, "environment": dict(os.environ)}}).encode())
HTTPServer((os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in {**free_ports(), "LAB_STATE_DIR": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a stand-in for Grafana on PATH, the last part of its path first."""

    def put(name: str, home: str = "opt", program: str = "opt/bin") -> Path:
        path = tmp_path / program / name
        for folder in (path.parent, tmp_path / home / "conf"):
            folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / home / grafana.DEFAULTS).touch()
        path.write_text(STAND_IN)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return put


def service(settings: Settings) -> Service:
    return next(one for one in service_table(settings) if one.name == "grafana")


def test_without_grafana_the_viewer_serves_the_same_dashboards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grafana, "NAMES", ())
    assert service(settings).command[1:3] == ("-m", "lab.viewer")


def test_grafana_on_path_is_started_for_this_lab_alone(
    settings: Settings, on_path: Callable[..., Path], state_dir: Path
) -> None:
    program = on_path("grafana")
    row = service(settings)
    configuration = Preparation(CONFIGURATION, run=lambda: monitoring_files.render(settings))
    lifecycle.up(Lab(state_dir, (row,), (configuration,)), Progress())
    told = httpx.get(row.address, trust_env=False).json()
    home = program.parents[1]
    assert told["arguments"] == [str(program), "server", f"--homepath={home}", f"--config={home}/conf/defaults.ini"]
    environment = told["environment"]
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert Path(environment["GF_PATHS_DATA"]).is_relative_to(settings.state_dir)
    assert json.loads(Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).read_text())["uid"] == "home"
    for file in (REPOSITORY / "grafana" / "provisioning").rglob("*.yml"):
        used = {word for word in file.read_text().split() if word.startswith("$") and word[1:].isupper()}
        assert {name for name in used if name[1:] not in environment} == set()


@pytest.mark.parametrize(
    ("name", "home", "program", "started"),
    [
        ("grafana", "opt", "opt/bin", ["opt/bin/grafana", "server"]),
        ("grafana-server", "opt", "opt/bin", ["opt/bin/grafana-server"]),
        ("grafana", "cellar/share/grafana", "cellar/bin", ["cellar/bin/grafana", "server"]),
        ("grafana-server", "packaged", "usr/sbin", ["usr/sbin/grafana-server"]),
    ],
)
def test_grafana_is_found_as_it_is_unpacked_brewed_or_packaged(
    on_path: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    home: str,
    program: str,
    started: list[str],
) -> None:
    monkeypatch.setattr(grafana, "PACKAGED_HOME", tmp_path / "packaged")
    path = on_path(name, home, program)
    command = grafana.command(str(path))
    assert list(command[: len(started)]) == [str(tmp_path / started[0]), *started[1:]]
    assert f"--homepath={tmp_path / home}" in command


def test_a_package_is_started_past_the_script_that_knows_another_configuration(
    on_path: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grafana, "PACKAGED_HOME", tmp_path / "packaged")
    on_path("grafana", "packaged", "packaged/bin")
    script = on_path("grafana", "packaged", "usr/sbin")
    assert grafana.command(str(script))[:2] == (str(tmp_path / "packaged/bin/grafana"), "server")


def test_a_program_without_its_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grafana, "PACKAGED_HOME", tmp_path / "packaged")
    with pytest.raises(LabError, match=r"/grafana is on PATH, but .* no conf/defaults\.ini"):
        grafana.command(str(tmp_path / "bin" / "grafana"))


def test_the_copies_of_the_dashboards_hold_the_ports_of_the_settings(settings: Settings) -> None:
    folder = monitoring_files.dashboards_folder(settings)
    folder.mkdir(parents=True)
    (folder / "gone.json").touch()
    monitoring_files.render(settings)
    copies = {path.name: path.read_text() for path in folder.iterdir()}
    assert copies.keys() == {path.name for path in monitoring_files.DASHBOARDS.glob("*.json")}
    assert settings.airflow_url in copies["home.json"]
    assert "127.0.0.1:8080" not in copies["home.json"]
