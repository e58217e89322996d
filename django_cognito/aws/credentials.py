"""Temporary AWS credentials of one user: fetched on first use and refreshed before they expire.

Must not depend on requests or the database: the input is an ID token, the result is credentials.
"""

import threading
import weakref
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from ..core.clock import unix_time
from ..core.errors import CognitoError, CredentialsError
from ..core.forks import run_in_forked_child
from ..core.identity_pool import AwsCredentials, IdentityPool

_T = TypeVar("_T")
_MARGIN_SECONDS = 300.0  # a signature must still be valid when a slow upload ends
_SHARE = 4  # short-lived credentials are refreshed when a quarter of their lifetime is left
_LEAST_SECONDS = 1.0  # the shortest time between two refreshes, even if the clock is wrong
_PAUSE_SECONDS = 5.0  # a failure is cached this long, so that an outage delays one request, not every request


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: AwsCredentials
    renew_at: float

    @property
    def ends_at(self) -> float:
        return self.credentials.expires_at.timestamp()


class UserCredentials:
    """The AWS credentials that an identity pool issues for one ID token. Thread-safe; the repr shows no secret.

    Passing a stored `identity_id` saves a request.
    """

    def __init__(
        self, pool: IdentityPool, id_token: str, *, identity_id: str = "", now: Callable[[], float] = unix_time
    ) -> None:
        self._pool = pool
        self._id_token = id_token
        self._identity_id = identity_id
        self._now = now
        self._cached: _Held | None = None
        self._failure: CognitoError | None = None
        self._failed_at = 0.0
        self.reset_lock()
        _all.add(self)

    def reset_lock(self) -> None:
        """Replace the lock: in a forked child, the thread that may hold it does not exist."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<UserCredentials {self._identity_id or 'of an identity not asked for yet'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("AWS credentials are not pickled")

    @property
    def cached_identity_id(self) -> str:
        """The identity id if it has been fetched or passed in; otherwise empty. No I/O."""
        return self._identity_id

    @property
    def identity_id(self) -> str:
        """The user's identity id in the identity pool, `region:guid`. One request, unless it is cached.

        Raises CredentialsError, CognitoUnavailableError.
        """
        if not self._identity_id:
            with self._lock:
                if not self._identity_id:
                    self._fetch(self._get_id)
        return self._identity_id

    def get_current(self) -> AwsCredentials:
        """Return credentials that have not expired: cached or new (two requests the first time, then one).

        In the last minutes of their lifetime one caller refreshes them; the others get the cached ones. If the refresh
        fails, every caller gets the cached ones until they expire.
        Raises CredentialsError with AWS's code, CognitoUnavailableError.
        """
        cached, now = self._cached, self._now()
        if cached is not None and now < cached.renew_at:
            return cached.credentials
        if cached is None or now >= cached.ends_at:
            with self._lock:
                return self._refresh()
        if not self._lock.acquire(blocking=False):
            return cached.credentials
        try:
            return self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> AwsCredentials:
        """Return new credentials, or those that another thread got while this one waited. The caller holds the lock."""
        cached = self._cached
        if cached is not None and self._now() < cached.renew_at:
            return cached.credentials
        try:
            credentials = self._fetch(self._get_credentials)
        except CognitoError:
            if cached is None or self._now() >= cached.ends_at:
                raise
            return cached.credentials
        now = self._now()
        left = credentials.expires_at.timestamp() - now
        self._cached = _Held(credentials, now + max(left - min(_MARGIN_SECONDS, left / _SHARE), _LEAST_SECONDS))
        return credentials

    def _fetch(self, fetch: Callable[[], _T]) -> _T:
        """Return the result of `fetch`; raise a recent failure again without calling it.

        A failure is raised as a copy without traceback: its frames hold the ID token, which debug pages and error
        reports would show.
        """
        failure = self._failure if 0 <= self._now() - self._failed_at < _PAUSE_SECONDS else None
        if failure is None:
            try:
                return fetch()
            except CognitoError as error:
                failure = copy(error)
            self._failure, self._failed_at = failure, self._now()
        raise copy(failure)

    def _get_id(self) -> None:
        self._identity_id = self._pool.identity_id(self._id_token)

    def _get_credentials(self) -> AwsCredentials:
        """Exchange the ID token for credentials. If AWS refuses a stored identity id, try once with a new one."""
        previous_id = self._identity_id
        if previous_id:
            try:
                return self._exchange()
            except CredentialsError:
                # The identity may have been deleted, or belong to an identity pool that was configured before.
                self._get_id()
                if self._identity_id == previous_id:
                    raise
        else:
            self._get_id()
        return self._exchange()

    def _exchange(self) -> AwsCredentials:
        # AWS may return another identity id than the requested one if it has merged two.
        self._identity_id, credentials = self._pool.credentials(self._identity_id, self._id_token)
        return credentials


_all: weakref.WeakSet[UserCredentials] = weakref.WeakSet()


@run_in_forked_child
def _reset_locks() -> None:
    for credentials in _all:
        credentials.reset_lock()
