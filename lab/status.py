"""The status table: each service's state, health, age and weight."""

import time

from rich import box
from rich.table import Table

from lab import processes
from lab.lifecycle import Lab
from lab.progress import Progress
from lab.supervisor import Supervisor

MEGABYTE = 10**6
COLUMNS = ("service", "state", "pid", "port", "health", "up for", "memory MB")


def show(lab: Lab, progress: Progress) -> int:
    """Print the table. Return 0 when every service is healthy, 1 otherwise, as scripts expect it."""
    supervisor = Supervisor(lab.state_dir)
    if not supervisor.is_running():
        progress.note("The lab is not running. `make up` starts it.")
        return 1
    table = Table(*COLUMNS, box=box.SIMPLE_HEAD)
    table.columns[-1].justify = "right"
    total = processes.memory(supervisor.pid())
    running = supervisor.processes()
    problems = {}
    for service in lab.services:
        process = running.get(service.name)
        if process is None or not process.alive:
            problems[service.name] = "not running"
            table.add_row(service.name, process.state.lower() if process else "unknown", "", str(service.port or ""))
            continue
        problem = service.health.problem(process.since)
        if problem:
            problems[service.name] = problem
        table.add_row(
            service.name,
            process.state.lower(),
            str(process.pid),
            str(service.port or ""),
            "unhealthy" if problem else "healthy",
            _duration(time.time() - process.since),
            f"{processes.memory(process.pid).size / MEGABYTE:.0f}",
        )
    table.add_section()
    table.add_row("together", *[""] * 5, f"{total.size / MEGABYTE:.0f}")
    progress.console.print(table)
    if total.unknown:
        progress.note(f"Without {total.unknown} worker processes, whose memory only root may read.")
    for name, problem in problems.items():
        progress.note(f"{name}: {problem}. Its log: `make logs NAME={name}`")
    return 1 if problems else 0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
