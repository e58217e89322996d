"""Cache the users of verified tokens for USER_CACHE_SECONDS. Must not verify tokens or compute rights.

Changes that this process makes through the ORM take effect at once: each row has a version, a change replaces it, and
an entry that was read with another version is not used. No lock is needed, so none can be held while the process forks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_migrate, post_save

from ..authorization.group_expiry import seconds_left
from ..authorization.rights import Rights, set_rights
from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from ..core.clock import unix_time
from ..factories import cached_instance
from ..models import CognitoUser
from .accounts.machine import MachineUser
from .accounts.service_users import get_service_username, read_service_user
from .attributes.claim_sources import ApiProfile
from .lookup import LinkSnapshot, get_read_alias
from .revocation import check_token, is_accepted
from .save_protection import create_user_copier
from .writing.bulk_provisioning import links_written
from .writing.provisioning import Token, read_user

_VERSION_SLOTS = 1_024  # rows that share a slot are invalidated together


class _CacheEntry(NamedTuple):
    new_user: Callable[[], Any]
    rights: Rights
    read_at: float
    until: float
    versions: tuple[tuple[int, object], ...]  # of the user and the link row: the slot, and the version when read


class UserCache:
    """The cached users by database and token; an entry is deleted with its token. Safe with threads and forks.

    `now` returns seconds since 1970: remembered groups expire by that clock. If it is set back, users are read again.
    """

    def __init__(self, seconds: float, *, now: Callable[[], float] = unix_time) -> None:
        self._seconds = seconds
        self._now = now
        self._invalidate_all()
        # Database routers may choose another database each time.
        self._by_token: defaultdict[str, WeakKeyDictionary[Token, _CacheEntry]] = defaultdict(WeakKeyDictionary)
        user_model = get_user_model()
        for model in apps.get_models():  # the link rows, and all models that share a table with the user model
            table = model._meta.concrete_model or model
            if issubclass(table, CognitoUser | user_model) or issubclass(user_model, table):
                post_save.connect(self._on_change, sender=model)
                post_delete.connect(self._on_change, sender=model)
        links_written.connect(self._on_links_written)
        post_migrate.connect(self._invalidate_all)  # also after `flush`, which sends no signal for the rows it deletes

    def get_user(self, token: Token) -> Any | None:
        """Return a copy of the active user of `token` with its rights, or None if it must be read. No query."""
        entry, current = self._by_token[get_read_alias()].get(token), self._versions
        if entry is None or not entry.read_at <= self._now() < entry.until:
            return None
        for slot, version in entry.versions:
            if current[slot] is not version:
                return None
        user = entry.new_user()
        if not user.is_active:  # a model may compute it from the current time
            return None
        set_rights(user, entry.rights)
        return user

    def read(
        self, token: AccessToken | IdToken, settings: CognitoSettings, api_profile: ApiProfile | None = None
    ) -> Any:
        """Return the user of `token` as `read_user` does, and cache it when the current transaction is committed."""
        read_at, versions = self._now(), self._versions.copy()  # from before the rows are read
        link, rights = read_user(token, None, settings, None, api_profile)
        if isinstance(link, LinkSnapshot):  # nothing was written
            slots = _get_slot(get_user_model(), link.user.pk), _get_slot(CognitoUser, link.pk)
            until = read_at + min(self._seconds, seconds_left(link, settings))
            read_versions = tuple((slot, versions[slot]) for slot in slots)
            entry = _CacheEntry(create_user_copier(link.new_user), rights, read_at, until, read_versions)
            self._store_on_commit(token, entry, link.using)
        return link.user

    def read_service_user(self, token: ClientToken, username: str) -> Any:
        """Return the service user of `token`, and cache it as `read` does."""
        read_at, versions = self._now(), self._versions.copy()
        user, rights, new_user, using = read_service_user(token, username)
        slot = _get_slot(get_user_model(), user.pk)
        until, read_versions = read_at + self._seconds, ((slot, versions[slot]),)
        entry = _CacheEntry(create_user_copier(new_user), rights, read_at, until, read_versions)
        self._store_on_commit(token, entry, using)
        return user

    def _store_on_commit(self, token: Token, entry: _CacheEntry, using: str) -> None:
        connection = connections[using]
        if connection.in_atomic_block or connection.get_autocommit():  # otherwise no commit is reported
            transaction.on_commit(partial(self._store, token, entry, using), using=using)

    def _store(self, token: Token, entry: _CacheEntry, using: str) -> None:
        """Cache `entry`, unless a transaction is open: tests may call this inside one that they then roll back."""
        if not connections[using].in_atomic_block:
            self._by_token[using][token] = entry

    def _on_change(self, instance: Model, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
        invalidate = partial(self._invalidate, instance)
        invalidate()
        if connections[using].in_atomic_block:  # until the commit, other threads read and cache the old values
            transaction.on_commit(invalidate, using=using)

    def _on_links_written(self, links: Iterable[CognitoUser], using: str, **_: Any) -> None:
        for link in links:
            self._on_change(link, using)
            self._on_change(link.user, using)

    def _invalidate(self, instance: Model) -> None:
        """Replace the version of the row of `instance`; all versions if it is the row of a parent model.

        A link also replaces that of its user: a service user with a link is rejected.
        """
        user_model = get_user_model()
        if isinstance(instance, CognitoUser):
            self._versions[_get_slot(CognitoUser, instance.pk)] = object()
            self._versions[_get_slot(user_model, instance.user_id)] = object()
        elif isinstance(instance, user_model):
            self._versions[_get_slot(user_model, getattr(instance, user_model._meta.pk.attname))] = object()
        else:
            self._invalidate_all()  # the row of a parent model has no reference to the user

    def _invalidate_all(self, **_: Any) -> None:
        self._versions = [object() for _ in range(_VERSION_SLOTS)]


def get_token_user(
    token: Token,
    profile: IdToken | None = None,
    user_info: Mapping[str, Any] | None = None,
    api_profile: ApiProfile | None = None,
) -> Any:
    """Return the Django user or MachineUser of a verified token, created or updated, with its rights.

    One query if the token contains no changes; none if its user is cached. A machine-to-machine client never creates or
    updates a user: it has the user of SERVICE_USERS or, without a query, a MachineUser. `profile` is the ID token that
    was issued with the token, `user_info` the userInfo response for the same user, `api_profile` Cognito's answer about
    the user of an API request: with them the database is read.
    Raises ProfileRequiredError and TokenError as `provisioning.read_user`, TokenError as
    `service_users.read_service_user`, and errors as `revocation.check_token` does.
    """
    check_token(token)
    pools = get_pool_registry()
    if isinstance(token, ClientToken):
        username = get_service_username(token)
        if not username:
            return MachineUser(token)
        cache = _get_cache(pools)
        if cache is None:
            return read_service_user(token, username).user
        user = cache.get_user(token)
        return cache.read_service_user(token, username) if user is None else user
    settings = pools.for_token(token.user_pool_id)
    is_token_alone = profile is None and user_info is None and (api_profile is None or api_profile.claims is None)
    cache = _get_cache(pools) if is_token_alone else None
    if cache is None:
        return read_user(token, profile, settings, user_info, api_profile)[0].user
    user = cache.get_user(token)
    return cache.read(token, settings, api_profile) if user is None else user


def get_cached_user(token: Token, profile: IdToken | None = None) -> Any | None:
    """Return the user of `get_token_user` if that needs no query, otherwise None. For the event loop."""
    if isinstance(token, ClientToken) and not get_service_username(token):
        return MachineUser(token)
    cache = _get_cache(get_pool_registry()) if profile is None else None
    return cache.get_user(token) if cache is not None and is_accepted(token) else None


def _get_cache(pools: PoolRegistry) -> UserCache | None:
    """Return the cache of these settings; None if USER_CACHE_SECONDS is 0."""
    return cached_instance(_create_cache, pools)


def _create_cache(pools: PoolRegistry) -> UserCache | None:
    seconds = pools.first.user_cache_seconds
    return UserCache(seconds) if seconds else None


def _get_slot(model: type[Model], pk: Any) -> int:
    return hash((model, model._meta.pk.to_python(pk))) % _VERSION_SLOTS  # User(pk="5") is saved as 5
