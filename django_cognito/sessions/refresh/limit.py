"""Limit how many requests of a process wait for Cognito to refresh a login. No I/O.

A thread that waits serves no other request: while Cognito is slow, the expired logins of a few users could otherwise
occupy all threads of a server. Must not depend on logins or settings of more than one pool.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...conf.schema import CognitoSettings
from ...core.errors import CognitoError, CognitoUnavailableError
from ...factories import cached_instance

WAIT_SECONDS = 3.0  # after expiry, other requests wait for the refresh until it has taken this long
_SLOW_SECONDS = (
    1.0  # an attempt that fails after this time has occupied its thread: Cognito usually responds within 0.3 s
)
# Errors of a response. A Lambda trigger that is slow and fails for one user must not stop the refreshes of all others.
_RESPONSE_CODES = ("provider_trouble", "client_refused")
_FAILING_SECONDS = 60.0  # after the pause: by then Cognito may respond again, although no request has tried


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    at: float
    link_id: Any = None


class RefreshLimit:
    """The refreshes of one user pool that this process is waiting for.

    At most MAX_REFRESHES requests refresh a login at a time, at most half of them (one, if that is less) the logins of
    one `CognitoUser`: a user with many logins does not stop the refreshes of all others. Other requests wait for them,
    but only half as many if a refresh takes longer than a second. After an attempt without a response there is a pause
    as long as the attempt; until Cognito responds again, for a minute at most, one request refreshes a login at a time,
    and no other waits. Safe with threads and forks without a lock: each method of a dict is atomic, and a refresh that
    never ends, in a forked child for example, does not count after its lease has expired.
    """

    def __init__(self, settings: CognitoSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._max_refreshes = settings.max_refreshes
        self._half = max(settings.max_refreshes // 2, 1)
        self._lease_seconds = settings.refresh_lease_seconds
        self._now = now
        self._refreshes: dict[Any, _Start] = {}  # by login id
        self._waiting: dict[object, _Start] = {}  # by attempt
        self._retry_at = self._failing_until = now()  # in the future if Cognito has not responded to the last refresh

    def enter(self, login_id: Any, link_id: Any) -> bool:
        """Return whether this request may refresh the login of a `CognitoUser`, the link `link_id`.

        If it may, it must call `end` or `withdraw`.
        """
        start = _Start(self._now(), link_id)
        _discard(self._refreshes, start.at - self._lease_seconds)
        if start.at < self._retry_at or self._refreshes.setdefault(login_id, start) is not start:
            return False
        links = [refresh.link_id for refresh in self._refreshes.copy().values()]
        max_refreshes = 1 if start.at < self._failing_until else self._max_refreshes
        if len(links) > max_refreshes or links.count(link_id) > self._half:
            self.withdraw(login_id)
            return False
        return True

    def withdraw(self, login_id: Any) -> None:
        """End a refresh for which no request was sent."""
        self._refreshes.pop(login_id, None)

    def end(self, login_id: Any, error: CognitoError | None) -> None:
        """End a refresh, which failed with `error`."""
        start = self._refreshes.pop(login_id, None)
        if start is None:  # the login could not be refreshed
            return
        now = self._now()
        seconds = now - start.at
        has_response = not isinstance(error, CognitoUnavailableError) or error.code in _RESPONSE_CODES
        if not has_response and seconds >= _SLOW_SECONDS:
            self._retry_at = now + seconds
            self._failing_until = self._retry_at + _FAILING_SECONDS
        else:
            self._failing_until = now

    def begin_wait(self, attempt: object) -> bool:
        """Return whether a request may wait for refreshes of this process, for WAIT_SECONDS or until `end_wait`."""
        start = _Start(self._now())
        _discard(self._waiting, start.at - WAIT_SECONDS)
        is_slow = any(refresh.at <= start.at - _SLOW_SECONDS for refresh in self._refreshes.copy().values())
        is_failing = start.at < self._failing_until
        if is_failing or (is_slow and len(self._waiting) >= self._half):
            return False
        self._waiting[attempt] = start
        return True

    def end_wait(self, attempt: object) -> None:
        """Stop counting a request that waited, if it did."""
        self._waiting.pop(attempt, None)

    @property
    def pause_seconds(self) -> float:
        """The seconds until the next refresh may begin."""
        return max(self._retry_at - self._now(), 0.0)


def get_refresh_limit(settings: CognitoSettings) -> RefreshLimit:
    """Return the limit of this process for a pool."""
    return cached_instance(RefreshLimit, settings)


def _discard(starts: dict[Any, _Start], until: float) -> None:
    for key, start in starts.copy().items():
        if start.at <= until:
            starts.pop(key, None)
