"""Keep to a number of requests a second: slow down when AWS throttles, and become faster again slowly.

The quota of ListUsers and ListUsersInGroup is 30 requests a second for all that an account does in a region.
"""

import random
from collections.abc import Callable
from time import monotonic, sleep

from .errors import SyncError

DEFAULT_REQUESTS_PER_SECOND = 10.0  # a third of the quota
_MIN_REQUESTS_PER_SECOND = 0.2
_CLIMB = 1.02  # for each request that was not throttled: from half to the full rate in 35 requests
_MAX_PAUSE_SECONDS = 30.0


class Pace:
    """The times of the requests of one run. Not safe with threads: one thread sends all requests."""

    def __init__(
        self,
        requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND,
        *,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._limit = self.requests_per_second = requests_per_second
        self._now, self._sleep = now, sleep
        self._next_at = now()
        self._failures = 0

    def wait(self) -> None:
        """Wait until the next request may be sent. Raises SyncError if `sleep` returns True."""
        seconds = self._next_at - self._now()
        if seconds > 0 and self._sleep(seconds):  # `Event.wait` returns True if the run is to stop
            raise SyncError("the run was stopped", code="sync_stopped")
        self._next_at = max(self._next_at, self._now()) + 1 / self.requests_per_second

    def report_success(self) -> None:
        """Become a little faster, up to the limit."""
        self._failures = 0
        self.requests_per_second = min(self.requests_per_second * _CLIMB, self._limit)

    def report_throttled(self) -> None:
        """Halve the rate, and pause for a random time that grows with each failure in a row."""
        self.requests_per_second = max(self.requests_per_second / 2, _MIN_REQUESTS_PER_SECOND)
        self.report_failure()

    def report_failure(self) -> None:
        """Pause for a random time that grows with each failure in a row."""
        self._failures += 1
        pause = min(2.0**self._failures, _MAX_PAUSE_SECONDS)
        self._next_at = self._now() + random.uniform(pause / 2, pause)  # noqa: S311 - so that two sites do not meet
