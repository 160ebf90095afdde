"""The rhythm in which a part works and stands still, until SIGTERM ends it.

    python -m lab.incidents.throttle PART WORKS_SECONDS STANDS_SECONDS

Ends by itself when the lab does.
"""

import signal
import sys
import time
from itertools import count
from threading import Event

from lab.errors import LabError
from lab.incidents.parts import find_parts
from lab.settings import load_settings


def main() -> int:
    """Throttle the part; return the exit code."""
    part, works, stands = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    # By the clock: what pausing itself takes does not make the rhythm slower.
    beats = count(time.monotonic(), works + stands)
    try:
        for beat in beats:
            if stop.wait(max(0, beat + works - time.monotonic())):
                break
            parts = find_parts(settings)
            parts.pause(part)
            try:
                stop.wait(max(0, beat + works + stands - time.monotonic()))
            finally:
                parts.resume(part)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
