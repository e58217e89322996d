"""Cognito groups into what they give in Django, and the difference to what they gave before. Pure: no I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote_plus

from ..conf.schema import COGNITO_GROUPS, CognitoSettings, GroupGrant
from ..core import AccessToken, IdToken

_MAX_NAME_CHARS = 128  # of a group's name in a pool; a trigger, or a company's directory, may write anything
_Moment = TypeVar("_Moment", float, datetime)


@dataclass(frozen=True, slots=True)
class Granted:
    """What one membership granted: Django groups by primary key, and the flags."""

    groups: frozenset[int] = frozenset()
    staff: bool = False
    superuser: bool = False


NOTHING = Granted()


@dataclass(frozen=True, slots=True)
class Change:
    """What to write so that a person has what their Cognito groups give, and keeps what others gave.

    A flag is None where it stays as it is; `memberships` is the whole new state, by Cognito group.
    """

    add_groups: frozenset[int] = frozenset()
    remove_groups: frozenset[int] = frozenset()
    staff: bool | None = None
    superuser: bool | None = None
    memberships: Mapping[str, Granted] = field(default_factory=dict)


def told_by(token: AccessToken | IdToken, settings: CognitoSettings) -> tuple[str, ...] | None:
    """The groups that a token names by GROUPS_CLAIM; None for an access token without that claim, which says nothing.

    Cognito's own claim is absent from tokens of people who are in no group. Another one, such as the attribute that a
    company's directory fills, stands in ID tokens, and is absent there where it has no value.
    """
    if settings.groups_claim == COGNITO_GROUPS:
        return _possible(token.groups)
    value = token.claims.get(settings.groups_claim)
    if value is None:
        return () if isinstance(token, IdToken) else None
    return _possible(named_in(value))


def told_by_directory(
    groups: Sequence[str], attributes: Mapping[str, str], settings: CognitoSettings
) -> tuple[str, ...]:
    """The groups of a person of the pool's directory by GROUPS_CLAIM: of its own `groups`, or of an attribute."""
    is_own = settings.groups_claim == COGNITO_GROUPS
    return _possible(groups if is_own else named_in(attributes.get(settings.groups_claim)))


def named_in(value: object) -> tuple[str, ...]:
    """The groups that the value of a claim names: a list, one name, or several of SAML's as Cognito writes them.

    Those come as one string `[a,b]`, each name form-URL-encoded (AWS developer guide, "Mapping IdP attributes").
    """
    if isinstance(value, str):
        is_several = value.startswith("[") and value.endswith("]")
        names = [unquote_plus(part) for part in value[1:-1].split(",")] if is_several else [value]
    else:
        names = [name for name in value if isinstance(name, str)] if isinstance(value, list | tuple) else []
    stripped = (name.strip() for name in names)
    return tuple(dict.fromkeys(name for name in stripped if name and "\0" not in name))


def _possible(names: Sequence[str]) -> tuple[str, ...]:
    """Each of `names` once, without those that no group of a pool could have: they are given and kept nowhere."""
    return tuple(dict.fromkeys(name for name in names if len(name) <= _MAX_NAME_CHARS)) if names else ()


def grants(names: Iterable[str], settings: CognitoSettings) -> dict[str, GroupGrant]:
    """What each Cognito group of `names` gives by `GROUPS` and `MIRROR_GROUPS`."""
    return {name: _grant(name, settings) for name in names}


def permissions(names: tuple[str, ...], settings: CognitoSettings) -> frozenset[str]:
    """The permissions that the Cognito groups `names` give directly, as "app_label.codename"."""
    return frozenset[str]().union(*(settings.groups[name].permissions for name in names if name in settings.groups))


def groups_granting(permission: str, settings: CognitoSettings) -> tuple[str, ...]:
    """The Cognito groups whose members have `permission` directly."""
    return tuple(name for name, grant in settings.groups.items() if permission in grant.permissions)


def effective(
    token_groups: Sequence[str], issued: _Moment, known_groups: Sequence[str], as_of: _Moment
) -> tuple[str, ...]:
    """The groups that count: a token's, unless what is known is younger.

    `iat` is whole seconds: on equal moments take away, never give.
    """
    if issued > as_of:
        return tuple(token_groups)
    if issued < as_of:
        return tuple(known_groups)
    return tuple(name for name in token_groups if name in known_groups)


def difference(
    wanted: Mapping[str, Granted],
    before: Mapping[str, Granted],
    *,
    now: Granted,
    elsewhere: Granted = NOTHING,
) -> Change:
    """From what the memberships granted `before` to what the groups `wanted` give; `now` is what the user has.

    What the user has and no membership granted was given by hand: it is not recorded, and so never taken away.
    `elsewhere` is what memberships of the person's other pools granted, and goes on granting.
    """
    given, gone = union(wanted.values()), union(before.values())
    ours = given.groups - (now.groups - gone.groups - elsewhere.groups)
    staff_ours, staff = _flag(now.staff, given.staff, gone.staff, elsewhere.staff)
    superuser_ours, superuser = _flag(now.superuser, given.superuser, gone.superuser, elsewhere.superuser)
    return Change(
        add_groups=ours - now.groups,
        remove_groups=(gone.groups - given.groups - elsewhere.groups) & now.groups,
        staff=staff,
        superuser=superuser,
        memberships={
            name: Granted(item.groups & ours, item.staff and staff_ours, item.superuser and superuser_ours)
            for name, item in wanted.items()
        },
    )


def union(items: Iterable[Granted]) -> Granted:
    """All that `items` grant together."""
    items = tuple(items)
    return Granted(
        frozenset[int]().union(*(item.groups for item in items)),
        any(item.staff for item in items),
        any(item.superuser for item in items),
    )


def _flag(now: bool, wanted: bool, before: bool, elsewhere: bool) -> tuple[bool, bool | None]:
    """Whether it is Cognito's groups that set the flag, and its new value (None: as it is)."""
    ours = before or elsewhere or not now
    if wanted:
        return ours, None if now else True
    return ours, False if now and before and not elsewhere else None


def _grant(name: str, settings: CognitoSettings) -> GroupGrant:
    grant = settings.groups.get(name, GroupGrant())
    # Federated users are put into an automatic group "{pool id}_{provider}": not one that anybody made.
    if not settings.mirror_groups or name.startswith(f"{settings.user_pool_id}_"):
        return grant
    # With the prefix no pool can name a Django group of another pool, or one that the site made for itself.
    names = tuple(dict.fromkeys((*grant.groups, f"{settings.mirror_prefix}{name}")))
    return GroupGrant(names, grant.permissions, grant.staff, grant.superuser)
