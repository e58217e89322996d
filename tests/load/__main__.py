"""Run the whole load tests: `python -m tests.load [ARGUMENTS OF PYTEST]`. Not part of the test run."""

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["DJANGO_COGNITO_LOAD"] = "whole"
    sys.exit(pytest.main(["--numprocesses=0", "-s", "tests/load", *sys.argv[1:]]))
