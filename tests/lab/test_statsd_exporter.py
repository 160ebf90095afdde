"""The lab's StatsD exporter as a whole: floods, bad lines, too many series, time limits, how it starts and ends."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.settings import REPOSITORY
from lab.statsd_intake import SECONDS_BETWEEN_COMPLAINTS, Intake
from lab.statsd_mapping import load_mapping_file
from lab.statsd_series import MOST_SERIES, MOST_SERIES_PER_METRIC, Registry
from tests.lab.statsd_process import EMBEDDED, MAPPING, StatsdProcess, samples

LINES_A_SECOND = 20_000
MOST_MEMORY_BYTES = 60_000_000


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[StatsdProcess]:
    with StatsdProcess(tmp_path / "exporter.log") as process:
        yield process


def test_twenty_thousand_lines_a_second_are_taken_in_without_loss_while_the_page_is_read(
    exporter: StatsdProcess,
) -> None:
    seconds, burst = 3, 20
    # As Airflow sends them: one line a packet.
    packets = [f"airflow.task.duration,dag_id=dag{dag},task_id=task{dag % 8}:{dag}.5|ms".encode() for dag in range(200)]
    began = time.monotonic()
    for number in range(0, seconds * LINES_A_SECOND, burst):
        while time.monotonic() - began < number / LINES_A_SECOND:
            time.sleep(0.0005)  # the flood's pace
        for packet in packets[number % 200 : number % 200 + burst]:
            exporter.send_packet(packet)
        if number % LINES_A_SECOND == 0:
            exporter.page()
    exporter.wait_for_lines()
    page = samples(exporter.page())
    assert sum(value for (name, _), value in page.items() if name == "airflow_task_duration_count") == exporter.sent
    assert page["statsd_exporter_udp_packet_drops_total", ()] == 0
    assert page["process_resident_memory_bytes", ()] < MOST_MEMORY_BYTES
    assert page["process_cpu_seconds_total", ()] < seconds


def test_hostile_packets_are_counted_and_logged_once_and_end_nothing(exporter: StatsdProcess) -> None:
    good = "good:1|c"
    packets = [
        *(b"", b"\n\n\n", b"\x00" * 1000, bytes(range(256)), b"a:1|c\x1b[2J\xff", b"x" * 60_000 + b":1|c"),
        *(b":" * 60_000, b"|" * 60_000, b"," * 500 + b":1|c", b"a," + b"b=c," * 120 + b":1|c", b"a:" + b"1|c:" * 1000),
        *(b"a]b[:1|c", b"__name__:1|c", b"a,__name__=b:1|c", b"airflow.task.duration,le=1:1|ms"),
        *(
            b"process_cpu_seconds_total:1|c",
            b"statsd_exporter_lines_total:1|c",
            b"a:1|ms|@1e-300",
            b"b:nan|c",
            b"b:1e999|g",
        ),
    ]
    for packet in packets * 20:
        exporter.send_packet(packet)
    exporter.send([good])
    page = samples(exporter.page())
    assert page["good", ()] == 1
    errors = {dict(labels)["reason"] for name, labels in page if name == "statsd_exporter_sample_errors_total"}
    assert errors >= {"malformed_line", "oversized_line", "malformed_value", "reserved_label", "invalid_sample_factor"}
    conflicts = {labels for name, labels in page if name == "statsd_exporter_events_conflict_total"}
    assert conflicts == {
        (("metric_name", name), ("type", "counter"))
        for name in ("process_cpu_seconds_total", "statsd_exporter_lines_total")
    }
    log = exporter.log.read_text()
    assert log.count("WARNING") == 1
    assert "\x1b" not in log


def test_more_series_than_the_limit_are_refused_and_counted(exporter: StatsdProcess) -> None:
    exporter.send(f"explosion,id={number}:1|c" for number in range(MOST_SERIES_PER_METRIC + 100))
    exporter.send(["explosion,id=0:1|c", "quiet:1|c"])
    assert exporter.value("statsd_exporter_series_refused_total", metric_name="explosion") == 100
    assert exporter.value("explosion", id="0") == 2
    assert exporter.value("explosion", id=f"{MOST_SERIES_PER_METRIC}") == 0
    assert exporter.value("quiet") == 1
    for number in range(MOST_SERIES):
        labels = f"dag_id=a_dag_of_some_length_{number},task_id=its_task_{number}"
        exporter.send_packet(f"metric{number % 5},{labels}:1|ms".encode())
    exporter.wait_for_lines()
    exporter.send(["one.more:1|c"])
    assert exporter.value("statsd_exporter_series") == MOST_SERIES
    assert exporter.value("statsd_exporter_series_refused_total", metric_name="") == MOST_SERIES_PER_METRIC + 2
    assert exporter.value("one_more") == 0
    assert exporter.value("process_resident_memory_bytes") < MOST_MEMORY_BYTES


def test_runs_do_not_add_series(exporter: StatsdProcess) -> None:
    run = (Path(__file__).parent / "captures" / "airflow-3.3.2-day.statsd").read_text().splitlines()
    ids = ("manual__2026-01-{:02d}", "scheduled__2026-02-{:02d}")
    deadline = [f"airflow.deadline_alerts.deadline_missed,dag_id=a,dagrun_id={ids[0].format(1)}:1|c"]
    exporter.send([*run, *deadline])
    series = exporter.value("statsd_exporter_series")
    for day in range(2, 12):
        exporter.send(run)
        exporter.send(
            f"airflow.deadline_alerts.deadline_missed,dag_id=a,dagrun_id={one.format(day)}:1|c" for one in ids
        )
    assert exporter.value("statsd_exporter_series") == series


def test_gauges_move_by_a_sign_and_counters_add_up(exporter: StatsdProcess) -> None:
    exporter.send(["g:5|g", "g:+3|g", "g:-1.5|g", "below:-2|g", "c:1|c", "c:2.5|c", "c:-1|c"])
    assert (exporter.value("g"), exporter.value("below"), exporter.value("c")) == (6.5, -2, 3.5)
    assert exporter.value("statsd_exporter_events_error_total", reason="illegal_negative_counter") == 1


class Clock:
    """A clock that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_series_with_a_ttl_goes_when_nothing_was_heard_of_it(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yml"
    mapping.write_text(
        "defaults: {observer_type: histogram}\nmappings: [{match: 'brief.*', name: 'b_${1}', ttl: 10s}]\n"
    )
    clock, registry = Clock(), Registry()
    intake = Intake(load_mapping_file(mapping), registry, clock)
    intake.take(b"brief.a:1|c\nbrief.b:1|c\nlong:1|c")
    clock.now = 9
    intake.take(b"brief.a:1|c")  # the short way
    clock.now = 11
    intake.expire()
    assert re.findall(r"^\w+ .*", "".join(registry.page()), re.MULTILINE) == ["b_a 2.0", "long 1.0"]
    clock.now = 30
    intake.expire()
    intake.take(b"brief.a:1|c")
    assert "b_a 1.0\n" in "".join(registry.page())


def test_bad_lines_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    intake = Intake(load_mapping_file(MAPPING), Registry(), clock)
    for second in range(int(2 * SECONDS_BETWEEN_COMPLAINTS)):
        clock.now = second
        intake.take(b"no colon\n" * 10)
    assert [record.getMessage().split(" ", 1)[0] for record in caplog.records] == ["1", "600"]
    assert "malformed_line: b'no colon'" in caplog.text


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/metrics?a=b", 200, "statsd_exporter_lines_total 0.0"),
        ("/-/healthy", 200, "Statsd Exporter is Healthy."),
        ("/", 404, "There are /metrics and /-/healthy."),
    ],
)
def test_pages(exporter: StatsdProcess, path: str, status: int, text: str) -> None:
    answer = exporter.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; version=0.0.4; charset=utf-8")
    assert text in answer.text


@pytest.mark.parametrize("request_", [b"POST /metrics HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"x" * 100_000, b"GET"])
def test_a_request_that_is_none_does_no_harm(exporter: StatsdProcess, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", exporter.http_port), timeout=10) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        try:
            answer = connection.recv(1000)
        except ConnectionResetError:
            answer = b""
    assert not answer or b" 405 " in answer
    assert exporter.get("/-/healthy").is_success


def test_it_listens_on_the_loopback_alone_and_ends_on_sigterm(exporter: StatsdProcess) -> None:
    for path in ("/proc/net/tcp", "/proc/net/udp", "/proc/net/tcp6", "/proc/net/udp6"):
        for row in Path(path).read_text().splitlines()[1:]:
            host, port = row.split()[1].split(":")
            if int(port, 16) in {exporter.udp_port, exporter.http_port}:
                assert host == "0100007F"
    exporter.process.send_signal(signal.SIGTERM)
    assert exporter.process.wait(10) == 0
    assert "Traceback" not in exporter.log.read_text()


def test_a_port_that_is_taken_is_named(exporter: StatsdProcess) -> None:
    free = "--web.listen-address=127.0.0.1:0"
    for options, protocol in [
        ((f"--statsd.listen-udp=127.0.0.1:{exporter.udp_port}", free), "UDP"),
        (("--statsd.listen-udp=127.0.0.1:0", f"--web.listen-address=127.0.0.1:{exporter.http_port}"), "HTTP"),
    ]:
        outcome = _run(*options, f"--statsd.mapping-config={MAPPING}")
        assert outcome.returncode == 1
        assert re.search(rf"cannot listen on 127\.0\.0\.1:\d+ \({protocol}\): Address already in use", outcome.stderr)
        assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:9102", ":9102", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536"])
def test_an_address_that_others_can_reach_is_refused(address: str) -> None:
    outcome = _run(
        "--statsd.listen-udp=127.0.0.1:0", f"--web.listen-address={address}", f"--statsd.mapping-config={MAPPING}"
    )
    assert (outcome.returncode, f"{address!r} is not 127.0.0.1:PORT" in outcome.stderr) == (2, True)


def test_a_mapping_file_that_is_not_supported_ends_the_start(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yml"
    mapping.write_text("defaults: {observer_type: summary}\n")
    outcome = _run(
        "--statsd.listen-udp=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", f"--statsd.mapping-config={mapping}"
    )
    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"\n{mapping}:1: defaults: observer_type has to be histogram")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, lab.statsd_exporter; print(sys.modules.keys() & {'airflow', 'httpx', 'rich', 'psutil', 'dotenv'})"
    )
    outcome = subprocess.run([EMBEDDED[0], "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert outcome.stdout == "set()\n"


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EMBEDDED, *options], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=20
    )
