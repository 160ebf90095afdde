"""Debian's packages, downloaded and unpacked, not installed: by the system's mirrors and keys, but without root."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError


@dataclass(frozen=True)
class Packages:
    """Packages as apt has them, with lists of its own.

    Attributes:
        scratch: an empty folder for all that is downloaded.
        otherwise: what a person can do where apt fails.
        suite: the suite of Debian that they are of; the system's own sources, if empty.

    """

    scratch: Path
    otherwise: str
    suite: str = ""

    def update(self) -> None:
        """Read the lists of packages, which everything else needs.

        Raises:
            LabError: apt could not, here as in the other methods.

        """
        for folder in ("state/lists/partial", "cache/archives/partial", "packages"):
            (self.scratch / folder).mkdir(parents=True)
        if self.suite:
            self._sources.write_text(f"deb {self._mirror()} {self.suite} main\n", encoding="utf-8")
        self._apt("apt-get", "update")

    def dependencies(self, package: str) -> set[str]:
        """Return the names of all packages that one needs to be installed."""
        only_needed = ("recommends", "suggests", "enhances", "breaks", "conflicts", "replaces")
        options = ("--recurse", *(f"--no-{kind}" for kind in only_needed))
        return set(self._apt("apt-cache", "depends", *options, package).splitlines())

    def missing(self, package: str) -> set[str]:
        """Return the names of the packages that would be installed with one, itself among them if it is not yet."""
        planned = self._apt("apt-get", "install", "--simulate", "--no-install-recommends", package).splitlines()
        return {line.split()[1] for line in planned if line.startswith("Inst ")}

    def download(self, names: Iterable[str]) -> list[Path]:
        """Download packages; return their files."""
        folder = self.scratch / "packages"
        self._apt("apt-get", "download", *names, folder=folder)
        return sorted(folder.glob("*.deb"))

    def extract(self, package: Path, folder: Path) -> None:
        """Unpack a file of a package."""
        self._run("dpkg-deb", "--extract", str(package), str(folder))

    @property
    def _sources(self) -> Path:
        return self.scratch / "sources.list"

    def _mirror(self) -> str:
        """Return where this machine gets Debian's packages from."""
        wanted = ("Created-By: Packages", "Component: main", "Origin: Debian")
        found = self._run("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).splitlines()
        mirrors = [mirror for mirror in found if "security" not in mirror]
        if not mirrors:
            raise LabError("apt knows no mirror of Debian's packages. Run `apt-get update` as root, then make again.")
        return mirrors[0]

    def _apt(self, program: str, command: str, *arguments: str, folder: Path | None = None) -> str:
        options = [
            f"Dir::State={self.scratch}/state",
            f"Dir::Cache={self.scratch}/cache",
            "Debug::NoLocking=1",
            "APT::Sandbox::User=",  # as root, apt would download as a user who may not write here
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ]
        if self.suite:
            options += [
                f"Dir::Etc::SourceList={self._sources}",
                "Dir::Etc::SourceParts=-",
                "Acquire::Check-Valid-Until=false",  # a mirror may be some weeks behind
            ]
        words = (word for option in options for word in ("-o", option))
        return self._run(program, *words, command, *arguments, folder=folder)

    def _run(self, *command: str, folder: Path | None = None) -> str:
        outcome = subprocess.run(
            command, cwd=folder, env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True, check=False
        )
        if outcome.returncode:
            raise LabError(
                f"{command[0]} could not get Debian's packages:\n{outcome.stderr.strip()}\n"
                f"Once the cause is gone, run make again; or {self.otherwise}."
            )
        return outcome.stdout
