"""The browser of the tests: Chromium, from PATH or from Debian's packages.

`python -m lab.browser` gets it where none is on PATH, and links it into .tools. It is installed, not unpacked: it needs
a few dozen libraries beside it.
"""

import shutil
import subprocess
import sys

from lab import bootstrap
from lab.settings import REPOSITORY

LINK = REPOSITORY / ".tools" / "browser" / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# The second one lets a browser that is not root's lock itself up.
PACKAGES = ("chromium", "chromium-sandbox")
OTHERWISE = (
    f"The tests need a browser, and none is on PATH: {', '.join(NAMES)}.\n"
    f"Install one (on Debian: sudo apt-get install {' '.join(PACKAGES)}), then run make again."
)


def find() -> str | None:
    """Return the path of the first browser on PATH, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    """Make the link lead to a browser; return the exit code."""
    try:
        if not find():
            bootstrap.install_packages(PACKAGES, OTHERWISE)
    except bootstrap.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print(f"\napt-get failed, for the reason above. {OTHERWISE}", file=sys.stderr)
        return 1
    found = find()
    if not found:
        print(f"\nDebian's packages were installed. {OTHERWISE}", file=sys.stderr)
        return 1
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
