"""A cache of boto3 clients per user; each signs with the credentials of its user only.

A new session and client take 0.1 s, or 7 ms and half a megabyte with shared AWS service models; cached ones take none.
"""

import hashlib
import threading
import weakref
from collections.abc import Iterable, MutableMapping
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver

from ..core.errors import MalformedTokenError
from ..core.forks import close_after_fork, run_in_forked_child
from ..core.identity_pool import IdentityPool
from ..core.tokens.jws import decode_jws
from ..factories import AWS_EXTRA_MISSING
from ..signals import account_unlinked, signed_out
from .credentials import UserCredentials

_MAX_USERS = 256  # half a megabyte each
_CACHED_SECONDS = 3_600  # the usual lifetime of an ID token

# A TTLCache from the first entry on: a site without the extra `aws` has no cachetools and no entries.
_cache: MutableMapping[tuple[IdentityPool, bytes], "UserAws"] = {}
_lock = threading.Lock()


class UserAws:
    """The AWS credentials and boto3 clients of one user. Safe under threads and forks.

    A client that the caller holds across a fork is not reset.

    `stored_identity_id` is the identity id in the database; the code that stores the id updates it. `sub` is the
    user's in the user pool, so that a sign-out finds the entries of all ID tokens of the user.
    """

    def __init__(self, credentials: UserCredentials, region: str, *, sub: str = "") -> None:
        self.credentials = credentials
        self.region = region
        self.sub = sub
        self.stored_identity_id = credentials.cached_identity_id
        self._clients: dict[tuple[Any, ...], Any] = {}
        self.reset_after_fork()
        _all.add(self)

    def reset_after_fork(self) -> None:
        """Discard the clients, whose connections belong to the parent, and the session, which may be incomplete."""
        self._lock = threading.Lock()  # boto3 sessions, which create the clients, are not thread-safe
        self._session: Any = None
        for client in self._clients.values():
            close_after_fork(client)
        self._clients = {}

    def __repr__(self) -> str:
        return f"<UserAws {self.credentials!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("AWS clients are not pickled")

    def session(self) -> Any:
        """Return a new `boto3.Session` of the user. Sessions are not thread-safe, so the caller must not share it."""
        from .boto_sessions import create_user_session

        self.credentials.get_current()  # raises our own error here rather than inside a boto3 call
        return create_user_session(self.credentials, self.region)

    def client(self, service: str, **options: Any) -> Any:
        """Return the cached boto3 client of `service`, shared among threads; a new one if an option is an object."""
        self.credentials.get_current()
        if not all(isinstance(value, str | bool | None) for value in options.values()):
            with self._lock:
                return self._create("client", service, options)
        key = (service, *sorted(options.items()))
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._create("client", service, options)
            return client

    def resource(self, service: str, **options: Any) -> Any:
        """Return a new boto3 resource of `service`. Resources are not thread-safe, so the caller must not share it."""
        self.credentials.get_current()
        with self._lock:
            return self._create("resource", service, options)

    def _create(self, kind: str, service: str, options: dict[str, Any]) -> Any:
        """Return a new client or resource. The caller holds the lock."""
        from .boto_sessions import create_user_session

        if self._session is None:
            self._session = create_user_session(self.credentials, self.region)
        return getattr(self._session, kind)(service, **options)


def get_cached_aws(pool: IdentityPool, id_token: str) -> UserAws | None:
    """Return the cache entry of a verified ID token at `pool`, or None. No I/O."""
    with _lock:
        return _cache.get((pool, _digest(id_token)))


def get_or_create_aws(pool: IdentityPool, id_token: str, *, identity_id: str = "") -> UserAws:
    """Return the cache entry of a verified ID token at `pool`; create it if there is none. No I/O.

    If another thread created the entry first, return that one.

    Raises ImproperlyConfigured if the extra `aws` is not installed.
    """
    global _cache
    try:
        sub = str(decode_jws(id_token, max_bytes=len(id_token))[1].get("sub", ""))
    except MalformedTokenError:
        sub = ""
    user_aws = UserAws(UserCredentials(pool, id_token, identity_id=identity_id), pool.region, sub=sub)
    with _lock:
        if isinstance(_cache, dict):
            try:
                from cachetools import TTLCache
            except ModuleNotFoundError as error:
                raise ImproperlyConfigured(AWS_EXTRA_MISSING) from error
            _cache = TTLCache(_MAX_USERS, _CACHED_SECONDS)
        return _cache.setdefault((pool, _digest(id_token)), user_aws)


def evict_users(subs: Iterable[str]) -> None:
    """Remove the clients, credentials and ID tokens of the users with these `sub`s from the cache of this process.

    The pool is not compared: a `sub` is a random UUID, and to remove too much costs one new client.
    """
    evicted_subs = frozenset(subs)
    with _lock:
        for key in [key for key, user_aws in list(_cache.items()) if user_aws.sub in evicted_subs]:
            _cache.pop(key, None)


def clear_cache() -> None:
    """Remove all cache entries. For tests."""
    with _lock:
        _cache.clear()


def _digest(id_token: str) -> bytes:
    # The digest of the whole token: no part of it identifies one user for certain.
    return hashlib.sha256(id_token.encode()).digest()


@receiver(signed_out, dispatch_uid="django_cognito.aws.client_cache")
def _on_signed_out(*, cognito_users: Iterable[Any], **_: Any) -> None:
    """Evict the users whose logins have ended, in this process; other processes evict them after an hour."""
    evict_users(link.sub for link in cognito_users)


@receiver(account_unlinked, dispatch_uid="django_cognito.aws.client_cache.unlinked")
def _on_unlinked(*, sub: str, **_: Any) -> None:
    evict_users([sub])


_all: weakref.WeakSet[UserAws] = weakref.WeakSet()


@run_in_forked_child
def _reset_after_fork() -> None:
    global _lock, _cache
    if not _lock.acquire(blocking=False):  # a thread of the parent was changing the map
        _cache = {}
    _lock = threading.Lock()
    for user_aws in _all:
        user_aws.reset_after_fork()
