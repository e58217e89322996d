"""Run the tests with many processes, users or inputs in full size: `python -m tests.load [ARGUMENTS OF PYTEST]`.

The test run has the same tests in a small size.
"""

import os
import sys

import pytest

from tests.support.source import PROJECT_DIRECTORY

if __name__ == "__main__":
    os.environ["DJANGO_COGNITO_TEST_SIZE"] = "full"
    files = [path for path in (PROJECT_DIRECTORY / "tests").rglob("test_*.py") if "choose_size" in path.read_text()]
    arguments = sys.argv[1:] or ["tests/load", *map(str, files)]
    sys.exit(pytest.main(["--numprocesses=0", "-s", *arguments]))
