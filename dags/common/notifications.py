"""Notifications: of a failed task, the same facts by e-mail and to a Slack webhook; of anything else, to Slack alone.

A DAG that wants the former sets `on_failure_callback` in its `default_args`: to `notify_failure`, or to `keep_failure`
if its last task tells how the run went as a whole. Where messages go is read when there is something to say, never
while a DAG file is parsed:

| what | where from |
|---|---|
| mail server, and the address it is from | connection `smtp_default` |
| who gets the mail | variable `alert_email` |
| Slack's incoming webhook | connection `slack_webhook`: type HTTP, its whole address as host |
"""

import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier, Context

SECONDS = 10
# A message is read on a telephone. The log, which it links to, has the rest.
REASON_CHARACTERS = 2_000

# Only names stand in the templates: what a failed task said is never itself taken for one.
SUBJECT = "{{ failure.dag_id }}.{{ failure.task_id }} failed"
MAIL = """
<h2>{{ failure.task_id }} failed</h2>
<pre style="padding: 12px; background: #f6f6f6; white-space: pre-wrap">{{ failure.reason | e }}</pre>
<table cellpadding="4">
{% for name, value in failure.facts.items() %}<tr><td><b>{{ name }}</b></td><td>{{ value | e }}</td></tr>
{% endfor %}
</table>
<p><a href="{{ failure.log_url | e }}">Open the log</a></p>
"""

FACTS = ("DAG", "Task", "Logical date", "Try", "Run")
LOST = "Airflow lost the task's process: ended from outside, or out of memory."
# The key under which a task that failed leaves word for the one that reports.
KEPT = "failure"
SLACK = {
    "username": "Airflow",
    "attachments": [
        {
            "color": "danger",
            "fallback": SUBJECT,
            "title": SUBJECT,
            "title_link": "{{ failure.log_url }}",
            "text": "```{{ for_slack.reason }}```",
            "fields": [
                {"title": name, "value": f"{{{{ for_slack.facts['{name}'] }}}}", "short": name != "Run"}
                for name in FACTS
            ],
            "actions": [{"type": "button", "text": "Open the log", "url": "{{ failure.log_url }}"}],
        }
    ],
}

NEWS = {
    "username": "Airflow",
    "attachments": [
        {
            "color": "{{ for_slack.color }}",
            "fallback": "{{ for_slack.title }}",
            "title": "{{ for_slack.title }}",
            "title_link": "{{ news.link }}",
            "text": "{{ for_slack.text }}",
            "fields": [
                {"title": "DAG", "value": "{{ for_slack.dag_id }}", "short": True},
                {"title": "Run", "value": "{{ for_slack.run_id }}", "short": False},
            ],
        }
    ],
}

T = TypeVar("T", "Failure", "News")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """What there is to know of a task that failed, as text."""

    dag_id: str
    task_id: str
    run_id: str
    logical_date: str
    tries: str
    reason: str
    log_url: str

    @property
    def facts(self) -> dict[str, str]:
        """What a message lists, by the names a reader sees."""
        return dict(zip(FACTS, (self.dag_id, self.task_id, self.logical_date, self.tries, self.run_id), strict=True))


@dataclass(frozen=True)
class News:
    """What there is to tell of a run that is no failure, as text."""

    dag_id: str
    run_id: str
    color: str
    title: str
    text: str
    link: str


def notify_failure(context: "Context") -> None:
    """Tell people that a task has failed, for good: its retries, if any, are used up."""
    send_failure(context, _failure(context))


def keep_failure(context: "Context") -> None:
    """Keep what there is to know of a task that has failed for `kept_failure`."""
    context["ti"].xcom_push(key=KEPT, value=asdict(_failure(context)))


def kept_failure(context: "Context", task_id: str) -> Failure:
    """Return what is known of a task of the same run that has failed."""
    kept = context["ti"].xcom_pull(task_ids=task_id, key=KEPT)
    # A task whose process was lost left no word.
    return Failure(**kept) if kept else replace(_failure(context), task_id=task_id, reason=LOST)


def send_failure(context: "Context", failure: Failure) -> None:
    """Send a failure by mail and to Slack.

    Whatever keeps a message from being sent is logged; it neither hides the failure nor holds up the other message.
    """
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    mail = SmtpNotifier(to="{{ var.value.alert_email }}", subject=SUBJECT, html_content=MAIL)
    known = {"failure": failure, "for_slack": _slack_escaped(failure)}
    for notifier in (mail, _slack(SLACK)):
        _send(notifier, {**context, **known}, f"the failure of {failure.dag_id}.{failure.task_id}")


def send_news(context: "Context", title: str, text: str, *, good: bool) -> None:
    """Send a short message to Slack; what keeps it from being sent is logged."""
    task_instance = context["ti"]
    news = News(
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        color="good" if good else "warning",
        title=title,
        text=text,
        link=task_instance.log_url,
    )
    _send(_slack(NEWS), {**context, "news": news, "for_slack": _slack_escaped(news)}, title)


def _send(notifier: "BaseNotifier", context: Any, what: str) -> None:
    try:
        notifier(context)
    except Exception:
        log.exception("%s could not report %s", type(notifier).__name__, what)


def _slack(message: dict[str, Any]) -> "BaseNotifier":
    # Made anew for each message: a notifier keeps what it rendered, and would send the first one again.
    from airflow.providers.http.notifications.http import HttpNotifier

    return HttpNotifier(http_conn_id="slack_webhook", json=message, extra_options={"timeout": SECONDS})


def _failure(context: "Context") -> Failure:
    task_instance = context["ti"]
    mapped = task_instance.map_index is not None and task_instance.map_index >= 0
    # A run may have none: one that an asset or the demo triggered, for instance. Each has a time at which it was due.
    logical_date = context.get("logical_date")
    due = context["dag_run"].run_after
    # Airflow gives a text for some failures, and nothing where it lost the task's process.
    error = context.get("exception") or LOST
    reason = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
    return Failure(
        dag_id=task_instance.dag_id,
        task_id=f"{task_instance.task_id}[{task_instance.map_index}]" if mapped else task_instance.task_id,
        run_id=task_instance.run_id,
        logical_date=logical_date.isoformat() if logical_date else f"none, due {due:%Y-%m-%d %H:%M:%S %Z}",
        tries=f"{task_instance.try_number} of {task_instance.max_tries + 1}",
        reason=reason[:REASON_CHARACTERS],
        log_url=task_instance.log_url,
    )


def _slack_escaped(message: T) -> T:
    # Slack has escapes of its own, and fewer of them than HTML.
    escaped = {
        name: value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for name, value in asdict(message).items()
    }
    return replace(message, **escaped)
