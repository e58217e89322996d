"""Run tests in their own process, for tests that need other settings or change Django permanently."""

import os

from . import source
from .forked_python import run_python


def run_pytest(*arguments: str, **variables: str) -> None:
    """Run pytest with these arguments and environment variables. Assert that at least one test passes and none fails.

    Only the plugin for Django is loaded, and tables are made without migrations, to start quickly.
    """
    options = ("-W", "error", "-m", "pytest", "-q", "-p", "pytest_django.plugin", "-p", "no:cacheprovider")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}
    process = run_python([*options, "--nomigrations", *arguments], source.PROJECT_DIRECTORY, environment)
    assert process.returncode == 0, process.stdout + process.stderr
    assert " passed" in process.stdout
