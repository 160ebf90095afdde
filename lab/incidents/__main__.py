"""The command that writes docs/incidents.md from the declarations.

python -m lab.incidents
"""

import sys
from collections.abc import Iterable, Iterator
from textwrap import fill

from lab import monitoring_files
from lab.incidents.declarations import INCIDENTS
from lab.incidents.gameday import MINUTES
from lab.incidents.incident import Expected, Incident
from lab.settings import REPOSITORY
from lab.viewer.dashboards import Library

PAGE = REPOSITORY / "docs" / "incidents.md"
WIDTH = 120
INTRODUCTION = f"""
<!-- Written by `python -m lab.incidents` from lab/incidents/declarations. Change it there. -->

# Incidents

Each of these breaks something real in a running lab, so that the alerts can be watched coming, and being resolved: to
learn how it looks, to show it, or to have something to talk about in an interview.

| command | |
|---|---|
| `make incident` | list them, and which are open |
| `make incident NAME=data-dirty` | cause one |
| `make heal` | undo whatever is open, and wait until its alerts are resolved |
| `make gameday SEED=7` | play one after another for {MINUTES} minutes (`MINUTES=60`: longer), then tell what it was |
| `make test-incidents` | cause and heal all of them in a lab of its own; `make test-compose-incidents`: in containers |

The inbox shows the same with buttons: <http://127.0.0.1:8025/incidents>. All of it works with containers and without;
in containers the inbox cannot get at the other parts, and its page shows the commands.

An incident is written down before anything is done, in `incidents` of the state directory. So whatever was interrupted
can be healed: a cause by Ctrl-C, a healing that failed halfway. Two incidents can be open at once unless one would
change what the other does or shows. `make down` does not heal: `make up`, then `make heal`.

On a game day the seed fixes which incidents come, in which order and with which pauses. What a person on call has is
the inbox and the dashboards; after it, a table says what it was each time, and how long it took until an alert fired.
Ctrl-C ends it, and heals.

No alert but those named here fires. Times are what it takes at most.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION.strip() + "\n", *_table(), *(line for one in INCIDENTS for line in _section(one))])


def _table() -> Iterator[str]:
    yield "| incident | what has happened | alerts | within | resolved within |"
    yield "|---|---|---|---|---|"
    for one in INCIDENTS:
        names = ", ".join(dict.fromkeys(expected.name for expected in one.fires))
        yield f"| [{one.name}](#{one.name}) | {one.title} | {names} | {one.within} s | {one.resolves_within} s |"


def _section(incident: Incident) -> Iterator[str]:
    yield f"\n## {incident.name}\n"
    yield _prose(f"**{incident.title}.** {incident.happens}")
    yield "\n| alert | of | |\n|---|---|---|"
    for meaning, expected in (
        ("fires", incident.fires),
        ("is kept back: it follows from the others", incident.hides),
        ("may fire, by what else goes on", incident.may_follow),
    ):
        yield from (f"| {_linked(one)} | {', '.join(one.labels.values())} | {meaning} |" for one in expected)
    yield ""
    dashboards = {one.uid: one.title for one in Library(monitoring_files.DASHBOARDS).all()}
    yield _prose(f"**Look at** the dashboard {_listed(f'*{dashboards[uid]}*' for uid in incident.look)}.")
    yield ""
    yield _prose(f"**It is healed:** {incident.heals}")
    yield ""
    yield _prose(f"**What to say:** {incident.say}")


def _linked(expected: Expected) -> str:
    return f"[{expected.name}](../alerting/runbooks/{expected.name}.md)"


def _listed(words: Iterable[str]) -> str:
    return ", then ".join(words)


def _prose(text: str) -> str:
    return fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def main() -> int:
    """Write the page; return the exit code."""
    PAGE.write_text(page() + "\n", encoding="utf-8")
    print(PAGE.relative_to(REPOSITORY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
