"""The size of tests with many inputs, users or processes: small by default, full in `tox run -e load`."""

import os
from typing import TypeVar

_T = TypeVar("_T")
IS_FULL = os.environ.get("DJANGO_COGNITO_TEST_SIZE") == "full"


def choose_size(small: _T, full: _T) -> _T:
    """Return `full` if DJANGO_COGNITO_TEST_SIZE is "full", otherwise `small`."""
    return full if IS_FULL else small
