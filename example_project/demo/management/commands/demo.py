"""`manage.py demo`: run Fieldnotes with a local Cognito on this machine."""

import shutil
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from rich.console import Console

from demo.processes import ChildExitedError, Processes
from demo.report import print_summary
from demo.stack import Stack, pick_ports
from demo.state import create_state_dir
from journey.run import run_journey

COGNITO_PORT = 9229
SITE_PORT = 8000


class Command(BaseCommand):
    """Run until Ctrl-C. With --check, run the journey instead; the exit code is 0 if all steps pass, else 1."""

    help = "Run Fieldnotes with a local Cognito. With --check, run the journey through the site and exit."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options. If a port is in use, another port is chosen and printed."""
        parser.add_argument("--check", action="store_true", help="run the journey; exit 0 if all steps pass, else 1")
        parser.add_argument("--fresh", action="store_true", help="delete the data of an earlier demo first")
        parser.add_argument("--port", type=int, default=SITE_PORT, help="port of the site (default %(default)s)")
        parser.add_argument(
            "--cognito-port", type=int, default=COGNITO_PORT, help="port of the local Cognito (default %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start all processes, and stop them at the end."""
        ports = pick_ports(options["cognito_port"], options["port"])
        try:
            if options["check"]:
                _check(ports)
            else:
                _serve(ports, fresh=options["fresh"])
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
            raise SystemExit(130 if options["check"] else 0) from None
        except ChildExitedError as error:
            raise CommandError(str(error)) from error


def _serve(ports: tuple[int, int], *, fresh: bool) -> None:
    state_dir = create_state_dir()
    if fresh:
        shutil.rmtree(state_dir)
        state_dir = create_state_dir()
    console = Console(highlight=False)
    with Processes(state_dir) as processes:
        stack = Stack(state_dir, processes, *ports, lambda line: console.print(line, style="dim"))
        stack.start_cognito()
        stack.start_site(stack.build_environment())
        print_summary(console, stack)
        processes.watch()


def _check(ports: tuple[int, int]) -> None:
    """Run the journey in a new temporary folder: data of an earlier run cannot change the result."""
    with tempfile.TemporaryDirectory(prefix="fieldnotes-") as folder, Processes(Path(folder)) as processes:
        if not run_journey(Stack(Path(folder), processes, *ports)):
            raise SystemExit(1)
