"""Run tests in their own process, for tests that need other settings or change Django permanently."""

import os
import subprocess
import sys

from . import source


def run_pytest(*arguments: str, **variables: str) -> None:
    """Run pytest with these arguments and environment variables. Assert that at least one test passes and none fails.

    Only the plugin for Django is loaded, and tables are made without migrations, to start quickly.
    """
    options = ("-W", "error", "-m", "pytest", "-q", "-p", "pytest_django.plugin", "-p", "no:cacheprovider")
    process = subprocess.run(
        [sys.executable, *options, "--nomigrations", *arguments],
        cwd=source.PROJECT_DIRECTORY,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert " passed" in process.stdout
