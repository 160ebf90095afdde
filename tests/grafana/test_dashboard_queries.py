"""The dashboards' queries: PromQL over metrics that there are, with variables that do something; and who links here."""

import re

from lab.lint import dashboards as lint
from lab.settings import REPOSITORY
from tests.alerting.alert_rules import alerts
from tests.grafana.generated_dashboards import STEP, dashboards, panels, questions, variables

PLAIN_COUNTER = re.compile(r"(?<!rate\()(?<!increase\()\b\w+_total\b")
LINK = re.compile(r"/d/([\w-]+)(?:\?var-(\w+)=)?")
# A datamart is one, whichever DAG writes it.
SAME_FOR_EVERY_DAG = {"Datamart written", "Age of the datamart"}


def test_every_query_parses_and_reads_documented_metrics() -> None:
    assert [str(fault) for fault in lint.faulty(REPOSITORY)] == []


def test_queries_use_variables_that_their_dashboard_has() -> None:
    for question in questions():
        own = variables(dashboards()[question.asker.partition(":")[0]])
        assert set(re.findall(r"\$([a-z_]\w*)", question.expr)) <= own.keys() | STEP.keys(), question.asker


def test_a_panel_shows_only_what_is_chosen() -> None:
    heedless = {
        panel["title"]
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel["targets"]
        if "dag_id" in variables(dashboard) and '=~"$dag_id"' not in target["expr"]
    }
    assert heedless == SAME_FOR_EVERY_DAG


def test_alerts_lead_to_dashboards_and_variables_that_there_are() -> None:
    links = {
        link.groups() for rule in alerts().values() for link in LINK.finditer(rule["annotations"]["dashboard_url"])
    }
    assert links
    for uid, variable in links:
        assert uid in dashboards()
        assert variable is None or variable in variables(dashboards()[uid]), f"/d/{uid} has no variable {variable}"


def test_rates_are_over_grafanas_own_window() -> None:
    """A window shorter than four scrapes would leave gaps, one shorter than a step would leave events out.

    The linter looks at rate() alone.
    """
    for question in questions():
        windows = re.findall(r"(?:rate|increase)\([^\[]+\[([^\]]+)\]", question.expr)
        assert set(windows) <= {"$__rate_interval"}, question.asker


def test_a_panel_of_a_plain_counter_says_since_when_it_counts() -> None:
    mute = {
        panel["title"]
        for dashboard in dashboards().values()
        for panel in panels(dashboard)
        for target in panel["targets"]
        if PLAIN_COUNTER.search(target["expr"]) and "since" not in panel["description"]
    }
    assert mute == set()
