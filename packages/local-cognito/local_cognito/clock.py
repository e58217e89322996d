"""The default clock of the local Cognito. Must not depend on anything.

`time.time` is looked up at each call: a test may replace it after this module was imported.
"""

import time


def unix_time() -> float:
    """Return the seconds since 1970-01-01 UTC. No I/O."""
    return time.time()
