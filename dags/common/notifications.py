"""Notifications of a failed task: the same facts by e-mail and to a Slack webhook.

A DAG that wants them sets `on_failure_callback` to `notify_failure` in its `default_args`. Where they go is read when a
task has failed, never while a DAG file is parsed:

| what | where from |
|---|---|
| mail server, and the address it is from | connection `smtp_default` |
| who gets the mail | variable `alert_email` |
| Slack's incoming webhook | connection `slack_webhook`: type HTTP, its whole address as host |
"""

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

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


def notify_failure(context: "Context") -> None:
    """Tell people that a task has failed, for good: its retries, if any, are used up.

    Whatever keeps a message from being sent is logged; it neither hides the failure nor holds up the other message.
    """
    failure = _failure(context)
    # Slack has escapes of its own, and fewer of them than HTML.
    for_slack = Failure(**{name: _slack_escaped(value) for name, value in asdict(failure).items()})
    for notifier in _notifiers():
        try:
            notifier({**context, "failure": failure, "for_slack": for_slack})
        except Exception:
            channel = type(notifier).__name__
            log.exception("%s could not report the failure of %s.%s", channel, failure.dag_id, failure.task_id)


def _notifiers() -> "list[BaseNotifier]":
    # Made anew for each failure: a notifier keeps what it rendered, and would send the first failure again.
    from airflow.providers.http.notifications.http import HttpNotifier
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    return [
        SmtpNotifier(to="{{ var.value.alert_email }}", subject=SUBJECT, html_content=MAIL),
        HttpNotifier(http_conn_id="slack_webhook", json=SLACK, extra_options={"timeout": SECONDS}),
    ]


def _failure(context: "Context") -> Failure:
    task_instance = context["ti"]
    mapped = task_instance.map_index is not None and task_instance.map_index >= 0
    # A run may have none: one that an asset or the demo triggered, for instance. Each has a time at which it was due.
    logical_date = context.get("logical_date")
    due = context["dag_run"].run_after
    # Airflow gives a text for some failures, and nothing where it lost the task's process.
    error = context.get("exception") or "Airflow lost the task's process: ended from outside, or out of memory."
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


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
