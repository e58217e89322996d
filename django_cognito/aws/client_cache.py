"""boto3 clients, kept per person: made once, signing with that person's credentials and nobody else's.

A new session and client cost 0.1 s; with AWS's models shared 7 ms and half a megabyte; kept ones nothing.
"""

import hashlib
import threading
import weakref
from collections.abc import Iterable, MutableMapping
from typing import Any, NoReturn

from ..core.errors import MalformedTokenError
from ..core.forks import close_after_fork, run_in_forked_child
from ..core.identity_pool import IdentityPool
from ..core.tokens.jws import decode_jws
from ..signals import account_unlinked, signed_out
from .credentials import UserCredentials

_MAX_USERS = 256  # half a megabyte each
_KEPT_SECONDS = 3_600  # an ID token's usual life, and so its credentials'

# A TTLCache from the first entry on: a site without the extra `aws` has no cachetools, and no entries.
_cache: MutableMapping[tuple[IdentityPool, bytes], "UserAws"] = {}
_lock = threading.Lock()


class UserAws:
    """AWS in one person's name. Safe under threads and forks; what a caller holds across a fork is the caller's.

    `stored_identity_id` is for whoever keeps the identity id: what they have of it. `sub` is the user's in the user
    pool, so that a sign-out finds what is cached for the user by whichever ID token.
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
        """Forget the clients, whose connections are the parent's, and the session, which may be half made."""
        self._lock = threading.Lock()  # boto3's sessions are not safe under threads, and make the clients
        self._session: Any = None
        for client in self._clients.values():
            close_after_fork(client)
        self._clients = {}

    def __repr__(self) -> str:
        return f"<UserAws {self.credentials!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("AWS clients are not pickled")

    def session(self) -> Any:
        """A new `boto3.Session` of this person, the caller's own: sessions are not safe to share among threads."""
        from .boto_sessions import create_user_session

        self.credentials.get_current()  # refused here, by an error of ours, rather than inside a call
        return create_user_session(self.credentials, self.region)

    def client(self, service: str, **options: Any) -> Any:
        """The boto3 client of `service`, kept and shared among threads; a new one where an option is an object."""
        self.credentials.get_current()
        if not all(isinstance(value, str | bool | None) for value in options.values()):
            with self._lock:
                return self._made("client", service, options)
        key = (service, *sorted(options.items()))
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._made("client", service, options)
            return client

    def resource(self, service: str, **options: Any) -> Any:
        """A new boto3 resource of `service`, the caller's own: resources are not safe to share among threads."""
        self.credentials.get_current()
        with self._lock:
            return self._made("resource", service, options)

    def _made(self, kind: str, service: str, options: dict[str, Any]) -> Any:
        """A new client or resource. Under the lock."""
        from .boto_sessions import create_user_session

        if self._session is None:
            self._session = create_user_session(self.credentials, self.region)
        return getattr(self._session, kind)(service, **options)


def get_cached_aws(pool: IdentityPool, id_token: str) -> UserAws | None:
    """What is kept for the person of a verified ID token at `pool`; None where nothing is. No I/O."""
    with _lock:
        return _cache.get((pool, _digest(id_token)))


def get_or_create_aws(pool: IdentityPool, id_token: str, *, identity_id: str = "") -> UserAws:
    """AWS in the name of the person of a verified ID token, kept for the next request with the same one. No I/O.

    Where another thread was faster, what it made.
    """
    global _cache
    person = UserAws(UserCredentials(pool, id_token, identity_id=identity_id), pool.region, sub=_sub_of(id_token))
    with _lock:
        if isinstance(_cache, dict):
            _cache = _new_cache()
        return _cache.setdefault((pool, _digest(id_token)), person)


def evict_users(subs: Iterable[str]) -> None:
    """Remove the clients, credentials and ID tokens of the users with these `sub`s from the cache of this process.

    The pool is not compared: a `sub` is a random UUID, and to remove too much costs one new client.
    """
    forgotten = frozenset(subs)
    with _lock:
        for key in [key for key, person in list(_cache.items()) if person.sub in forgotten]:
            _cache.pop(key, None)


def clear_cache() -> None:
    """Drop all that is kept. For tests."""
    with _lock:
        _cache.clear()


def _new_cache() -> MutableMapping[tuple[IdentityPool, bytes], UserAws]:
    from cachetools import TTLCache

    return TTLCache(_MAX_USERS, _KEPT_SECONDS)


def _digest(id_token: str) -> bytes:
    # Of the whole token: nothing less is one person's alone.
    return hashlib.sha256(id_token.encode()).digest()


def _sub_of(id_token: str) -> str:
    """Return the `sub` of a verified ID token; empty for what is no token."""
    try:
        return str(decode_jws(id_token, max_bytes=len(id_token))[1].get("sub", ""))
    except MalformedTokenError:
        return ""


def _on_signed_out(*, cognito_users: Iterable[Any], **_: Any) -> None:
    """Forget the users whose logins have ended. In this process: others drop their entries after an hour."""
    evict_users(link.sub for link in cognito_users)


def _on_unlinked(*, sub: str, **_: Any) -> None:
    evict_users([sub])


signed_out.connect(_on_signed_out, dispatch_uid="django_cognito.aws.client_cache")
account_unlinked.connect(_on_unlinked, dispatch_uid="django_cognito.aws.client_cache.unlinked")


_all: weakref.WeakSet[UserAws] = weakref.WeakSet()


def _reset_after_fork() -> None:
    global _lock, _cache
    if not _lock.acquire(blocking=False):  # a thread of the parent was changing the map
        _cache = {}
    _lock = threading.Lock()
    for person in _all:
        person.reset_after_fork()


run_in_forked_child(_reset_after_fork)
