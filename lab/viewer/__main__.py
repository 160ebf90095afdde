"""The viewer's command line: serves a folder of dashboards on 127.0.0.1, with data from a Prometheus."""

import argparse
import logging
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from a2wsgi import WSGIMiddleware

from lab.errors import LabError
from lab.viewer.answers import Source
from lab.viewer.dashboards import Library
from lab.viewer.prometheus import Prometheus
from lab.viewer.times import seconds
from lab.viewer.web import application

WORKERS = 12


def main() -> int:
    """Serve until a signal ends it. What a person has to know is printed without a traceback."""
    arguments = _parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # otherwise a line for every query
    try:
        listener = _listen(arguments.port)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    source = Source(Prometheus(arguments.prometheus), arguments.scrape_interval)
    # Flask and a2wsgi describe the same interface, each in types of its own.
    flask: Any = application(Library(arguments.folder), source)
    config = uvicorn.Config(
        WSGIMiddleware(flask, workers=WORKERS),
        log_config=None,
        access_log=False,  # an open page asks every few seconds
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise LabError(f"The viewer cannot listen on port {port} of 127.0.0.1: {error}") from error


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.viewer", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds the dashboards' JSON files")
    parser.add_argument("--port", type=int, required=True, help="serves the pages")
    parser.add_argument("--prometheus", required=True, help="address of Prometheus, as in http://127.0.0.1:9090")
    parser.add_argument("--scrape-interval", type=seconds, required=True, help="Prometheus's own, as in 5s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
