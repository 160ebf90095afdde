"""The command that writes every dashboard into grafana/generated, for Grafana and for the lab's viewer.

    python -m grafana.dashboards

does it for the repository, as `make dashboards`.
"""

import json
import os
import sys
from pathlib import Path

from grafana.dashboards import DASHBOARDS

GENERATED = Path(__file__).resolve().parents[1] / "generated"


def generate(directory: Path) -> list[Path]:
    """Write one file a dashboard, remove the files of dashboards that are gone, and return what was written."""
    directory.mkdir(exist_ok=True)
    written = []
    for dashboard in DASHBOARDS:
        path = directory / f"{dashboard['uid']}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)  # at once: Grafana reads the folder while we write
        written.append(path)
    for path in set(directory.glob("*.json")) - set(written):
        path.unlink()
    return written


def main() -> int:
    """Write into the repository; return the exit code."""
    for path in generate(GENERATED):
        sys.stdout.write(f"{os.path.relpath(path)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
