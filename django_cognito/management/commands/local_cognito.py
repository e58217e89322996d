"""`manage.py local_cognito`: the local Cognito, for a developer's machine alone."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Run the local Cognito until Ctrl-C."""

    help = "Run a Cognito on this machine (extra `emulator`). Refused where DEBUG is off."
    requires_system_checks = ()  # the site may well be waiting for this to run

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of `python -m local_cognito`, which defines their defaults."""
        parser.add_argument("--seed", help="a YAML or JSON file of pools, clients, groups and people")
        parser.add_argument("--port", type=int, help="the port on 127.0.0.1; 0: a free one")
        parser.add_argument("--issuer", choices=("localhost", "aws"), help="whom tokens name as issuer")
        parser.add_argument("--state-dir", help="where keys are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted."""
        if not settings.DEBUG:
            raise CommandError("The local Cognito is for development: it does not run where DEBUG is off.")
        try:
            from local_cognito.__main__ import main
        except ImportError as error:
            raise CommandError('Install the extra first: pip install "django-aws-cognito[emulator]"') from error
        values = {name: options[name.replace("-", "_")] for name in ("seed", "port", "issuer", "state-dir")}
        if code := main([f"--{name}={value}" for name, value in values.items() if value is not None]):
            sys.exit(code)  # the error message was printed
