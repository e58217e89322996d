"""Load and reload the user of a session, and flush the session before another user signs in.

Must not depend on the login's tokens.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.db import router
from django.utils.crypto import constant_time_compare
from django.utils.functional import LazyObject

from ..authorization.group_expiry import acheck_session, check_session
from ..authorization.rights import drop_permission_caches
from ..core.errors import SignInError


def flush_session_of_another_user(session: SessionBase, user: Any) -> None:
    """Flush the session if Django's `login()` would do so for `user`.

    Otherwise `login()` would also remove the data that was stored in the session just before.
    """
    if auth.SESSION_KEY not in session:
        return
    is_same = session[auth.SESSION_KEY] == user._meta.pk.value_to_string(user)
    if not is_same or not _has_hash(session, [user.get_session_auth_hash()]):
        session.flush()


def load_user(session: SessionBase, lazy_user: Any) -> Any:
    """Load Django's user. Remove its stored groups that have expired, if the check recorded in the session is due.

    Return the user inside Django's lazy object, so that attributes are set on the user itself.
    """
    is_authenticated = lazy_user.is_authenticated
    user = lazy_user._wrapped if isinstance(lazy_user, LazyObject) else lazy_user
    if is_authenticated:
        check_session(session, user)
    return user


async def aload_user(session: SessionBase, get_user: Callable[[], Awaitable[Any]]) -> Any:
    """Async version of `load_user`."""
    user = await get_user()
    if user.is_authenticated:
        await acheck_session(session, user)
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
