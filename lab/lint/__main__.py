"""`python -m lab.lint`, a part of `make lint`: prints every fault as path:line, exits 1 if there is one."""

import sys
from pathlib import Path

from lab.lint import alerts, dashboards, metrics, rules
from lab.lint.finding import Finding
from lab.settings import REPOSITORY


def findings(root: Path) -> list[Finding]:
    """Return all that is wrong in a tree of files, in the order of the files."""
    faults = rules.broken(root)
    # What is no YAML, or no rule, would only make more noise.
    if not faults:
        faults = [*alerts.incomplete(root), *metrics.unknown_in_rules(root), *dashboards.faulty(root)]
    return sorted(set(faults))


def main() -> int:
    """Lint the repository; return the exit code."""
    faults = findings(REPOSITORY)
    for fault in faults:
        print(fault)
    print(f"Found {len(faults)} faults." if faults else "Metrics, rules, alerts and dashboards fit together.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
