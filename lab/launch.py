"""The last step before a service runs: its environment and command, read from a file, replace this process.

supervisord's configuration format cannot hold every value (quotes, percent and number signs), so the generated
configuration only names a JSON file, {"environment": {...}, "command": [...]}, which holds any. Standard library only:
this runs before every service.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the service described in the file named by the first argument."""
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    command = description["command"]
    os.execve(command[0], command, os.environ | description["environment"])  # noqa: S606 - replacing itself is its job


if __name__ == "__main__":
    main()
