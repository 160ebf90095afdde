"""Monitoring itself: whether the figures and alerts of the other dashboards can be trusted."""

from grafana.dashboards.addresses import ALERTMANAGER, PROMETHEUS
from grafana.dashboards.building import Line, Section, dashboard
from grafana.dashboards.fields import (
    ANY_IS_BAD,
    BAD,
    GOOD,
    UP,
    WARNING,
    ZERO_IS_GOOD,
    Column,
    Field,
    data_link,
)
from grafana.dashboards.panels import Content, Query, linked, stat, state_timeline, table, time_series

IN_USE = '{integration=~"email|slack"}'
OF_EXPORTER = '{job="statsd-exporter"}'
EXPORTER_ERRORS = """
    sum by (reason) (reason:statsd_exporter_sample_errors:last5m)
    or sum by (reason) (reason:statsd_exporter_events_error:last5m)
    or on () label_replace(vector(0), "reason", "nothing refused", "", "")
"""


def of_group(metric: str) -> str:
    """Return a metric by the name of the group of rules, without that of its file."""
    return f'label_replace({metric}, "group", "$1", "rule_group", ".*;(.*)")'


TARGETS = stat(
    "Scraped",
    "Whether Prometheus reaches each of its targets.",
    [Query("up", "{{job}}")],
    UP,
    named=True,
)
WATCHDOG = stat(
    "Alerting works",
    "The Watchdog always fires. When it does not, Prometheus evaluates no rules.",
    [Query('count(ALERTS{alertname="Watchdog",alertstate="firing"}) or vector(0)')],
    UP,
)
RULES_FAILED = stat(
    "Failed rules",
    "Evaluations of rules that failed, since Prometheus started.",
    [Query("sum(prometheus_rule_evaluation_failures_total)")],
    Field(steps=ZERO_IS_GOOD),
)
DROPPED = stat(
    "Lost packets",
    "StatsD packets that the exporter could not take, since it started.",
    [Query("sum(statsd_exporter_udp_packet_drops_total) or vector(0)")],
    Field(steps=ZERO_IS_GOOD),
)
UNDELIVERED = stat(
    "Undelivered messages",
    "Messages that Alertmanager failed to deliver, since it started.",
    [Query("sum(alertmanager_notifications_failed_total)")],
    Field(steps=ZERO_IS_GOOD),
)

LINES = time_series(
    "StatsD lines per second",
    "Lines that the exporter takes in a second, from Airflow and its tasks.",
    [Query("sum(rate(statsd_exporter_lines_total[$__rate_interval]))", "lines")],
    Field(),
)
ERRORS = time_series(
    "Refused lines and events",
    "Lines and events that the exporter refused within five minutes, by reason.",
    [Query(EXPORTER_ERRORS, "{{reason}}")],
    Field(colors={"nothing refused": GOOD}),
)
SERIES = time_series(
    "Exporter's series",
    "Samples that Prometheus reads from the exporter. They grow with DAGs and tasks, not with runs.",
    [Query(f"sum(scrape_samples_post_metric_relabeling{OF_EXPORTER})", "samples")],
    Field(),
)
SAMPLES = time_series(
    "Samples per second",
    "Samples that Prometheus stores in a second.",
    [Query("sum(rate(prometheus_tsdb_head_samples_appended_total[$__rate_interval]))", "samples")],
    Field(),
)
HEAD = time_series(
    "Prometheus's series",
    "Series that Prometheus holds in memory.",
    [Query("sum(prometheus_tsdb_head_series)", "series")],
    Field(),
)
SCRAPES = time_series(
    "Time to scrape",
    "How long Prometheus takes to read each target, of the 4 seconds that it has.",
    [Query("max by (job) (scrape_duration_seconds)", "{{job}}")],
    Field(unit="s"),
)
RULE_GROUPS = table(
    "Groups of rules",
    "How many rules each group has, how often they are evaluated, how long that took last and how many samples it gave,"
    " and how often it failed since Prometheus started.",
    Content(
        labels={"group": Column("Group", Field(links=[data_link("In Prometheus", f"{PROMETHEUS}/rules")]))},
        values={
            of_group("prometheus_rule_group_rules"): Column("Rules"),
            of_group("prometheus_rule_group_interval_seconds"): Column("Every", Field(unit="s")),
            of_group("prometheus_rule_group_last_duration_seconds"): Column("Took", Field(unit="s")),
            of_group("prometheus_rule_group_last_evaluation_samples"): Column("Samples"),
            of_group("prometheus_rule_evaluation_failures_total"): Column("Failed", ANY_IS_BAD),
        },
        sort="-Took",
    ),
)
RULE_TIME = time_series(
    "Time to evaluate rules",
    "How long the last evaluation of all groups of rules took together.",
    [Query("sum(prometheus_rule_group_last_duration_seconds)", "all groups")],
    Field(unit="s"),
)
ACTIVE = linked(
    time_series(
        "Alerts",
        "Alerts that fire or are about to, without the Watchdog; and all that Alertmanager holds, with the Watchdog.",
        [
            Query('count(ALERTS{alertstate="firing",severity!="none"}) or vector(0)', "firing"),
            Query('count(ALERTS{alertstate="pending"}) or vector(0)', "pending"),
            Query('sum(alertmanager_alerts{state="active"})', "in Alertmanager"),
        ],
        Field(colors={"firing": BAD, "pending": WARNING}),
    ),
    data_link("In Prometheus", f"{PROMETHEUS}/alerts"),
    data_link("In Alertmanager", ALERTMANAGER),
)
SENT = time_series(
    "Messages",
    "Messages that Alertmanager sent, and those it failed to deliver, since it started.",
    [
        Query(f"sum by (integration) (alertmanager_notifications_total{IN_USE})", "{{integration}} sent"),
        Query(f"sum by (integration) (alertmanager_notifications_failed_total{IN_USE})", "{{integration}} failed"),
    ],
    Field(colors={"email failed": BAD, "slack failed": BAD}),
)
TO_ALERTMANAGER = time_series(
    "Prometheus to Alertmanager",
    "Alerts that wait in Prometheus to be told to Alertmanager, and those that could not be told.",
    [
        Query("max(prometheus_notifications_queue_length)", "waiting"),
        Query("sum(increase(prometheus_notifications_errors_total[$__rate_interval]))", "errors"),
        Query("sum(increase(prometheus_notifications_dropped_total[$__rate_interval]))", "dropped"),
    ],
    Field(colors={"waiting": WARNING, "errors": BAD, "dropped": BAD}),
)
UPS = state_timeline("Targets", "Whether Prometheus reached each of its targets.", [Query("up", "{{job}}")], UP)

DASHBOARD = dashboard(
    "monitoring",
    "Monitoring itself",
    "The exporter, Prometheus and Alertmanager: whether the other dashboards and the alerts can be trusted.",
    [
        Section(
            "",
            [Line(4, [(TARGETS, 10), (WATCHDOG, 3), (RULES_FAILED, 3), (DROPPED, 4), (UNDELIVERED, 4)])],
        ),
        Section("StatsD exporter", [Line(7, [(LINES, 8), (ERRORS, 8), (SERIES, 8)])]),
        Section(
            "Prometheus",
            [
                Line(7, [(SAMPLES, 8), (HEAD, 8), (SCRAPES, 8)]),
                Line(8, [(RULE_GROUPS, 12), (RULE_TIME, 6), (UPS, 6)]),
            ],
        ),
        Section("Alertmanager", [Line(7, [(ACTIVE, 8), (TO_ALERTMANAGER, 8), (SENT, 8)])]),
    ],
)
