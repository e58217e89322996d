"""A site that uses the app imports heavy packages only when something needs them."""

import subprocess
import sys

from tests.support import source

# `requests` and PyJWT are half of the time and the memory of the app's start; boto3 is more than the rest.
HEAVY = (
    "requests",
    "urllib3",
    "jwt",
    "boto3",
    "botocore",
    "moto",
    "flask",
    "local_cognito",
    "rest_framework",
    "pytest",
)


def test_heavy_packages_are_imported_when_they_are_needed() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.import_site", *HEAVY],
        cwd=source.PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    after_setup, after_page, after_bearer_token = process.stdout.splitlines()
    assert (after_setup, after_page) == ("", "")
    assert after_bearer_token == "jwt"  # a key set was read; it was not fetched
