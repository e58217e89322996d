"""Expire remembered groups: the grants of a link's groups expire REMEMBERED_GROUPS_SECONDS after its `as_of`.

Must not depend on `users` or `rights`, which both use it.
"""

import math
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.db import router
from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest

from ..conf.loading import get_settings
from ..conf.schema import CognitoSettings
from ..core.clock import utc_now
from ..db.transactions import retry_conflicts, write_transaction
from ..models import CognitoMembership, CognitoUser
from ..signals import send_groups_changed
from .confirmed_moments import MOMENTS, set_confirmed_moments
from .memberships import FLAGS, apply_grants, lock_superusers

SESSION_KEY = "_cognito_groups_until"  # seconds since 1970
_PAGE_SIZE = 500
# The maximum lifetime of Cognito's access and ID tokens. A session without SESSION_KEY may have a token that
# is more recent than its link's `as_of`; after a day it was refreshed, which confirms the groups.
_TOKEN_MAX_SECONDS = 86_400
_PERMISSION_CACHES = ("_perm_cache", "_user_perm_cache", "_group_perm_cache")  # of Django's ModelBackend


class _Link(Protocol):
    groups: Any
    as_of: Any


def remembered_groups(link: _Link, settings: CognitoSettings) -> tuple[str, ...]:
    """Return the groups of a link row; an empty tuple if they have expired. No I/O."""
    return () if is_expired(link.as_of, settings) else tuple(link.groups)


def is_expired(as_of: datetime, settings: CognitoSettings) -> bool:
    """Return whether groups that were last confirmed at `as_of` have expired."""
    limit = newest_expired_as_of(settings)
    return limit is not None and as_of <= limit


def newest_expired_as_of(settings: CognitoSettings | None = None) -> datetime | None:
    """Return the most recent `as_of` of expired groups, by default by the current settings.

    None if groups do not expire.
    """
    age = _get_max_age(settings or get_settings())
    return None if age is None else utc_now() - age


def seconds_left(link: _Link, settings: CognitoSettings) -> float:
    """Return the seconds until the groups of a link row expire; infinity if they do not expire."""
    age = _get_max_age(settings)
    return math.inf if age is None or not link.groups else (link.as_of + age - utc_now()).total_seconds()


def expire_remembered_groups(user: Any, settings: CognitoSettings | None = None) -> datetime | None:
    """Remove the expired groups of the user's links, and their grants, by default by the current settings.

    Return the moment at which the groups of the next link expire; None if there is none.
    The flags and permission caches of `user` are updated too. One query if no group has expired; locks otherwise.
    """
    return _expire(user, settings or get_settings())[1]


def expire_all_remembered_groups() -> int:
    """Remove the expired groups of all users, each user in one transaction; return the number of users."""
    settings = get_settings()
    users = _expired_links(settings).order_by("user_id").values_list("user_id", flat=True).distinct()
    count, page = 0, list(users[:_PAGE_SIZE])
    while page:
        count += sum(_expire(get_user_model()(pk=pk), settings)[0] for pk in page)
        page = list(users.filter(user_id__gt=page[-1])[:_PAGE_SIZE])
    return count


def count_users_with_expired_groups() -> int:
    """Return the number of users whose groups `expire_all_remembered_groups` would remove. One query."""
    return _expired_links(get_settings()).aggregate(count=Count("user_id", distinct=True))["count"]  # type: ignore[no-any-return]


def store_next_moment(*, user: Any, request: HttpRequest | None = None, **_: Any) -> None:
    """Remove the expired groups of a user who signs in, and store the moment of the next check in the session.

    Receiver of `user_logged_in`. A user without links may be linked during the session, so the moment is stored too.
    """
    settings = get_settings()
    age = _get_max_age(settings)
    if age is None or user.pk is None or not isinstance(user, Model):
        return
    moment = expire_remembered_groups(user, settings)
    session = getattr(request, "session", None)
    if session is not None:
        _store(session, moment, age)


def check_session(session: SessionBase, user: Any, settings: CognitoSettings | None = None) -> bool:
    """Remove the expired groups of `user` if the moment stored in the session has passed; store the next moment.

    By default by the current settings. Return whether the user's row or other grants changed. No query before that
    moment.
    """
    settings = settings or get_settings()
    age = _get_max_age(settings)
    if age is None or not _is_due(session.get(SESSION_KEY), age):
        return False
    if SESSION_KEY not in session:
        session[SESSION_KEY] = _to_seconds(utc_now() + timedelta(seconds=_TOKEN_MAX_SECONDS))
        return False
    is_changed, moment = _expire(user, settings)
    if not is_changed:  # another request of this session may have been first
        _update_user_object(user, _users_for_write().filter(pk=user.pk).first())
    _store(session, moment, age)
    return is_changed


async def acheck_session(session: SessionBase, user: Any) -> bool:
    """Async version of `check_session`; uses no thread before the stored moment."""
    settings = get_settings()
    age = _get_max_age(settings)
    if age is None or not _is_due(await session.aget(SESSION_KEY), age):
        return False
    return await sync_to_async(check_session)(session, user, settings)


def _get_max_age(settings: CognitoSettings) -> timedelta | None:
    seconds = settings.remembered_groups_seconds
    return None if seconds is None else timedelta(seconds=seconds)


def _is_due(stored: int | None, age: timedelta) -> bool:
    """Return whether the stored moment has passed, or is too late because the setting was reduced since."""
    now = utc_now()
    return stored is None or not now.timestamp() < stored <= _to_seconds(now + age)


def _store(session: SessionBase, moment: datetime | None, age: timedelta) -> None:
    latest = utc_now() + age
    session[SESSION_KEY] = _to_seconds(min(moment or latest, latest))


def _to_seconds(moment: datetime) -> int:
    return math.ceil(moment.timestamp())


def _expire(user: Any, settings: CognitoSettings) -> tuple[bool, datetime | None]:
    age = _get_max_age(settings)
    if age is None:
        return False, None
    links = _links_with_groups().filter(user_id=user.pk)
    confirmed = list(links.values_list("as_of", flat=True))
    is_any_expired = any(is_expired(as_of, settings) for as_of in confirmed)
    is_changed = is_any_expired and retry_conflicts(partial(_remove_expired, user, settings))
    if is_changed:
        confirmed = list(links.values_list("as_of", flat=True))
    return is_changed, min((as_of + age for as_of in confirmed), default=None)


def _remove_expired(user: Any, settings: CognitoSettings) -> bool:
    """Remove the expired groups of the user's links in one transaction; return whether there were any.

    `as_of` is the last moment at which they were confirmed, also by a run of `cognito_sync`. There are none if a token
    has confirmed the groups meanwhile, or if the user was deleted.
    """
    flags: set[str] = set()
    with write_transaction():
        # All links first, then the user: the lock order of all writers.
        links = list(_expired_links(settings).select_for_update().filter(user_id=user.pk).order_by("pk"))
        lock_superusers([user.pk])
        owner: Any = _users_for_write().select_for_update().filter(pk=user.pk).first()
        set_confirmed_moments(links)
        for link in links if owner is not None else ():
            if not is_expired(link.as_of, settings):
                link.save(update_fields=MOMENTS)
                continue
            before, link.user, link.groups, link.listed_digest = link.groups, owner, [], ""
            link.save(update_fields=["groups", "listed_digest", *MOMENTS])
            send_groups_changed(link, before, router.db_for_write(CognitoUser))
            flags.update(apply_grants(link, {}))
        if flags:
            owner.save(update_fields=flags)
    _update_user_object(user, owner)
    return owner is not None and any(is_expired(link.as_of, settings) for link in links)


def _users_for_write() -> QuerySet[Any]:
    """Return all users, from the database for writes."""
    model = get_user_model()
    return model._base_manager.using(router.db_for_write(model))


def _update_user_object(user: Any, owner: Any) -> None:
    """Clear the flags of `user` that its row, `owner`, does not have, and its permission caches.

    Otherwise `user.save()` would write the flags back.
    """
    fields = {field.name for field in user._meta.concrete_fields}
    for name in fields.intersection(FLAGS):
        if getattr(user, name) and not getattr(owner, name, False):
            setattr(user, name, False)
    for name in _PERMISSION_CACHES:
        if hasattr(user, name):
            delattr(user, name)


def _links_with_groups() -> QuerySet[CognitoUser]:
    """Return the links with groups, or with grants of groups that an admin removed; from the database for writes."""
    memberships = CognitoMembership.objects.filter(cognito_user=OuterRef("pk"))
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))
    return links.filter(~Q(groups=[]) | Exists(memberships))


def _expired_links(settings: CognitoSettings) -> QuerySet[CognitoUser]:
    limit = newest_expired_as_of(settings)
    links = _links_with_groups()
    return links.none() if limit is None else links.filter(as_of__lte=limit)
