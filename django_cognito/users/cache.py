"""Cache the users of verified tokens for USER_CACHE_SECONDS. Decides nothing about tokens and rights.

Changes that this process makes through the ORM are seen at once: each row has a mark, a change replaces it, and an
entry that was read under another mark is not used. No lock is needed, so none can be held while the process forks.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_migrate, post_save

from ..authorization.group_expiry import seconds_left
from ..authorization.rights import Rights, carry
from ..conf.loading import Pools, get_pools
from ..core import AccessToken, ClientToken, IdToken
from ..core.clock import unix_time
from ..factories import cached_instance
from ..models import CognitoUser
from .link_snapshot import copier
from .lookup import KnownPerson, database
from .machine import MachineUser
from .provisioning import Token, read_user

_PersonsToken = AccessToken | IdToken
_MARKS = 1_024  # rows that share a mark are forgotten together


class _Known(NamedTuple):
    new_user: Callable[[], Any]
    rights: Rights
    read_at: float
    until: float
    marks: tuple[tuple[int, object], ...]  # of the user and of the link row: the position, and the mark when read


class KnownUsers:
    """The cached users, by database and token; an entry is dropped with its token. Safe under threads and forks.

    `now` returns seconds since 1970: remembered groups expire by that clock. If it is set back, users are read again.
    """

    def __init__(self, seconds: float, *, now: Callable[[], float] = unix_time) -> None:
        self._seconds = seconds
        self._now = now
        self._forget_all()
        # Database routers may choose another database each time.
        self._by_token: defaultdict[str, WeakKeyDictionary[_PersonsToken, _Known]] = defaultdict(WeakKeyDictionary)
        user_model = get_user_model()
        for model in apps.get_models():  # the link rows, and all models that share a table with the user model
            table = model._meta.concrete_model or model
            if issubclass(table, CognitoUser | user_model) or issubclass(user_model, table):
                post_save.connect(self._on_change, sender=model)
                post_delete.connect(self._on_change, sender=model)
        post_migrate.connect(self._forget_all)  # also after `flush`, which sends no signal for the rows it deletes

    def user_of(self, token: _PersonsToken) -> Any | None:
        """Return a copy of the active user of `token` with its rights, or None if it must be read. No query."""
        known, current = self._by_token[database()].get(token), self._marks
        if known is None or not known.read_at <= self._now() < known.until:
            return None
        for position, mark in known.marks:
            if current[position] is not mark:
                return None
        user = known.new_user()
        if not user.is_active:  # a model may compute it, from the time of day
            return None
        carry(user, known.rights)
        return user

    def read(self, token: _PersonsToken) -> Any:
        """Return the user of `token` as `read_user` does, and cache it once what was read is committed."""
        at, marks = self._now(), self._marks.copy()  # from before the rows are read
        person, rights = read_user(token, None)
        if isinstance(person, KnownPerson):  # nothing was written
            rows = _position(get_user_model(), person.user.pk), _position(CognitoUser, person.pk)
            read_marks = tuple((position, marks[position]) for position in rows)
            until = at + min(self._seconds, seconds_left(person))
            known = _Known(copier(person.new_user), rights, at, until, read_marks)
            connection = connections[person.using]
            if connection.in_atomic_block or connection.get_autocommit():  # otherwise no commit is reported
                transaction.on_commit(partial(self._store, token, known, person.using), using=person.using)
        return person.user

    def _store(self, token: _PersonsToken, known: _Known, using: str) -> None:
        # Tests may call this inside the transaction that they then roll back.
        if not connections[using].in_atomic_block:
            self._by_token[using][token] = known

    def _on_change(self, instance: Model, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
        forget = partial(self._forget, instance)
        forget()
        if connections[using].in_atomic_block:  # until the commit, others read and cache the values before it
            transaction.on_commit(forget, using=using)

    def _forget(self, instance: Model) -> None:
        for model in (CognitoUser, get_user_model()):
            if isinstance(instance, model):
                self._marks[_position(model, getattr(instance, model._meta.pk.attname))] = object()
                return
        self._forget_all()  # a parent's row does not name the user

    def _forget_all(self, **_: Any) -> None:
        self._marks = [object() for _ in range(_MARKS)]


def user_for(token: Token, profile: IdToken | None = None, user_info: Mapping[str, Any] | None = None) -> Any:
    """Return the Django user or MachineUser of a verified token, created or updated, with its rights.

    One query if the token has no changes; none if its user is cached. `profile` is the ID token that came with it,
    `user_info` the answer of userInfo for the same user: with them the database is always read.
    Raises TokenError as `users.read_user` does.
    """
    if isinstance(token, ClientToken):
        return MachineUser(token)
    known = _known_users() if profile is None and user_info is None else None
    if known is None:
        return read_user(token, profile, user_info)[0].user
    user = known.user_of(token)
    return known.read(token) if user is None else user


def user_at_hand(token: Token, profile: IdToken | None = None) -> Any | None:
    """Return what `user_for` does if that takes no query, otherwise None. For an event loop."""
    if isinstance(token, ClientToken):
        return MachineUser(token)
    known = _known_users() if profile is None else None
    return None if known is None else known.user_of(token)


def _known_users() -> KnownUsers | None:
    return cached_instance(_made, get_pools())


def _made(pools: Pools) -> KnownUsers | None:
    seconds = pools.first.user_cache_seconds
    return KnownUsers(seconds) if seconds else None


def _position(model: type[Model], pk: Any) -> int:
    return hash((model, model._meta.pk.to_python(pk))) % _MARKS  # User(pk="5") is saved as 5
