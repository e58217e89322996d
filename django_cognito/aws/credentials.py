"""The AWS credentials of one person: fetched when first asked for, renewed before they end.

Knows no request and no database: it is handed an ID token, and gives credentials.
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
_MARGIN_SECONDS = 300.0  # what is signed now must still be good when it arrives, and when a slow upload ends
_SHARE = 4  # short-lived ones are renewed when a quarter of their life is left
_LEAST_SECONDS = 1.0  # a clock that goes wrong makes nobody ask more often than this
_PAUSE_SECONDS = 5.0  # a failure answers for so long: an outage slows one request, not each


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: AwsCredentials
    renew_at: float

    @property
    def ends_at(self) -> float:
        return self.credentials.expires_at.timestamp()


class UserCredentials:
    """The credentials that one ID token gets from an identity pool. Safe under threads; the repr shows nothing secret.

    `identity_id` may be handed in where it is known from before, which saves a request.
    """

    def __init__(
        self, pool: IdentityPool, id_token: str, *, identity_id: str = "", now: Callable[[], float] = unix_time
    ) -> None:
        self._pool = pool
        self._id_token = id_token
        self._identity_id = identity_id
        self._now = now
        self._held: _Held | None = None
        self._failure: CognitoError | None = None
        self._failed_at = 0.0
        self.reset_lock()
        _all.add(self)

    def reset_lock(self) -> None:
        """Make a new lock: in a forked child the thread that may have held the old one does not exist."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<UserCredentials {self._identity_id or 'of an identity not asked for yet'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("AWS credentials are not pickled")

    @property
    def cached_identity_id(self) -> str:
        """The identity as far as it is known by now; empty where it has not been asked for. No I/O."""
        return self._identity_id

    @property
    def identity_id(self) -> str:
        """The person's identity in the identity pool, `region:guid`. One request, unless it is known.

        Raises CredentialsError, CognitoUnavailableError.
        """
        if not self._identity_id:
            with self._lock:
                if not self._identity_id:
                    self._asked(self._get_id)
        return self._identity_id

    def get_current(self) -> AwsCredentials:
        """Credentials with time left: those at hand, or new ones (two requests at first, one after that).

        In their last minutes one caller renews them and the others go on with what there is; so do all where the
        renewal fails, until the end.
        Raises CredentialsError with AWS's code, CognitoUnavailableError.
        """
        held, now = self._held, self._now()
        if held is not None and now < held.renew_at:
            return held.credentials
        if held is None or now >= held.ends_at:
            with self._lock:
                return self._refresh()
        if not self._lock.acquire(blocking=False):
            return held.credentials
        try:
            return self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> AwsCredentials:
        """New credentials, unless somebody else got them while this one waited for the lock. Under the lock."""
        held = self._held
        if held is not None and self._now() < held.renew_at:
            return held.credentials
        try:
            credentials = self._asked(self._get_credentials)
        except CognitoError:
            if held is None or self._now() >= held.ends_at:
                raise
            return held.credentials
        now = self._now()
        left = credentials.expires_at.timestamp() - now
        self._held = _Held(credentials, now + max(left - min(_MARGIN_SECONDS, left / _SHARE), _LEAST_SECONDS))
        return credentials

    def _asked(self, ask: Callable[[], _T]) -> _T:
        """What `ask` gives. Its failure is raised as a copy, which leaves the frames behind: they hold the ID token,
        and debug pages and error reports show what frames hold.
        """
        failure = self._failure if 0 <= self._now() - self._failed_at < _PAUSE_SECONDS else None
        if failure is None:
            try:
                return ask()
            except CognitoError as error:
                failure = copy(error)
            self._failure, self._failed_at = failure, self._now()
        raise copy(failure)

    def _get_id(self) -> None:
        self._identity_id = self._pool.identity_id(self._id_token)

    def _get_credentials(self) -> AwsCredentials:
        known = self._identity_id
        if known:
            try:
                return self._exchange()
            except CredentialsError:
                # That identity may have been deleted, or be of the identity pool before this one.
                self._get_id()
                if self._identity_id == known:
                    raise
        else:
            self._get_id()
        return self._exchange()

    def _exchange(self) -> AwsCredentials:
        # AWS may answer with another identity than it was asked for, where it has merged two.
        self._identity_id, credentials = self._pool.credentials(self._identity_id, self._id_token)
        return credentials


_all: weakref.WeakSet[UserCredentials] = weakref.WeakSet()


def _reset_locks() -> None:
    for credentials in _all:
        credentials.reset_lock()


run_in_forked_child(_reset_locks)
