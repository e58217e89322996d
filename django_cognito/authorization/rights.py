"""What a person may do: the one permission model behind the backend, DRF, decorators and templates.

A user carries its rights, never a token. Who decides what they are stands above: users.py for bearer tokens,
request.py for sessions; without either, the database's count.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn, Self

from asgiref.sync import sync_to_async
from django.db.models import Model

from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..core.errors import CognitoUnavailableError
from ..models import CognitoUser
from .group_expiry import expire_remembered_groups, is_expired
from .group_mapping import permissions

_ATTRIBUTE = "_cognito_rights"
# Of Django's ModelBackend: what it has read of a user's permissions.
_PERMISSION_CACHES = ("_perm_cache", "_user_perm_cache", "_group_perm_cache")


@dataclass(frozen=True, slots=True)
class Rights:
    """The Cognito groups and scopes that count for a person now. Its methods are pure."""

    groups: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    by_pool: tuple[tuple[str, tuple[str, ...]], ...] = ()  # the groups by user pool, whose settings say what they give

    def in_group(self, *names: str) -> bool:
        """Whether the person is in one of `names`."""
        return not frozenset(names).isdisjoint(self.groups)

    def has_scope(self, *names: str) -> bool:
        """Whether the token carries every one of `names`."""
        return self.scopes.issuperset(names)


NO_RIGHTS = Rights()


@dataclass(frozen=True, slots=True)
class UnavailableRights(Rights):
    """The rights of a session whose tokens have expired in an outage: no permissions, and no answer about groups."""

    failure: CognitoUnavailableError = field(kw_only=True)

    def in_group(self, *names: str) -> NoReturn:
        """Raise `failure`: the groups are not known, and 403 would be wrong."""
        raise self.failure

    def has_scope(self, *names: str) -> NoReturn:
        """Raise `failure`: the scopes are not known, and 403 would be wrong."""
        raise self.failure


def permissions_of(rights: Rights) -> frozenset[str]:
    """The permissions that the groups of `rights` give by the settings of the moment, as "app_label.codename"."""
    return _given(rights.by_pool, get_pool_registry())


@lru_cache(maxsize=1_024)  # sites have few combinations of groups; a steady has_perm is one look-up
def _given(by_pool: tuple[tuple[str, tuple[str, ...]], ...], pools: PoolRegistry) -> frozenset[str]:
    given = (permissions(names, found) for pool, names in by_pool if (found := pools.find(pool)) is not None)
    return frozenset[str]().union(*given)


def named(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, as a guard was given them. Raises TypeError where there is none, or one is no name: a guard for nobody.

    So `@group_required` without its brackets, and a list for the names, are told at once and not at the first request.
    """
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError('give at least one name, and each as a string: ("editors", "admins")')
    return names


class _Carried:
    """The rights of one user object. A copy or a pickle of the user has none of them."""

    __slots__ = ("owner", "rights")

    def __init__(self, owner: Any = None, rights: Rights | None = None):
        # A copied model has a `_state` of its own, and a lazy user shows that of the user it stands for.
        self.owner = getattr(owner, "_state", None)
        self.rights = rights

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def carry(user: Any, rights: Rights) -> None:
    """Let `user` carry these rights. No copy or pickle of the user has them."""
    setattr(user, _ATTRIBUTE, _Carried(user, rights))


def drop_permission_caches(user: Any) -> None:
    """Let `user` be asked again what it may do: its flags or its groups are not what was read before."""
    for name in _PERMISSION_CACHES:
        vars(user).pop(name, None)


def rights_of(user: Any) -> Rights:
    """Return the rights that `user` carries; if it carries none, those that the database remembers (one query)."""
    carried = _carried_by(user)
    if not user.is_active or (carried is None and user.is_anonymous):
        return NO_RIGHTS
    rights = None if carried is None else carried.rights
    if rights is None:
        rights = _remembered(user)
        carry(user, rights)
    return rights


async def arights_of(user: Any) -> Rights:
    """As `rights_of`; inline where the user carries its rights loaded, as after `await request.auser()`."""
    carried = _carried_by(user)
    if carried is not None and carried.rights is not None:
        return rights_of(user)
    return await sync_to_async(rights_of)(user)


def _carried_by(user: Any) -> _Carried | None:
    carried: _Carried | None = getattr(user, _ATTRIBUTE, None)
    return carried if carried is not None and carried.owner is getattr(user, "_state", None) else None


def _remembered(user: Any) -> Rights:
    if user.pk is None or not isinstance(user, Model):  # unsaved, or a machine
        return NO_RIGHTS
    # In the user's own database: if that is the one that is written to, a replica may not have the links yet.
    of_user = CognitoUser.objects.using(user._state.db).filter(user_id=user.pk).order_by("pk")
    links = list(of_user.values_list("user_pool_id", "groups", "as_of"))
    if any(names and is_expired(as_of) for _, names, as_of in links):
        expire_remembered_groups(user)
    pools = get_pool_registry()
    # Nobody speaks for a pool that is configured no longer: it may be somebody else's by now.
    rows = [(pool, names) for pool, names, as_of in links if pools.find(pool) is not None and not is_expired(as_of)]
    names = dict.fromkeys(name for _, names in rows for name in names)
    return Rights(tuple(names), by_pool=tuple((pool, tuple(names)) for pool, names in rows))
