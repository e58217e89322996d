"""The users of known tokens, for USER_CACHE_SECONDS: what the database said at most so long ago. Decides nothing.

What this process changes through the ORM is seen at once, by Django's signals: each user and each link row has a mark,
a change puts a new one in its place, and what was read under another mark counts no more. So nothing waits for a lock,
and none can be held while the process forks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from time import monotonic
from types import NoneType
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_migrate, post_save

from ..conf import Pools, get_pools
from ..core import AccessToken, ClientToken, IdToken
from ..models import CognitoUser
from ..runtime import once
from .machines import MachineUser
from .remembered import seconds_left
from .rights import Rights, carry
from .steady_query import KnownPerson, database
from .users import Token, read_user

_PersonsToken = AccessToken | IdToken
_Marks = list[object]
_PLAIN = {str, int, float, bool, bytes, NoneType, Decimal, UUID, date, time, datetime, timedelta}  # never change
_PLACES = 1_024  # for marks; who share one are forgotten together


class _Known(NamedTuple):
    new_user: Callable[[], Any]
    rights: Rights
    until: float
    user_place: int  # of its mark
    user_mark: object  # that stood there when the user was read
    link_place: int
    link_mark: object


class KnownUsers:
    """The users of the tokens that the verifier knows; each is let go with its token.

    `now` counts seconds and never goes back. Safe under threads and forks. Once it is forgotten, so are its receivers.
    """

    def __init__(self, seconds: float, *, now: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._marks = _new_marks()
        # A token may be known to several databases: routers choose.
        self._by_token: defaultdict[str, WeakKeyDictionary[_PersonsToken, _Known]] = defaultdict(WeakKeyDictionary)
        for model in _models_of_people():
            post_save.connect(self._on_change, sender=model)
            post_delete.connect(self._on_change, sender=model)
        post_migrate.connect(self._on_other_tables)

    def user_of(self, token: _PersonsToken) -> Any | None:
        """The active user of `token` with its rights, new as if just read; None where it must be read. No query."""
        known = self._by_token[database()].get(token)
        if known is None:
            return None
        new_user, rights, until, user_place, user_mark, link_place, link_mark = known
        marks = self._marks
        if marks[user_place] is not user_mark or marks[link_place] is not link_mark or self._now() >= until:
            return None
        user = new_user()
        if not user.is_active:  # a model may work it out, from the time of day
            return None
        carry(user, rights)
        return user

    def begin(self) -> tuple[float, _Marks]:
        """The moment, and the marks at it; for `keep`, from before the person is read."""
        return self._now(), self._marks.copy()

    def keep(self, token: _PersonsToken, person: KnownPerson, rights: Rights, begun: tuple[float, _Marks]) -> None:
        """Keep the user of `token`, once what was read is known to be committed."""
        (at, marks), user, link = begun, _place_of_user(person.user), _place_of_link(person.pk)
        until = at + min(self._seconds, seconds_left(person))
        known = _Known(_maker_of(person), rights, until, user, marks[user], link, marks[link])
        connection = connections[person.using]
        if connection.in_atomic_block or connection.get_autocommit():  # else nobody tells of the commit
            transaction.on_commit(partial(self._store, token, known, person.using), using=person.using)

    def _store(self, token: _PersonsToken, known: _Known, using: str) -> None:
        # Tests may have this called inside the transaction that they then roll back.
        if not connections[using].in_atomic_block:
            self._by_token[using][token] = known

    def _on_change(self, instance: Model, using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
        forget = partial(self._forget, _place_of(instance))
        forget()
        if connections[using].in_atomic_block:
            # Until then others read, and keep, what was there before.
            transaction.on_commit(forget, using=using)

    def _on_other_tables(self, **_: Any) -> None:
        """After migrations, and after `flush`, which tells of no row that it deletes."""
        self._forget(None)

    def _forget(self, place: int | None) -> None:
        if place is None:
            self._marks = _new_marks()
        else:
            self._marks[place] = object()


def user_for(token: Token, profile: IdToken | None = None, user_info: Mapping[str, Any] | None = None) -> Any:
    """The Django user (or MachineUser) that a verified token stands for, made or brought up to date, with its rights.

    One query where the token says nothing new; none where its user is known. `profile` is the ID token that came with
    it, `user_info` what userInfo said of its person: with them the database is asked.
    Raises TokenError as `users.read_user` does.
    """
    if isinstance(token, ClientToken):
        return MachineUser(token)
    known = _known_users() if profile is None and user_info is None else None
    if known is None:
        return read_user(token, profile, user_info)[0].user
    user = known.user_of(token)
    if user is None:
        begun = known.begin()
        person, rights = read_user(token, None)
        user = person.user
        if isinstance(person, KnownPerson):  # which says that nothing was written
            known.keep(token, person, rights, begun)
    return user


def user_at_hand(token: Token, profile: IdToken | None = None) -> Any | None:
    """As `user_for`, where that takes no query: else None. For an event loop."""
    if isinstance(token, ClientToken):
        return MachineUser(token)
    known = _known_users() if profile is None else None
    return None if known is None else known.user_of(token)


def _known_users() -> KnownUsers | None:
    return once(_made, get_pools())


def _made(pools: Pools) -> KnownUsers | None:
    seconds = pools.first.user_cache_seconds
    return KnownUsers(seconds) if seconds else None


def _maker_of(person: KnownPerson) -> Callable[[], Any]:
    """What makes the person's user anew. Where it holds plain values alone, by a copy: in a fifth of the time."""
    user = person.new_user()
    values, state = vars(user), vars(user._state)
    if not all(type(value) in _PLAIN for value in (*values.values(), *state.values()) if value is not user._state):
        return person.new_user  # a list, or whatever the model set up for itself, is nobody else's
    model: Any = type(user)
    state_type = type(user._state)

    def copy() -> Any:
        new, new_state = model.__new__(model), state_type()
        vars(new_state).update(state)
        vars(new).update(values, _state=new_state)
        return new

    return copy


def _new_marks() -> _Marks:
    return [object() for _ in range(_PLACES)]


def _models_of_people() -> Iterator[type[Model]]:
    """Link rows, and the user model with all that have a table in common with it: proxies, parents and children."""
    yield CognitoUser
    user_model = get_user_model()
    for model in apps.get_models():
        if issubclass(model, user_model) or issubclass(user_model, model._meta.concrete_model or model):
            yield model


def _place_of(instance: Model) -> int | None:
    """The place of the mark that a change of `instance` replaces; None where it may be anybody's."""
    if isinstance(instance, CognitoUser):
        return _place_of_link(instance.pk)
    # A parent's row does not say whose it is.
    return _place_of_user(instance) if isinstance(instance, get_user_model()) else None


def _place_of_link(pk: Any) -> int:
    return hash(("link", pk)) % _PLACES


def _place_of_user(user: Any) -> int:
    key: Any = get_user_model()._meta.pk
    return hash(("user", key.to_python(getattr(user, key.attname)))) % _PLACES  # User(pk="5") is saved as 5
