"""How long tests wait for HTTP. A machine that runs several things at once is slow: a wait ends a test that hangs.

Where time is the subject of a test, it states its own seconds.
"""

from collections.abc import Mapping
from typing import Any

from django_cognito.core.http.client import Http

HTTP_TIMEOUT_SECONDS = 30


def pool_settings(cognito: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry of POOLS may hold of a setting COGNITO: all but the timeout, which is the site's."""
    return {name: value for name, value in cognito.items() if name != "HTTP_TIMEOUT_SECONDS"}


def patient_http() -> Http:
    """Return a client of core that waits as long."""
    return Http(timeout_seconds=HTTP_TIMEOUT_SECONDS)
