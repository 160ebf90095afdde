"""The workflows of .github, and what runs the same commands before a push: held against actionlint and the Makefile."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import judges
from lab.settings import REPOSITORY

GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w-]+):.*##", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def actionlint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [judges.BIN / "actionlint", "-no-color", "-shellcheck=", "-pyflakes=", path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actionlint_accepts_the_workflow(path: Path) -> None:
    outcome = actionlint(path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_actionlint_finds_a_fault(tmp_path: Path) -> None:
    text = (GITHUB / "workflows" / "checks.yml").read_text(encoding="utf-8")
    broken = tmp_path / "checks.yml"
    broken.write_text(text.replace("github.event_name", "github.event_nam"), encoding="utf-8")
    outcome = actionlint(broken)
    assert outcome.returncode == 1
    assert 'property "event_nam" is not defined' in outcome.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_little_waits_not_forever_and_calls_make(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for name, job in workflow["jobs"].items():
        if "uses" in job:
            assert (REPOSITORY / job["uses"]).is_file(), name
            continue
        assert job["timeout-minutes"] <= 90, name
        assert job.get("permissions", {}).keys() <= {"contents"}, name
        commands = "\n".join(step.get("run", "") for step in job["steps"])
        called = re.findall(r"^make (?:--silent )?([\w-]+)", commands, re.MULTILINE)
        assert called, name
        assert set(called) <= TARGETS, name
        # What anybody can name, such as a branch, is never pasted into a script.
        assert "${{" not in commands, name


def test_every_action_is_pinned_by_its_commit() -> None:
    files = [*WORKFLOWS, *GITHUB.glob("actions/*/action.yml")]
    used = [line for path in files for line in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))]
    others = {line for line in used if not line.startswith("./")}
    assert others
    for line in others:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    # One version of each.
    assert len({line.partition("@")[0] for line in others}) == len(others)


def test_every_check_of_the_ci_is_a_job() -> None:
    commands = {
        step.get("run") for job in load(GITHUB / "workflows" / "checks.yml")["jobs"].values() for step in job["steps"]
    }
    once = set(re.findall(r"^make .+$", (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    assert once <= commands


def test_the_hooks_are_commands_of_make_and_pre_commit_accepts_them() -> None:
    config = REPOSITORY / ".pre-commit-config.yaml"
    subprocess.run([REPOSITORY / ".venv" / "bin" / "pre-commit", "validate-config", config], check=True)
    hooks = [hook for repository in load(config)["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in load(config)["repos"]} == {"local"}
    assert {hook["entry"] for hook in hooks} <= {f"make {target}" for target in TARGETS}
    assert all(hook["language"] == "system" for hook in hooks)


@pytest.mark.parametrize(("arguments", "said"), [((), "Where to?"), (("TARGET=me@there:/dags/",), "rsync --archive")])
def test_dags_are_checked_before_they_are_deployed(arguments: tuple[str, ...], said: str) -> None:
    command = ["make", "--dry-run", "deploy", *arguments]
    outcome = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert said in outcome.stdout + outcome.stderr
    assert (outcome.returncode == 0) is bool(arguments)
    if arguments:
        assert outcome.stdout.index("test_dag_integrity.py") < outcome.stdout.index('dags/ "me@there:/dags/"')


def test_gitleaks_finds_a_secret_in_a_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@lab.example")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def leaks() -> int:
        return subprocess.run(
            [judges.BIN / "gitleaks", "git", "--no-banner", "--redact", tmp_path], capture_output=True, check=False
        ).returncode

    git("init")
    (tmp_path / "settings").write_text((REPOSITORY / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    git("add", ".")
    git("commit", "-m", "example credentials")
    assert leaks() == 0
    # In two halves, so that this file holds none.
    (tmp_path / "settings").write_text("key = AKIA" + "Y3FDWZ7QLMXPB2RT\n", encoding="utf-8")
    git("commit", "-a", "-m", "a key")
    assert leaks() == 1
