"""What a person may do: the one permission model behind the backend, DRF, decorators and templates.

A user carries its rights, never a token. Who decides what they are stands above: users.py for bearer tokens,
request.py for sessions; without either, the database's count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from asgiref.sync import sync_to_async

from ..models import CognitoUser

_ATTRIBUTE = "_cognito_rights"


@dataclass(frozen=True, slots=True)
class Rights:
    """The Cognito groups and scopes that count for a person now. Its methods are pure."""

    groups: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()

    def in_group(self, *names: str) -> bool:
        """Whether the person is in one of `names`."""
        return not frozenset(names).isdisjoint(self.groups)

    def has_scope(self, *names: str) -> bool:
        """Whether the token carries every one of `names`."""
        return self.scopes.issuperset(names)


NO_RIGHTS = Rights()


def named(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, as a guard was given them. Raises TypeError where there is none, or one is no name: a guard for nobody.

    So `@group_required` without its brackets, and a list for the names, are told at once and not at the first request.
    """
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError('give at least one name, and each as a string: ("editors", "admins")')
    return names


class _Carried:
    """Rights on a user, loaded when first asked for. A pickle or deep copy of the user leaves them behind."""

    __slots__ = ("_load", "_rights")

    def __init__(self, load: Callable[[], Rights] | None = None) -> None:
        self._load = load
        self._rights: Rights | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether there is something to ask but the database: what `attach` is given does no I/O."""
        return self._rights is not None or self._load is not None

    def rights(self) -> Rights | None:
        if self._rights is None and self._load is not None:
            self._rights = self._load()
        return self._rights

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def attach(user: Any, load: Callable[[], Rights]) -> None:
    """Let `user` carry the rights that `load` gives; it is called once, when they are first asked for. No I/O in it."""
    setattr(user, _ATTRIBUTE, _Carried(load))


def rights_of(user: Any) -> Rights:
    """The rights that `user` carries; where it carries none, those that the database remembers (one query).

    Raises CognitoUnavailableError for a session whose tokens are over while Cognito cannot be asked.
    """
    if not user.is_active or user.is_anonymous:
        return NO_RIGHTS
    carried = getattr(user, _ATTRIBUTE, None)
    rights: Rights | None = carried.rights() if carried is not None else None
    if rights is None:
        rights = _remembered(user)
        attach(user, lambda: rights)
    return rights


def _remembered(user: Any) -> Rights:
    if user.pk is None:
        return NO_RIGHTS
    rows = CognitoUser.objects.filter(user_id=user.pk).order_by("pk").values_list("groups", flat=True)
    return Rights(groups=tuple(dict.fromkeys(name for names in rows for name in names)))


async def arights_of(user: Any) -> Rights:
    """As `rights_of`; inline where the user carries its rights, as after `await request.auser()`."""
    carried = getattr(user, _ATTRIBUTE, None)
    if carried is not None and carried.is_at_hand:
        return rights_of(user)
    return await sync_to_async(rights_of)(user)
