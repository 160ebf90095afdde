"""A StatsD exporter: StatsD lines come in over UDP, Prometheus reads them over HTTP, both on 127.0.0.1.

The lab runs it where the official statsd_exporter is not on PATH. It takes the same mapping file, those options of the
official command line that the lab needs, and gives the metrics about itself the official names:

    python -m lab.statsd_exporter --statsd.listen-udp=127.0.0.1:9125 --statsd.listen-tcp= \
        --web.listen-address=127.0.0.1:9102 --statsd.mapping-config=prometheus/statsd_mapping.yml

Unlike the official one it limits the series it holds (`lab.statsd_series`; refused ones are counted in
`statsd_exporter_series_refused_total`), and `statsd_exporter_udp_packet_drops_total` tells what the kernel dropped.
One thread does everything, so that nothing needs a lock; the page is made in slices, between which packets are read.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from lab.errors import LabError
from lab.statsd_intake import Intake
from lab.statsd_mapping import load_mapping_file
from lab.statsd_self_metrics import SelfMetrics, names, registry_of
from lab.statsd_series import Registry

LOOPBACK = "127.0.0.1"
# A second of 20,000 packets: what the kernel keeps while we are busy elsewhere.
RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024
LARGEST_PACKET_BYTES = 65_535
PACKETS_AT_ONCE = 500
HTTP_SECONDS = 10.0
HIGHEST_PORT = 65_535
SO_RCVBUFFORCE = 33  # Linux's own; Python has no name for it

log = logging.getLogger("statsd_exporter")


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = _parse()
    try:
        asyncio.run(_run(options))
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


async def _run(options: argparse.Namespace) -> None:
    mapping_file = load_mapping_file(options.mapping)
    receiver = _receiver(options.udp)
    registry = Registry()
    intake = Intake(mapping_file, registry)
    about_itself = registry_of(
        SelfMetrics(intake.counts, registry, len(mapping_file.mappings), lambda: _dropped(receiver))
    )
    registry.reserve(names(about_itself))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        server = await asyncio.start_server(_Web(registry, about_itself).answer, *options.http)
    except OSError as error:
        raise _taken("HTTP", options.http, error) from error
    async with server:
        loop.add_reader(receiver, _read, receiver, intake)
        expiry = loop.create_task(_expire(intake))
        log.info(
            "%s: %d mappings. StatsD on %s:%d (UDP, buffer of %d kB), metrics on http://%s:%d/metrics.",
            options.mapping,
            len(mapping_file.mappings),
            *options.udp,
            receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 1024,
            *options.http,
        )
        await stop.wait()
        expiry.cancel()
        loop.remove_reader(receiver)
    receiver.close()


def _receiver(address: tuple[str, int]) -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.settimeout(0)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    # Up to net.core.rmem_max only; with CAP_NET_ADMIN there is a way past that.
    if sys.platform == "linux":
        with suppress(PermissionError):
            receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    try:
        receiver.bind(address)
    except OSError as error:
        raise _taken("UDP", address, error) from error
    return receiver


def _read(receiver: socket.socket, intake: Intake) -> None:
    with suppress(BlockingIOError):
        for _ in range(PACKETS_AT_ONCE):
            intake.take(receiver.recv(LARGEST_PACKET_BYTES))


def _dropped(receiver: socket.socket) -> int:
    """Return how many packets for this socket the kernel had no room for; 0 where it does not tell."""
    inode = str(os.fstat(receiver.fileno()).st_ino)
    with suppress(FileNotFoundError):
        for row in Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]:
            columns = row.split()
            if columns[9] == inode:
                return int(columns[12])
    return 0


async def _expire(intake: Intake) -> None:
    while True:
        await asyncio.sleep(1)
        intake.expire()


class _Web:
    """Answers GET for /metrics and /-/healthy, one request a connection."""

    def __init__(self, registry: Registry, about_itself: CollectorRegistry) -> None:
        self._registry = registry
        self._about_itself = about_itself

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection; one that is too slow, or no HTTP, is only closed."""
        with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(HTTP_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = request.partition(b" ")
                path = rest.partition(b" ")[0].partition(b"?")[0]
                status, parts = self._page(method, path)
                await _send(writer, status, parts)
        writer.close()

    def _page(self, method: bytes, path: bytes) -> tuple[HTTPStatus, Iterator[bytes]]:
        if method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, iter([b"Only GET is answered.\n"])
        if path == b"/metrics":
            return HTTPStatus.OK, self._metrics()
        if path == b"/-/healthy":
            return HTTPStatus.OK, iter([b"Statsd Exporter is Healthy.\n"])
        return HTTPStatus.NOT_FOUND, iter([b"There are /metrics and /-/healthy.\n"])

    def _metrics(self) -> Iterator[bytes]:
        yield generate_latest(self._about_itself)
        for part in self._registry.page():
            yield part.encode()


async def _send(writer: asyncio.StreamWriter, status: HTTPStatus, parts: Iterator[bytes]) -> None:
    writer.write(
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {CONTENT_TYPE_PLAIN_0_0_4}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    )
    for part in filter(None, parts):
        writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)  # drain() alone does not let packets be read
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _taken(protocol: str, address: tuple[str, int], error: OSError) -> LabError:
    host, port = address
    return LabError(
        f"The StatsD exporter cannot listen on {host}:{port} ({protocol}): {os.strerror(error.errno or 0)}."
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.statsd_exporter", description=__doc__, allow_abbrev=False)
    parser.add_argument("--statsd.listen-udp", dest="udp", type=_address, required=True, metavar="HOST:PORT")
    parser.add_argument("--statsd.listen-tcp", dest="tcp", choices=[""], default="", help="none: only UDP is served")
    parser.add_argument("--web.listen-address", dest="http", type=_address, required=True, metavar="HOST:PORT")
    parser.add_argument("--statsd.mapping-config", dest="mapping", type=Path, required=True, metavar="FILE")
    return parser.parse_args()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host != LOOPBACK or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not {LOOPBACK}:PORT; nothing of the lab listens elsewhere")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
