"""The HTTP timeout of tests. It ends a test that hangs, and is long enough for a busy machine.

A test of time limits sets its own seconds.
"""

from collections.abc import Mapping
from typing import Any

from django_cognito.core.http.client import Http

HTTP_TIMEOUT_SECONDS = 30


def pool_settings(cognito: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of COGNITO that an entry of POOLS may have: all except the timeout, which is global."""
    return {name: value for name, value in cognito.items() if name != "HTTP_TIMEOUT_SECONDS"}


def patient_http() -> Http:
    """Return an HTTP client of core with this timeout."""
    return Http(timeout_seconds=HTTP_TIMEOUT_SECONDS)
