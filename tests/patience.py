"""How long tests wait for HTTP. A machine that runs several things at once is slow: a wait ends a test that hangs.

Where time is the subject of a test, it states its own seconds.
"""

from django_cognito.core.http import Http

HTTP_TIMEOUT_SECONDS = 30


def patient_http() -> Http:
    """Return a client of core that waits as long."""
    return Http(timeout_seconds=HTTP_TIMEOUT_SECONDS)
