"""The files for Kubernetes: made of the lab's own, right for their readers, and without the lab's addresses."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import judges
from lab.lint.promql import metrics_of
from lab.settings import REPOSITORY
from production import objects, sources, values
from production.__main__ import HERE, files
from tests.alerting.alert_rules import Program, both_versions, judge
from tests.lab.official_statsd_exporter import CAPTURE, GOLDEN_PAGE
from tests.lab.statsd_process import StatsdProcess, differences
from tests.production.crds import validator

FILES = files()
DOCUMENTATION = (REPOSITORY / "docs" / "production.md").read_text(encoding="utf-8")
# https://kubernetes.io/docs/concepts/configuration/configmap
CONFIG_MAP_BYTES = 2**20
# `kubectl apply` keeps the object as an annotation of itself.
ANNOTATION_BYTES = 2**18


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(FILES[name]))


def operator_objects() -> list[dict[str, Any]]:
    names = ("prometheus_rules", "service_monitor", "scrape_config")
    return [one for name in names for one in documents(f"kubernetes/{name}.yaml")]


@pytest.mark.parametrize("name", FILES)
def test_what_is_committed_is_what_make_production_writes(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == FILES[name]


@pytest.mark.parametrize("one", operator_objects(), ids=lambda one: one["metadata"]["name"])
def test_the_prometheus_operator_accepts_each_object(one: dict[str, Any]) -> None:
    assert [f"{error.json_path}: {error.message}" for error in validator(one["kind"]).iter_errors(one)] == []


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "severity"), "critical"),
        ("PrometheusRule", ("spec", "groups", 0, "interval"), "often"),
        ("ServiceMonitor", ("spec", "endpoints", 0, "relabelings", 0, "action"), "forget"),
        ("ServiceMonitor", ("spec", "endpoint"), []),
        ("ScrapeConfig", ("spec", "scheme"), "ftp"),
    ],
)
def test_the_prometheus_operator_would_refuse_a_mistake(kind: str, path: tuple[Any, ...], wrong: Any) -> None:
    one = copy.deepcopy(next(one for one in operator_objects() if one["kind"] == kind))
    place: Any = one
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert not validator(kind).is_valid(one)


@pytest.mark.parametrize("promtool", both_versions("promtool"), ids=str)
def test_prometheus_accepts_the_rules(promtool: Program, tmp_path: Path) -> None:
    for one in objects.prometheus_rules():
        path = tmp_path / f"{one['metadata']['name']}.yml"
        path.write_text(yaml.safe_dump(one["spec"]), encoding="utf-8")
        judge(promtool, "check", "rules", path)


def test_every_rule_of_the_lab_is_there_or_left_out_for_a_reason() -> None:
    of_the_lab = {_name(rule) for path in sources.RULES.glob("*.yml") for rule in _rules(sources.load(path))}
    assert {_name(rule) for rule in _all_rules()} == of_the_lab - objects.LEFT_OUT.keys()
    assert objects.LEFT_OUT.keys() <= of_the_lab
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENTATION, re.MULTILINE))
    assert told == objects.LEFT_OUT


def test_no_rule_reads_what_only_the_lab_has() -> None:
    read = {metric for rule in _all_rules() for metric in metrics_of(rule["expr"])}
    assert [metric for metric in read if metric.startswith(("lab_", "prometheus_", "alertmanager_"))] == []
    jobs = set(re.findall(r'job[=!~]+"(.*?)"', " ".join(rule["expr"] for rule in _all_rules())))
    assert jobs == {objects.JOB}


def _all_rules() -> list[dict[str, Any]]:
    return [rule for one in objects.prometheus_rules() for rule in _rules(one["spec"])]


def _rules(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in content["groups"] for rule in group["rules"]]


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def test_dashboards_are_those_of_the_lab_and_small_enough() -> None:
    found = objects.dashboards()
    names = {Path(name).stem for one in found for name in one["data"]}
    assert names | objects.LEFT_OUT_DASHBOARDS == {path.stem for path in sources.DASHBOARDS.glob("*.json")}
    for one in found:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        for name, text in one["data"].items():
            assert json.loads(text)["uid"] == Path(name).stem
            assert len(text.encode()) < CONFIG_MAP_BYTES
        assert len(json.dumps(one).encode()) < ANNOTATION_BYTES


def test_nothing_leads_back_to_the_lab() -> None:
    for name, text in FILES.items():
        assert "127.0.0.1" not in text, name
        assert "$externalLabels" not in text, name
    for address in sources.load(sources.ADDRESSES).values():
        assert any(address in text for text in FILES.values()), address


def test_objects_have_names_that_kubernetes_takes() -> None:
    found = [*operator_objects(), *objects.dashboards()]
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(set(names)) == len(names)
    assert [name for _, name in names if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)] == []


def test_the_charts_exporter_is_the_one_tested_with() -> None:
    image = documents("helm/airflow.yaml")[0]["images"]["statsd"]
    judged = [(module / "go.mod").read_text(encoding="utf-8") for module in judges.MODULES]
    assert any(f"github.com/prometheus/statsd_exporter {image['tag']}" in text for text in judged)


def test_the_charts_exporter_says_what_the_labs_exporter_says(tmp_path: Path) -> None:
    mapping = tmp_path / "mappings.yml"
    # As the chart's template writes it.
    mapping.write_text(yaml.safe_dump({"mappings": values.mappings()}), encoding="utf-8")
    with StatsdProcess(tmp_path / "log", (str(judges.BIN / "statsd_exporter"),), mapping) as exporter:
        page = exporter.page_of(CAPTURE.read_text().splitlines())
    # It has a mapping more, and so counts nothing as unmapped. Nothing else may differ.
    own = ("events_actions_total", "events_unmapped_total", "loaded_mappings")
    told = [
        one
        for one in differences(page, GOLDEN_PAGE.read_text())
        if not one.startswith(tuple(f"('statsd_exporter_{name}'" for name in own))
    ]
    assert told == []


def test_the_chart_sends_the_metrics_of_the_lab() -> None:
    config = documents("helm/airflow.yaml")[0]["config"]["metrics"]
    text = sources.AIRFLOW_OPTIONS.read_text(encoding="utf-8")
    options = re.findall(r"^AIRFLOW__METRICS__(\w+)=(.*)$", text, re.MULTILINE)
    assert config | dict.fromkeys(values.SET_BY_CHART) == {
        name.lower(): None if name.lower() in values.SET_BY_CHART else value for name, value in options
    }
    assert all(isinstance(value, str) and "$" not in value for value in config.values())
