"""The generated dashboards: what the code says, what Grafana understands, and what every panel has."""

import filecmp
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards import DASHBOARDS
from grafana.dashboards.__main__ import GENERATED, generate
from lab.settings import REPOSITORY
from tests.grafana.generated_dashboards import Json, dashboards, panels

PANEL_TYPES = {"row", "stat", "gauge", "bargauge", "timeseries", "state-timeline", "table", "text"}
# Of the data source's plug-in, which the SDK's model of annotations does not know.
OF_PROMETHEUS_ANNOTATIONS = {"step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}
UIDS = sorted(dashboards())


@pytest.fixture(params=UIDS)
def dashboard(request: pytest.FixtureRequest) -> Json:
    return dashboards()[request.param]


def test_the_committed_files_are_what_the_code_generates(tmp_path: Path) -> None:
    fresh = {path.name for path in generate(tmp_path)}
    committed = {path.name for path in GENERATED.glob("*.json")}
    assert committed == fresh, "run `make dashboards`"
    _, changed, _ = filecmp.cmpfiles(GENERATED, tmp_path, fresh, shallow=False)
    assert changed == [], f"grafana/generated/{changed[:1]} is not what grafana/dashboards says: run `make dashboards`"


def test_files_of_dashboards_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.json").touch()
    (tmp_path / "notes.txt").touch()
    generate(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{uid}.json" for uid in UIDS} | {"notes.txt"}


def test_each_file_has_the_name_of_its_dashboard() -> None:
    assert {name: one["uid"] for name, one in dashboards().items()} == dict(zip(UIDS, UIDS, strict=True))
    assert len(DASHBOARDS) == len(UIDS)


def test_titles_are_used_once() -> None:
    titles = Counter(one["title"] for one in DASHBOARDS)
    assert max(titles.values()) == 1, titles


def test_the_official_models_know_all_of_it(dashboard: Json) -> None:
    """Decoded and encoded again by Grafana's own models, nothing is lost: no field is misspelt or out of date."""
    register_default_plugins()
    encoded = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
    gone = {path for path in lost(dashboard, encoded) if path.rpartition(".")[2] not in OF_PROMETHEUS_ANNOTATIONS}
    assert gone == set()


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Yield where the second lacks or changes what the first has."""
    match given, kept:
        case dict(), dict():
            for name, value in given.items():
                yield from lost(value, kept.get(name), f"{path}.{name}")
        case list(), list() if len(given) == len(kept):
            for index, (one, other) in enumerate(zip(given, kept, strict=True)):
                yield from lost(one, other, f"{path}[{index}]")
        case _ if given != kept:
            yield path


def test_it_is_of_today_and_for_a_demo(dashboard: Json) -> None:
    assert dashboard["schemaVersion"] >= 39
    assert "lab" in dashboard["tags"]
    assert dashboard["description"]
    assert dashboard["time"] == {"from": "now-15m", "to": "now"}
    assert dashboard["refresh"] in dashboard["timepicker"]["refresh_intervals"]
    assert {panel["type"] for panel in dashboard["panels"]} <= PANEL_TYPES
    assert [one["name"] for one in dashboard["annotations"]["list"]] == ["Failed runs", "Fired alerts"]
    others = dashboard["links"][0]
    assert (others["type"], others["tags"], others["keepTime"], others["includeVars"]) == (
        "dashboards",
        ["lab"],
        True,
        True,
    )


def test_the_data_source_is_a_variable_with_a_default(dashboard: Json) -> None:
    first = dashboard["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    assert first["current"]["value"] == "prometheus"
    text = json.dumps(dashboard)
    assert text.count('"datasource": ') == text.count('"datasource": {"type": "prometheus", "uid": "${datasource}"}')


def test_panels_have_ids_and_places_of_their_own(dashboard: Json) -> None:
    identifiers = [panel["id"] for panel in panels(dashboard, asking=False)]
    assert sorted(identifiers) == list(range(1, len(identifiers) + 1))
    taken = Counter(
        (x, y)
        for place in (panel["gridPos"] for panel in panels(dashboard, asking=False))
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert max(taken.values()) == 1
    assert {x for x, _ in taken} == set(range(24))


def test_panels_say_what_they_show_and_in_what_unit(dashboard: Json) -> None:
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["instant"] != target["range"], panel["title"]


def test_colors_of_series_and_columns_name_what_there_is(dashboard: Json) -> None:
    """An override of a name that no series or column has does nothing, silently."""
    for panel in panels(dashboard):
        named = {one["legendFormat"] for one in panel["targets"]}
        for transformation in panel.get("transformations", []):
            named |= set(transformation["options"].get("renameByName", {}).values())
        # Names that are made of labels can be anything.
        patterns = [re.sub(r"\\\{\\\{\w+\\\}\\\}", ".+", re.escape(name)) for name in named]
        for override in panel["fieldConfig"]["overrides"]:
            name = override["matcher"]["options"]
            assert any(re.fullmatch(pattern, name) for pattern in patterns), f"{panel['title']}: {name}"


def test_links_lead_to_dashboards_that_exist_or_to_programs_of_the_lab(dashboard: Json) -> None:
    addresses = re.findall(r'"url": "([^"]+)"', json.dumps(dashboard))
    defaults = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    ports = set(re.findall(r"_PORT=(\d+)", defaults))
    for address in addresses:
        own = re.match(r"/d/([\w-]+)\?", address)
        program = re.match(r"http://127\.0\.0\.1:(\d+)", address)
        assert (own and own[1] in UIDS) or (program and program[1] in ports), address
