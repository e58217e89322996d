"""`manage.py demo`: Fieldnotes with a Cognito of its own, on this machine, in one command."""

import shutil
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from rich.console import Console

from demo.processes import ChildEndedError, Processes
from demo.report import say_ready
from demo.stack import Stack, pick_ports
from demo.state import state_dir
from journey.run import make_the_journey

COGNITO_PORT = 9229
SITE_PORT = 8000


class Command(BaseCommand):
    """Runs until Ctrl-C; with --check, makes the journey instead and tells by the exit code whether all held."""

    help = "Run Fieldnotes with a local Cognito; --check makes a journey through it and exits."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ports are wishes: where one is taken, another is used, and printed."""
        parser.add_argument("--check", action="store_true", help="make the journey, exit 0 if all of it held, else 1")
        parser.add_argument("--fresh", action="store_true", help="forget what an earlier demo kept")
        parser.add_argument("--port", type=int, default=SITE_PORT, help="of the site (default %(default)s)")
        parser.add_argument("--cognito-port", type=int, default=COGNITO_PORT, help="(default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything; stop everything."""
        ports = pick_ports(options["cognito_port"], options["port"])
        try:
            if options["check"]:
                _check(ports)
            else:
                _serve(ports, fresh=options["fresh"])
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
            raise SystemExit(130 if options["check"] else 0) from None
        except ChildEndedError as error:
            raise CommandError(str(error)) from error


def _serve(ports: tuple[int, int], *, fresh: bool) -> None:
    kept = state_dir()
    if fresh:
        shutil.rmtree(kept)
        kept = state_dir()
    console = Console(highlight=False)
    console.print("Starting a Cognito and Fieldnotes ...", style="dim")
    with Processes(kept) as processes:
        stack = Stack(kept, processes, *ports)
        stack.start_cognito()
        stack.start_site(stack.environment())
        say_ready(console, stack)
        processes.watch()


def _check(ports: tuple[int, int]) -> None:
    """A check shares no state with anything: what an earlier one left cannot make it pass."""
    with tempfile.TemporaryDirectory(prefix="fieldnotes-") as folder, Processes(Path(folder)) as processes:
        if not make_the_journey(Stack(Path(folder), processes, *ports)):
            raise SystemExit(1)
