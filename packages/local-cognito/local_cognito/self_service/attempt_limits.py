"""Limits for the number of attempts per hour. Does not depend on users or codes."""

from collections.abc import Callable, Hashable

from ..errors import ServiceError

_WINDOW_SECONDS = 3600
# Unknown usernames are counted too; without a limit they would exhaust the memory.
_CAPACITY = 10_000


class AttemptLimits:
    """Counters by key, each over the last hour. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._moments: dict[Hashable, list[float]] = {}

    def count(self, key: Hashable, most: int) -> None:
        """Count an attempt.

        Raises ServiceError after `most` attempts in the last hour; such an attempt is not counted.
        """
        since = self._now() - _WINDOW_SECONDS
        recent = [moment for moment in self._moments.pop(key, []) if moment > since]
        is_allowed = len(recent) < most
        self._moments[key] = [*recent, self._now()] if is_allowed else recent  # the key becomes the last one
        if len(self._moments) > _CAPACITY:
            del self._moments[next(iter(self._moments))]
        if not is_allowed:
            raise ServiceError("LimitExceededException", "Attempt limit exceeded, please try after some time.")
