"""`manage.py local_cognito`: run the local Cognito, for development only."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

_OPTIONS = ("seed", "port", "host", "public-url", "issuer", "state-dir")


class Command(BaseCommand):
    """Run the local Cognito until Ctrl-C."""

    help = "Run a local Cognito on this machine (extra `emulator`). It is refused if DEBUG is off."
    requires_system_checks = ()  # the site's checks may need the local Cognito

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of `python -m local_cognito`, which defines their defaults."""
        parser.add_argument("--seed", help="YAML or JSON file with pools, clients, groups and users")
        parser.add_argument("--port", type=int, help="port; 0: a free one")
        parser.add_argument("--host", help="address to listen on; 0.0.0.0 in a container")
        parser.add_argument("--allow-remote", action="store_true", help="allow a --host that other computers reach")
        parser.add_argument("--public-url", help="URL for browsers and programs, if not that of --host and --port")
        parser.add_argument("--issuer", choices=("localhost", "aws"), help="issuer of the tokens")
        parser.add_argument("--state-dir", help="folder for the signing keys")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted."""
        if not settings.DEBUG:
            raise CommandError(
                "The local Cognito runs only if DEBUG is on: it shows passwords and codes and lets any program "
                "administer its users. Set DEBUG = True in the settings of your development environment."
            )
        try:
            from local_cognito.__main__ import main
        except ImportError as error:
            raise CommandError('Install the extra first: pip install "django-aws-cognito[emulator]"') from error
        values = {name: options[name.replace("-", "_")] for name in _OPTIONS}
        arguments = [f"--{name}={value}" for name, value in values.items() if value is not None]
        if options["allow_remote"]:
            arguments.append("--allow-remote")
        if code := main(arguments):
            sys.exit(code)  # the error message was printed
