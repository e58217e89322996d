"""Cognito groups into what they give in Django, and the difference to what they gave before. Pure: no I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..conf import CognitoSettings, GroupGrant


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


def grants(names: Iterable[str], settings: CognitoSettings) -> dict[str, GroupGrant]:
    """What each Cognito group of `names` gives by `GROUPS` and `MIRROR_GROUPS`."""
    return {name: _grant(name, settings) for name in names}


def permissions(names: Sequence[str], settings: CognitoSettings) -> frozenset[str]:
    """The permissions that the Cognito groups `names` give directly, as "app_label.codename"."""
    return _permissions(tuple(names), settings)


def groups_granting(permission: str, settings: CognitoSettings) -> tuple[str, ...]:
    """The Cognito groups whose members have `permission` directly."""
    return tuple(name for name, grant in settings.groups.items() if permission in grant.permissions)


def effective(
    token_groups: Sequence[str], issued: float, known_groups: Sequence[str], as_of: float
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
    wanted: Mapping[str, Granted], before: Mapping[str, Granted], *, has_groups: frozenset[int], staff: bool, superuser: bool
) -> Change:
    """From what the memberships granted `before` and what the user has now, to what the groups `wanted` give.

    What the user has and no membership granted was given by hand: it is not recorded, and so never taken away.
    """
    granted_before = frozenset[int]().union(*(item.groups for item in before.values()))
    wanted_groups = frozenset[int]().union(*(item.groups for item in wanted.values()))
    ours = wanted_groups - (has_groups - granted_before)
    staff_ours, staff_change = _flag(staff, [item.staff for item in wanted.values()], [item.staff for item in before.values()])
    super_ours, super_change = _flag(
        superuser, [item.superuser for item in wanted.values()], [item.superuser for item in before.values()]
    )
    return Change(
        add_groups=ours - has_groups,
        remove_groups=(granted_before - wanted_groups) & has_groups,
        staff=staff_change,
        superuser=super_change,
        memberships={
            name: Granted(item.groups & ours, item.staff and staff_ours, item.superuser and super_ours)
            for name, item in wanted.items()
        },
    )


def _flag(now: bool, wanted: list[bool], before: list[bool]) -> tuple[bool, bool | None]:
    """Whether Cognito's groups are what sets the flag, and its new value (None: as it is)."""
    ours = any(before) or not now
    if any(wanted):
        return ours, None if now else True
    return ours, False if now and any(before) else None


def _grant(name: str, settings: CognitoSettings) -> GroupGrant:
    grant = settings.groups.get(name, GroupGrant())
    # Federated users are put into an automatic group "{pool id}_{provider}": not one that anybody made.
    if not settings.mirror_groups or name.startswith(f"{settings.user_pool_id}_") or name in grant.groups:
        return grant
    return GroupGrant((*grant.groups, name), grant.permissions, grant.staff, grant.superuser)


@lru_cache(maxsize=1_024)  # sites have few combinations of groups; a steady has_perm is one look-up
def _permissions(names: tuple[str, ...], settings: CognitoSettings) -> frozenset[str]:
    return frozenset[str]().union(*(settings.groups[name].permissions for name in names if name in settings.groups))
