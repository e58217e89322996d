"""How often somebody may try something within an hour. Knows neither people nor codes."""

from collections.abc import Callable, Hashable

from ..refusals import Refused

_WINDOW_SECONDS = 3600
# Names that nobody has are counted too; without a bound they would eat the machine's memory.
_CAPACITY = 10_000


class AttemptLimits:
    """Counts by key, each over the hour that has just passed. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._moments: dict[Hashable, list[float]] = {}

    def count(self, key: Hashable, most: int) -> None:
        """Count one more try. Raises Refused if there were `most` within the hour; such a try is not counted."""
        since = self._now() - _WINDOW_SECONDS
        recent = [moment for moment in self._moments.pop(key, []) if moment > since]
        is_allowed = len(recent) < most
        self._moments[key] = [*recent, self._now()] if is_allowed else recent  # the latest key stands last
        if len(self._moments) > _CAPACITY:
            del self._moments[next(iter(self._moments))]
        if not is_allowed:
            raise Refused("LimitExceededException", "Attempt limit exceeded, please try after some time.")
