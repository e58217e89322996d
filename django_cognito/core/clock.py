"""The clock of everything that has a date: tokens, logins, groups and AWS credentials. Must not depend on anything.

`time.time` is looked up at each call, because the tests of a site may replace it after this package was imported. A
default argument `now=time.time` would stay the real clock. Waiting times are measured by `time.monotonic` instead.
"""

import time
from datetime import UTC, datetime


def unix_time() -> float:
    """Return the seconds since 1970-01-01 UTC. No I/O."""
    return time.time()


def utc_now() -> datetime:
    """Return the same moment as `unix_time`, as an aware datetime in UTC. No I/O."""
    return datetime.fromtimestamp(time.time(), UTC)
