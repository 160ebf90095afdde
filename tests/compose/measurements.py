"""What `make bench` shows of the lab in containers, printed as JSON; bench/containers.py runs this.

    python -m tests.compose.measurements

Images are built first, and not counted. Without an engine the exit code is NO_ENGINE, and stderr says why.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.bootstrap import SetupError
from lab.demo import DAG_ID
from tests.compose.compose_lab import ComposeLab, built_lab
from tests.compose.engine import docker, is_at_hand

NO_ENGINE = 3
AT_REST_AFTER_SECONDS = 20  # Airflow's processes still load modules for a while after they are healthy
IMAGES = ("AIRFLOW_IMAGE", "LOCALSTACK_IMAGE", "ML_HOST_IMAGE")


def main() -> int:
    """Measure; return the exit code."""
    if not is_at_hand():
        sys.stderr.write("no Docker engine runs here\n")
        return NO_ENGINE
    try:
        with TemporaryDirectory(prefix="lab-bench-") as folder, built_lab(Path(folder), "lab-bench") as lab:
            json.dump(_measured(lab), sys.stdout)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return NO_ENGINE
    return 0


def _measured(lab: ComposeLab) -> dict[str, object]:
    """Return seconds and bytes, and which services there was no image for."""
    up = lab.up()
    began = time.monotonic()
    with lab.api() as api:
        api.wait_for_dag(DAG_ID)
        api.unpause(DAG_ID)
        run = lab.finished(api, api.trigger(DAG_ID, {}))
    if run.state != "success":
        raise RuntimeError(f"{run} failed")
    took = time.monotonic() - began
    time.sleep(AT_REST_AFTER_SECONDS)
    return {
        "up": up,
        "run": took,
        "memory": lab.memory(),
        "images": {
            name: int(docker("image", "inspect", "--format", "{{.Size}}", lab.settings.environment[name]))
            for name in IMAGES
        },
        "left_out": lab.left_out,
    }


if __name__ == "__main__":
    sys.exit(main())
