"""The programs of the monitoring: Prometheus's and Alertmanager's, from PATH or from Debian's packages.

`python -m lab.monitoring_programs` gets what is not on PATH. The packages are unpacked into .tools, not installed: an
installed one would start a service of its own on the very ports of the lab, and needs root.
"""

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.debian_packages import Packages
from lab.errors import LabError
from lab.settings import REPOSITORY

UNPACKED = REPOSITORY / ".tools" / "monitoring"
BIN = UNPACKED / "bin"
# By the name of their makers, then Debian's own.
NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "amtool": ("amtool",),
}
PACKAGES = ("prometheus", "prometheus-alertmanager")
# What the pages of Debian's Prometheus need, of all that its package depends on.
PAGE_PACKAGES = ("libjs-", "fonts-")
# Debian's Alertmanager reads the templates of its messages from this folder, and no option changes that. In the
# unpacked programs another path of the same length stands in its place: a folder that their wrappers open.
TEMPLATES = b"/usr/share/prometheus/alertmanager"
OPENED_TEMPLATES = b"/proc/self/fd/9".ljust(len(TEMPLATES), b"/")


def find(name: str) -> str:
    """Return the path of a program: that on PATH, else where the set-up puts it, there or not."""
    return _on_path(name) or str(BIN / name)


def main() -> int:
    """Make .tools/monitoring/bin hold every program; return the exit code."""
    missing = [name for name in NAMES if not _on_path(name)]
    try:
        if missing:
            _unpack(missing)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    # Those on PATH are linked: make sees a link without its target as missing, and comes back here.
    for name in NAMES:
        if found := _on_path(name):
            _replace(name).symlink_to(found)
    return 0


def _on_path(name: str) -> str | None:
    return next(filter(None, map(shutil.which, NAMES[name])), None)


def _unpack(missing: Iterable[str]) -> None:
    what = ", ".join(missing)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LabError(
            f"Not on PATH: {what}.\nThe lab takes them from Debian's or Ubuntu's packages, and there is no apt here. "
            "Put the programs of Prometheus and Alertmanager on PATH, then run make again."
        )
    print(f"Unpacking {what} from Debian's packages into {UNPACKED} ...", flush=True)
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="lab-apt-") as scratch:
        packages = Packages(Path(scratch), "put prometheus, promtool, alertmanager and amtool on PATH")
        for package in _download(packages):
            packages.extract(package, UNPACKED)
    programs = UNPACKED / "usr" / "bin"
    pages = UNPACKED / "usr" / "share" / "prometheus" / "web"
    _wrap("prometheus", f'exec {_quoted(programs / "prometheus")} --web.local-assets={_quoted(pages)}/ "$@"')
    _replace("promtool").symlink_to(programs / "promtool")
    for name in ("alertmanager", "amtool"):
        program = programs / NAMES[name][-1]
        program.write_bytes(program.read_bytes().replace(TEMPLATES, OPENED_TEMPLATES))
        templates = UNPACKED / TEMPLATES.decode().lstrip("/")
        _wrap(name, f'exec 9<{_quoted(templates)}\nexec {_quoted(program)} "$@"')


def _download(packages: Packages) -> list[Path]:
    packages.update()
    pages = sorted(name for name in packages.dependencies(PACKAGES[0]) if name.startswith(PAGE_PACKAGES))
    return packages.download([*PACKAGES, *pages])


def _wrap(name: str, script: str) -> None:
    path = _replace(name)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def _replace(name: str) -> Path:
    BIN.mkdir(parents=True, exist_ok=True)
    path = BIN / name
    path.unlink(missing_ok=True)
    return path


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


if __name__ == "__main__":
    sys.exit(main())
