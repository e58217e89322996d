"""Load and reload the user of a session, and flush the session before another user signs in.

Must not depend on the login's tokens.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.db import router
from django.db.models import Manager, QuerySet
from django.utils.crypto import constant_time_compare
from django.utils.functional import LazyObject

from ..authorization.group_expiry import acheck_session, check_session
from ..authorization.rights import drop_permission_caches, note_checked_groups
from ..core.errors import SignInError
from ..models import CognitoLogin, CognitoUser

# What the backend calls, and what Django's own methods call in turn.
_READING_METHODS = {name for name in (*dir(Manager), *dir(QuerySet)) if not name.startswith("__")} - {
    "auto_created", "creation_counter", "use_in_migrations", "create", "acreate", "bulk_create", "abulk_create",
}  # fmt: skip
_offered_user: ContextVar[Any] = ContextVar("django_cognito.offered_user", default=None)


def get_session_key(user: Any) -> str:
    """Return the primary key of `user` as Django's `login()` stores it in the session."""
    return user._meta.pk.value_to_string(user)  # type: ignore[no-any-return]


def flush_session_of_another_user(session: SessionBase, user: Any) -> None:
    """Flush the session if Django's `login()` would do so for `user`.

    Otherwise `login()` would also remove the data that was stored in the session just before.
    """
    if auth.SESSION_KEY not in session:
        return
    is_same = session[auth.SESSION_KEY] == get_session_key(user)
    if not is_same or not _has_hash(session, [user.get_session_auth_hash()]):
        session.flush()


def load_user(session: SessionBase, lazy_user: Any, login: CognitoLogin | None = None) -> Any:
    """Load Django's user. Remove its stored groups that have expired, if the check recorded in the session is due.

    Django checks the session's backend and hash. No query if the user was read with `login`.
    Return the user inside Django's lazy object, so that attributes are set on the user itself.
    """
    with _offer_user(login):
        is_authenticated = lazy_user.is_authenticated
    user = lazy_user._wrapped if isinstance(lazy_user, LazyObject) else lazy_user
    if is_authenticated:
        check_session(session, user)
        note_checked_groups(user)
    return user


async def aload_user(
    session: SessionBase, get_user: Callable[[], Awaitable[Any]], login: CognitoLogin | None = None
) -> Any:
    """Async version of `load_user`."""
    with _offer_user(login):
        user = await get_user()
    if user.is_authenticated:
        await acheck_session(session, user)
        note_checked_groups(user)
    return user


@contextmanager
def _offer_user(login: CognitoLogin | None) -> Iterator[None]:
    """Offer the user that was read with `login` to the backend that Django calls in the block."""
    _offered_user.set(None if login is None else _get_read_user(login))
    try:
        yield
    finally:
        _offered_user.set(None)


def _get_read_user(login: CognitoLogin) -> Any:
    """Return the user that was read with `login`; None if the backend would not read the same row."""
    link = login.cognito_user
    if not CognitoUser._meta.get_field("user").is_cached(link):  # the login was read again, after a refresh
        return None
    user = link.user
    manager: Any = type(user)._default_manager
    is_same_row = user._state.db == router.db_for_write(type(user))
    manager_class: Any = type(manager)
    return user if is_same_row and _reads_all_rows(manager_class, manager._queryset_class) else None


@cache
def _reads_all_rows(manager: type, queryset: type) -> bool:
    """Return whether managers of these classes read rows as Django's own.

    One of a site that replaces a method may hide rows, or read other columns.
    """
    own = (cls for cls in {*manager.__mro__, *queryset.__mro__} if not cls.__module__.startswith("django.db."))
    return all(_READING_METHODS.isdisjoint(vars(cls)) for cls in own)


def take_offered_user(user_id: Any) -> Any:
    """Return the user with this primary key if it was read with the session's login; otherwise None. No query."""
    user = _offered_user.get()
    if user is None or user.pk != user_id:
        return None
    _offered_user.set(None)  # no two callers share it
    return user


def reload_user(session: SessionBase, user: Any) -> None:
    """Refresh the user object in place from the database for writes. Other code may refer to the object. One query.

    Raises SignInError (code "login_ended") if the session is no longer valid for this user: the account is deleted or
    disabled, or its password has changed.
    """
    try:
        user.refresh_from_db(using=router.db_for_write(type(user)))
    except type(user).DoesNotExist as error:
        raise SignInError("the user was deleted", code="login_ended") from error
    drop_permission_caches(user)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    if not user.is_active or not _has_hash(session, hashes):
        raise SignInError("the account was disabled, or its password has changed", code="login_ended")


def _has_hash(session: SessionBase, hashes: Iterable[str]) -> bool:
    stored = session.get(auth.HASH_SESSION_KEY, "")
    return any(constant_time_compare(stored, candidate) for candidate in hashes)
