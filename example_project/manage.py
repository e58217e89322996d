#!/usr/bin/env python
"""Django's command line for Fieldnotes. `manage.py demo` runs the whole site on this machine."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fieldnotes.settings")
    if sys.argv[1:2] == ["demo"]:
        # The demo only starts other processes, and gives each of them its settings; it needs none of its own.
        os.environ.setdefault("DJANGO_DEBUG", "1")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
