#!/usr/bin/env python
"""Django's command-line utility for Fieldnotes. `manage.py demo` runs the site with a local Cognito."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fieldnotes.settings")
    if sys.argv[1:2] == ["demo"]:
        # The demo starts other processes and sets their environment. It needs no settings itself.
        os.environ.setdefault("DJANGO_DEBUG", "1")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
