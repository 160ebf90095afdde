"""The inbox's command line. It serves on 127.0.0.1 alone.

python -m lab.inbox DIRECTORY --smtp-port N --http-port N --runbooks DIRECTORY --alertmanager URL --prometheus URL
"""

import argparse
import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from lab.errors import LabError
from lab.inbox import smtp, web
from lab.inbox.incidents import LocalLab, Monitoring
from lab.inbox.runbooks import Runbooks
from lab.inbox.store import Store


def main() -> int:
    """Serve until a signal ends it. What a person has to know is printed without a traceback."""
    arguments = _parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's, a line for every command
    try:
        with contextlib.closing(Store(arguments.directory)) as store:
            mail_socket, web_socket = (
                _listen(arguments.host, port) for port in (arguments.smtp_port, arguments.http_port)
            )
            asyncio.run(_serve(arguments, store, mail_socket, web_socket))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _serve(
    arguments: argparse.Namespace, store: Store, mail_socket: socket.socket, web_socket: socket.socket
) -> None:
    @contextlib.asynccontextmanager
    async def with_mail(_: Starlette) -> AsyncIterator[None]:
        # Started before and ended after the web server serves: healthy means that mail is taken too.
        async with await smtp.start(store, mail_socket):
            yield

    application = web.application(
        store,
        Runbooks(arguments.runbooks),
        Monitoring(arguments.alertmanager, arguments.prometheus),
        LocalLab(arguments.lab) if arguments.lab else None,
        with_mail,
    )
    config = uvicorn.Config(
        application,
        log_config=None,
        # An open page asks every other second.
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    await uvicorn.Server(config).serve(sockets=[web_socket])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise LabError(f"The inbox cannot listen on port {port} of {host}: {error}") from error


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.inbox", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the messages are kept")
    parser.add_argument("--smtp-port", type=int, required=True, help="takes e-mail")
    parser.add_argument("--http-port", type=int, required=True, help="serves the page and JSON, takes Slack posts")
    parser.add_argument("--runbooks", type=Path, required=True, help="the folder of pages that alerts lead to")
    parser.add_argument("--alertmanager", required=True, metavar="URL", help="knows which alerts fire")
    parser.add_argument("--prometheus", required=True, metavar="URL", help="knows which are about to")
    parser.add_argument(
        "--lab",
        type=Path,
        metavar="DIRECTORY",
        help="state of a lab without containers, whose incidents this may cause",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; this machine's loopback without")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
