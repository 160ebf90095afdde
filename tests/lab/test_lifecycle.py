"""Up, down and clean, with real processes under a real supervisord."""

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lab import lifecycle, processes
from lab.errors import LabError
from lab.lifecycle import Lab
from lab.preparations import Preparation
from lab.progress import Progress
from lab.services import Service
from lab.supervisor import Supervisor

MakeService = Callable[..., Service]
Up = Callable[..., Supervisor]
WaitUntil = Callable[[str, Callable[[], object]], None]
SHELL = "/bin/sh"


def listens(service: Service) -> bool:
    assert service.port
    return not processes.port_is_free(service.port)


def down(state_dir: Path) -> None:
    lifecycle.down(Lab(state_dir, ()), Progress())


def test_up_waits_until_every_service_is_ready_and_down_ends_them_all(
    web: MakeService, up: Up, state_dir: Path
) -> None:
    first, second = web("first"), web("second")
    up(first, second)
    assert listens(first)
    assert listens(second)
    down(state_dir)
    assert not processes.marked(state_dir)
    assert not listens(first)
    assert not listens(second)


def test_down_without_a_lab_says_so(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    down(state_dir)
    assert "Nothing of the lab is running" in capsys.readouterr().out


@pytest.mark.parametrize("is_further", [False, True])
def test_a_taken_port_is_named_with_its_owner_and_nothing_is_started(
    web: MakeService, up: Up, state_dir: Path, *, is_further: bool
) -> None:
    service = web("web")
    port = service.port or 0
    wanted = replace(web("web"), more_ports={"WEB_PORT": port}) if is_further else service
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(LabError, match=rf"web: port {port} is taken by process {os.getpid()} .*\n.*WEB_PORT"):
            up(web("other"), wanted)
        assert not processes.marked(state_dir)
        down(state_dir)
        assert listens(service), "down ended what it had not started"


def test_a_taken_udp_port_is_named_with_its_owner_too(web: MakeService, up: Up, state_dir: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"web: port {port} is taken by process {os.getpid()} .*\n.*WEB_UDP_PORT"):
            up(replace(web("web"), udp_ports={"WEB_UDP_PORT": port}))
    assert not processes.marked(state_dir)


def test_a_program_that_is_not_installed_is_named(web: MakeService, up: Up, state_dir: Path) -> None:
    with pytest.raises(LabError, match=r"web: /no/such/python is missing\. `make setup`"):
        up(web("web", "/no/such/python"))
    assert not state_dir.exists()


@pytest.mark.parametrize(
    ("command", "start_seconds", "message"),
    [
        ("echo this is why; exit 3", 20, r"bad ended while it was starting.*this is why"),
        ("echo this is why; sleep 60", 1, r"bad was not ready within 1 s: .*does not answer.*this is why"),
    ],
    ids=["it ends", "it is not ready in time"],
)
def test_a_service_that_does_not_come_up_is_shown_and_nothing_is_left_running(
    web: MakeService, up: Up, state_dir: Path, command: str, start_seconds: float, message: str
) -> None:
    bad = web("bad", SHELL, "-c", command, start_seconds=start_seconds)
    with pytest.raises(LabError, match=f"(?s){message}") as caught:
        up(web("good"), bad)
    assert str(state_dir / "logs" / "bad.log") in str(caught.value)
    assert not processes.marked(state_dir)


def test_what_ran_before_a_failed_up_keeps_running(web: MakeService, up: Up, state_dir: Path) -> None:
    good = web("good")
    pid = up(good).processes()["good"].pid
    with pytest.raises(LabError, match="bad ended"):
        up(good, web("bad", SHELL, "-c", "exit 3"), web("late"))
    running = {name: process.pid for name, process in Supervisor(state_dir).processes().items() if process.alive}
    assert running == {"good": pid}


def test_a_second_up_starts_only_what_is_missing(web: MakeService, up: Up) -> None:
    services = web("kept"), web("stopped")
    supervisor = up(*services)
    before = supervisor.processes()
    supervisor.stop_service("stopped")
    up(*services)
    after = supervisor.processes()
    assert after["kept"].pid == before["kept"].pid
    assert after["stopped"].alive
    assert after["stopped"].pid != before["stopped"].pid


def test_a_changed_service_is_started_anew_and_a_removed_one_ended(web: MakeService, up: Up) -> None:
    same, changed, removed = web("same"), web("changed"), web("removed")
    before = up(same, changed, removed).processes()
    after = up(same, replace(changed, environment={"COLOR": "red"})).processes()
    assert after["same"].pid == before["same"].pid
    assert psutil.Process(after["changed"].pid).environ()["COLOR"] == "red"
    assert set(after) == {"same", "changed"}
    assert not listens(removed)


def test_a_killed_service_comes_back(web: MakeService, up: Up, wait_until: WaitUntil) -> None:
    service = web("web")
    supervisor = up(service)
    killed = supervisor.processes()["web"].pid
    os.kill(killed, signal.SIGKILL)
    wait_until("supervisord sees the kill", lambda: supervisor.processes()["web"].pid != killed)
    wait_until("the service answers again", lambda: service.health.problem(0) is None)


@pytest.mark.parametrize("follow_up", ["up", "down"])
def test_what_a_killed_supervisor_leaves_behind_is_ended(
    web: MakeService, up: Up, state_dir: Path, wait_until: WaitUntil, follow_up: str
) -> None:
    service = web("web")
    supervisor = up(service)
    orphan = psutil.Process(supervisor.processes()["web"].pid)
    os.kill(supervisor.pid(), signal.SIGKILL)
    wait_until("supervisord is gone", lambda: not supervisor.is_running())
    assert listens(service)
    if follow_up == "up":
        assert up(service).processes()["web"].pid != orphan.pid
    else:
        down(state_dir)
        assert not processes.marked(state_dir)
    assert not orphan.is_running()


def test_a_service_that_hides_the_mark_is_ended_with_the_others(
    web: MakeService, up: Up, state_dir: Path, wait_until: WaitUntil
) -> None:
    """As sshd hides it behind its title; and what somebody starts over SSH has a session of its own, too."""
    plain, hidden = web("plain"), web("hidden")
    session = f"setsid sleep 600 & exec {' '.join(hidden.command)}"
    hidden = replace(hidden, command=("/usr/bin/env", "-i", f"PATH={os.environ['PATH']}", SHELL, "-c", session))
    supervisor = up(plain, hidden)
    service = psutil.Process(supervisor.processes()["hidden"].pid)
    assert processes.MARK not in service.environ()
    wait_until("its child runs", service.children)
    family = {service, *service.children()}
    assert family <= set(processes.marked(state_dir))
    os.kill(supervisor.pid(), signal.SIGKILL)
    wait_until("supervisord is gone", lambda: not supervisor.is_running())
    down(state_dir)
    assert [process for process in family if process.is_running()] == []


def test_two_commands_at_once_take_turns(web: MakeService, state_dir: Path) -> None:
    lab = Lab(state_dir, (web("web"),))
    with ThreadPoolExecutor() as pool:
        for outcome in [pool.submit(lifecycle.up, lab, Progress()) for _ in range(3)]:
            outcome.result()
    assert len([process for process in processes.marked(state_dir) if "http.server" in process.cmdline()]) == 1


def test_two_labs_run_side_by_side(web: MakeService, up: Up, tmp_path: Path) -> None:
    up(web("web"))
    other = Lab(tmp_path / "other", (web("web"),))
    lifecycle.up(other, Progress())
    try:
        down(tmp_path / "state")
        assert listens(other.services[0])
    finally:
        lifecycle.down(other, Progress())


def test_what_needs_something_is_started_after_it(web: MakeService, state_dir: Path) -> None:
    first, second = web("first"), replace(web("second"), after=("middle",))
    seen: list[bool] = []

    def prepare() -> str:
        seen.extend([listens(first), listens(second)])
        return "done"

    lab = Lab(state_dir, (first, second), (Preparation("middle", prepare, after=("first",)),))
    lifecycle.up(lab, Progress())
    assert seen == [True, False]


def test_a_failed_preparation_leaves_nothing_running(web: MakeService, state_dir: Path) -> None:
    def fail() -> str:
        raise LabError("no bucket today")

    with pytest.raises(LabError, match="no bucket today"):
        lifecycle.up(Lab(state_dir, (web("web"),), (Preparation("bucket", fail),)), Progress())
    assert not processes.marked(state_dir)


def test_clean_removes_the_state_and_nothing_that_is_not_the_labs(web: MakeService, up: Up, state_dir: Path) -> None:
    up(web("web"))
    lifecycle.clean(Lab(state_dir, ()), Progress())
    assert not state_dir.exists()

    state_dir.mkdir()
    (state_dir / "thesis.tex").touch()
    with pytest.raises(LabError, match="holds files that are not the lab's"):
        lifecycle.clean(Lab(state_dir, ()), Progress())
    assert (state_dir / "thesis.tex").exists()


def test_a_service_gets_its_settings_whatever_the_shell_holds(
    web: MakeService, up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    misleading = {
        "AWS_PROFILE": "work",
        "AWS_CA_BUNDLE": "/no/such/bundle",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "PYTHONPATH": "/elsewhere",
    }
    for name, value in {**misleading, "NO_PROXY": "example.org", "EDITOR": "vi"}.items():
        monkeypatch.setenv(name, value)
    odd = """a 'b' "c" %d %(x)s #e ;f $HOME ü"""
    supervisor = up(web("web", ODD=odd))
    environment = psutil.Process(supervisor.processes()["web"].pid).environ()
    assert environment["ODD"] == odd
    assert environment["EDITOR"] == "vi"
    assert environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert not misleading.keys() & environment.keys()


def test_a_path_too_long_for_a_socket_is_refused(web: MakeService, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"too long for a socket.*\n.*LAB_STATE_DIR"):
        lifecycle.up(Lab(tmp_path / ("x" * 100), (web("web"),)), Progress())
