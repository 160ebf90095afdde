"""The images that the tests run: the public ones, else stand-ins made of Debian's, PyPI's and Go's packages.

Stand-ins have the names, users, paths and entry points of the public images, as far as the lab's files know them. They
are made where no registry of images can be reached. Grafana has none.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import bootstrap
from lab.judges import BIN as JUDGES
from tests.compose.engine import docker

RECIPES = Path(__file__).parent / "stand_ins"
BASE = "lab-stand-in/debian"
SUITE = "trixie"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# What no image needs, as in the official images of Debian.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
)
# By recipe, the setting that names the public image.
STAND_INS = {
    "python": "PYTHON_IMAGE",
    "postgres": "POSTGRES_IMAGE",
    "prometheus": "PROMETHEUS_IMAGE",
    "alertmanager": "ALERTMANAGER_IMAGE",
    "statsd-exporter": "STATSD_EXPORTER_IMAGE",
    "redis": "REDIS_IMAGE",
}
WITHOUT_STAND_IN = "GRAFANA_IMAGE"
OTHERWISE = (
    "No registry of images can be reached, and stand-ins are made by debootstrap.\n"
    "Install it (on Debian: sudo apt-get install debootstrap), then run `make test-compose` again."
)
PULL_SECONDS = 600
BUILD_SECONDS = 900


def provide(settings: Mapping[str, str]) -> bool:
    """Have an image under each name of the settings; say whether they are the public ones, Grafana's among them."""
    first, *others = (settings[name] for name in (*STAND_INS.values(), WITHOUT_STAND_IN))
    if docker("pull", "--quiet", first, seconds=PULL_SECONDS, check=False):
        for image in others:
            docker("pull", "--quiet", image, seconds=PULL_SECONDS)
        return True
    if not docker("images", "--quiet", BASE):
        _make_base()
    with TemporaryDirectory() as context:
        shutil.copytree(RECIPES, context, dirs_exist_ok=True)
        shutil.copy2(JUDGES / "statsd_exporter", context)
        for recipe, name in STAND_INS.items():
            file = Path(context, f"{recipe}.Dockerfile")
            docker("build", "--quiet", "--file", file, "--tag", settings[name], context, seconds=BUILD_SECONDS)
    return False


def _make_base() -> None:
    """Make the image that all stand-ins are built from: a minimal Debian that trusts whom this machine trusts."""
    if not shutil.which("debootstrap"):
        bootstrap.install_packages(("debootstrap",), OTHERWISE)
    with TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, root],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout[-3000:]
        # A company's firewall, for one, signs with a certificate of its own.
        shutil.copy2(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        for folder in LEFT_OUT:
            shutil.rmtree(root / folder)
            (root / folder).mkdir()
        archive = Path(scratch, "root.tar")
        subprocess.run(["tar", "--create", "--file", archive, "--directory", root, "."], check=True)
        docker(
            "import", "--change", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", archive, BASE
        )
