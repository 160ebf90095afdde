"""The command line: `python -m lab <command>`. `make help` lists what a person calls."""

import argparse
import os
import sys

from lab import demo, lifecycle, logs, processes, status
from lab.errors import LabError
from lab.incidents import commands as incidents
from lab.incidents import gameday
from lab.progress import Progress
from lab.settings import Settings, load_settings


def main() -> int:
    """Run one command; return the exit code. What a person has to know is printed without a traceback."""
    arguments = _parse()
    try:
        settings = load_settings()
        # The lab's own AWS clients must not see a person's profile, certificates or proxies either.
        environment = processes.clean_environment(os.environ)
        os.environ.clear()
        os.environ.update(environment)
        return _run(arguments, settings)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    lab = lifecycle.lab_of(settings)
    match arguments.command:
        case "demo":
            demo.demo(settings, arguments.orders, Progress())
        case "up":
            lifecycle.up(lab, Progress())
        case "down":
            lifecycle.down(lab, Progress())
        case "clean":
            lifecycle.clean(lab, Progress())
            incidents.forget()
        case "status":
            return status.show(lab, Progress())
        case "logs":
            logs.show(settings.state_dir, arguments.name)
        case _:
            _break_and_heal(arguments, settings)
    return 0


def _break_and_heal(arguments: argparse.Namespace, settings: Settings) -> None:
    match arguments.command:
        case "incident" if arguments.name:
            incidents.tell(settings, incidents.cause(settings, arguments.name, Progress()), Progress())
        case "incident":
            incidents.show(settings, Progress())
        case "heal":
            incidents.tell_healed(incidents.heal(settings, Progress()), Progress())
        case "gameday":
            gameday.play(settings, arguments.seed, arguments.minutes, Progress())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("demo", help="`up`, run orders_pipeline and show its result")
    show.add_argument("--orders", default="", metavar="FILE.csv", help="your own orders, instead of data/orders.csv")
    commands.add_parser("up", help="start every service and wait until all are ready")
    commands.add_parser("down", help="end what `up` started")
    commands.add_parser("clean", help="`down`, then remove everything that the lab keeps")
    commands.add_parser("status", help="what runs, how it is and what it weighs")
    log = commands.add_parser("logs", help="follow the log of one service")
    log.add_argument("name", nargs="?", default="", help="a service's name; without it, the names are listed")
    incident = commands.add_parser("incident", help="break something on purpose, and tell which alerts must come of it")
    incident.add_argument("name", nargs="?", default="", help="an incident's name; without it, they are listed")
    commands.add_parser("heal", help="undo every incident, and wait until its alerts are resolved")
    game = commands.add_parser("gameday", help="a series of incidents, which are told at its end")
    game.add_argument("--seed", type=int, required=True, help="the same number plays the same series")
    game.add_argument("--minutes", type=int, default=gameday.MINUTES, help="when the last one has begun (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
