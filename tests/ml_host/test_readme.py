"""What the project's README lists is what there is."""

import os
import re

from machine import PROJECT

README = (PROJECT / "README.md").read_text()
SOURCES = {path: path.read_text() for folder in ("src", "tests") for path in (PROJECT / folder).rglob("*.py")}


def table(heading: str) -> dict[str, str]:
    """First and second column of the table that begins with these headings."""
    rows = README.partition(heading)[2].partition("\n\n")[0].splitlines()[2:]
    return {first.strip(): second.strip() for _, first, second, *_ in (row.split("|") for row in rows)}


def test_stages_and_their_commands() -> None:
    jobs = next(text for path, text in SOURCES.items() if path.name == "job.py")
    stages = re.findall(r'^    "(\w+)": \((.+)\),$', jobs, re.MULTILINE)
    commands = {name: " ".join(re.findall(r'"([^"]+)"', arguments)) for name, arguments in stages}
    documented = {
        stage.partition(":")[0]: command.strip("`").removeprefix(".venv/bin/python ")
        for stage, command in table("| stage | command |").items()
    }
    assert documented == commands


def test_exit_codes() -> None:
    documented = {int(code) for codes in table("| exit code | means |") for code in codes.split(",")}
    failures = next(text for path, text in SOURCES.items() if path.name == "failures.py")
    assert {getattr(os, name) for name in re.findall(r"exit_code = os\.(EX_\w+)", failures)} <= documented


def test_metrics_of_commands() -> None:
    sent = {name for text in SOURCES.values() for name in re.findall(r'"(lab\.ml\.\w+)"', text)}
    assert set(re.findall(r"`(lab\.ml\.\w+)`", README)) == sent


def test_variables_of_the_environment() -> None:
    documented = {name for names in table("| variable | |") for name in re.findall(r"`(\w+)`", names)}
    read = {name for text in SOURCES.values() for name in re.findall(r'(?:environ\.get|_setting)\("(\w+)"', text)}
    assert read <= documented
    handed_on = (PROJECT / "sshd" / "host.py").read_text().partition("HANDED_ON = (")[2].partition("\n)")[0]
    assert set(re.findall(r'"(\w+)"', handed_on)) == documented - {"MLOPS_STATE_DIR", "MLOPS_JOBS_TOKEN_FILE"}
