"""Alerts: what each says leads to the right page, and its tests and its runbook hold together.

That each has a test, a runbook and a row in docs/alerts.md is `make lint`'s to say.
"""

import re
from pathlib import Path

import pytest

from lab.incidents.declarations import INCIDENTS
from lab.lint.alerts import questions
from lab.lint.metrics import recorded
from lab.lint.rules import rules
from lab.probes import probe_table
from lab.services import service_table
from lab.settings import REPOSITORY, load_settings
from tests.alerting.alert_rules import ALERTING, PROMETHEUS, RULE_FILES, RUNBOOKS, TEST_FILES, alerts, load

ALERTS = alerts()
SEVERITIES = {"critical", "warning", "info", "none"}
LINKS = ("runbook_url", "dashboard_url", "airflow_url")
DASHBOARDS = {"home", "pipelines", "mlops", "inference", "platform", "orders-data", "monitoring"}


def test_each_alert_is_also_tested_where_it_must_be_silent() -> None:
    silent = {question.alert for question in questions(REPOSITORY) if not question.fires}
    assert set(ALERTS) - silent == {"Watchdog"}, "the Watchdog is never silent"


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_a_file_of_tests_loads_the_rules_of_the_alerts_it_asks_for(path: Path) -> None:
    loaded = {(path.parent / file).resolve() for file in load(path)["rule_files"]}
    asked = {question.alert for question in questions(REPOSITORY) if question.path == path}
    assert {rule.name for rule in rules(REPOSITORY) if rule.path in loaded} >= asked


def test_names_are_used_once() -> None:
    names = [rule.name for rule in rules(REPOSITORY) if rule.is_alert]
    assert len(names) == len(set(names))
    sentences = [test["name"] for path in TEST_FILES for test in load(path)["tests"]]
    # Of an alert's target and the lab's parts alike.
    assert {name for name in sentences if sentences.count(name) > 1} <= {
        "a target that does not answer for a minute is an alert, while it does not"
    }


def test_the_thresholds_that_were_asked_for_are_kept() -> None:
    asked = {
        "SSHConnectionFailed": ('airflow_task_failures{task_id=~".*ssh.*"} > 0', "1m"),
        "TrainingFailed": ('airflow_task_failures{task_id="train_model"} > 0', "1m"),
    }
    put_right = "unless on (dag_id, task_id) dag_id_task_id:airflow_ti_success:since_failed_try"
    found = {name: (ALERTS[name]["expr"].removesuffix(f"\n{put_right}\n"), ALERTS[name]["for"]) for name in asked}
    assert found == asked
    assert ALERTS["TrainingSlow"]["for"] == "1h"
    assert "> 2 * 3600" in ALERTS["MlopsLagging"]["expr"]


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_has_the_labels_and_annotations_of_all(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["labels"]["component"]
    annotations = rule["annotations"]
    assert {"summary", "description", "runbook_url", "dashboard_url"} <= set(annotations)
    assert set(annotations) <= {"summary", "description", *LINKS}
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks_url }}}}/{name}"
    dashboard = re.match(r"\{\{ \$externalLabels\.grafana_url \}\}/d/([\w-]+)", annotations["dashboard_url"])
    assert dashboard, annotations["dashboard_url"]
    assert dashboard.group(1) in DASHBOARDS
    if "airflow_url" in annotations:
        assert annotations["airflow_url"].startswith("{{ $externalLabels.airflow_url }}/")
    assert not annotations["summary"].endswith(".")
    assert annotations["description"].endswith(".")


def test_the_addresses_in_links_are_external_labels_that_do_not_leave_prometheus() -> None:
    config = load(PROMETHEUS)
    labels = set(config["global"]["external_labels"])
    text = "".join(path.read_text(encoding="utf-8") for path in RULE_FILES)
    assert labels == set(re.findall(r"\$externalLabels\.(\w+)", text))
    assert "http" not in re.sub(r"\{\{.*?\}\}", "", text)
    (drop,) = config["alerting"]["alert_relabel_configs"]
    assert drop["action"] == "labeldrop"
    assert all(re.fullmatch(drop["regex"], label) for label in labels)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_a_runbook_has_its_four_parts_and_names_what_there_is(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        f"# {name}",
        *("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"),
    ]
    settings = load_settings()
    services = {service.name for service in service_table(settings)}
    assert set(re.findall(r"make logs NAME=([\w-]+)", text)) <= services
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for command in re.findall(r"`make ([a-z]+)", text):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
    for other in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text):
        assert other in ALERTS, other
    for path in re.findall(r"`((?:alerting|prometheus|dags|tests|data)/[\w./-]+\.\w+)`", text):
        assert (REPOSITORY / path).exists(), path
    assert set(re.findall(r"\b\w+:\w+:\w+\b", text)) <= recorded(REPOSITORY)


def test_runbooks_tell_how_to_cause_their_alerts() -> None:
    causes = {(incident.name, alert.name) for incident in INCIDENTS for alert in incident.fires}
    told = {
        (incident, path.stem)
        for path in RUNBOOKS.iterdir()
        for incident in re.findall(r"`(?:make incident )?NAME=([\w-]+)`", path.read_text(encoding="utf-8"))
    }
    assert told - causes == set(), "such an incident does not cause the alert"
    assert {name for name, _ in told} == {incident.name for incident in INCIDENTS}


def test_what_alertmanager_routes_and_hides_exists() -> None:
    config = load(ALERTING / "alertmanager.yml")
    matchers = " ".join(str(matcher) for rule in config["inhibit_rules"] for matcher in _matchers(rule))
    named = [pattern for names in re.findall(r'alertname=~?"([^"]+)"', matchers) for pattern in names.split("|")]
    assert [pattern for pattern in named if not any(re.fullmatch(pattern, name) for name in ALERTS)] == []
    targets = {probe.target for probe in probe_table(load_settings())}
    asked = re.findall(r'target=~?"([\w|-]+)"', matchers)
    assert {target for pattern in asked for target in pattern.split("|")} == targets


def _matchers(rule: dict[str, list[str]]) -> list[str]:
    return [*rule["source_matchers"], *rule["target_matchers"]]
