"""Compute what changed GROUPS would change for each user, from the stored groups. Writes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import router

from ..conf.schema import CognitoSettings, GroupGrant
from ..models import CognitoUser
from .group_expiry import is_expired
from .group_mapping import Change, Granted, get_grants, get_group_permissions
from .memberships import FLAGS, UserGrants, active_superusers, has_django_groups, read_grant

_PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class UserDifference:
    """The rights that one link of a user would gain and lose: "permission notes.add_note", "is_staff", ...

    `protected` has the flags that the last active superuser would lose without KEEP_LAST_SUPERUSER.
    """

    user: Any
    link: CognitoUser
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    protected: tuple[str, ...] = ()


def replace_groups(settings: CognitoSettings, groups: Mapping[str, GroupGrant]) -> CognitoSettings:
    """Return the settings with another GROUPS."""
    changed = replace(settings, groups=groups)
    object.__setattr__(changed, "mirror_prefix", settings.mirror_prefix)  # set by the registry
    return changed


def list_differences(before: CognitoSettings, after: CognitoSettings) -> Iterator[UserDifference]:
    """Yield the difference for each link of the pool whose user would gain or lose something, by primary key.

    Links whose groups have expired and inactive users are left out: they are not written. Five queries for 500 links;
    with KEEP_LAST_SUPERUSER one more. Then the last of the superusers in this order keeps the flags; in fact it is the
    one whose token is the last.
    """
    changed = {name for name in {*before.groups, *after.groups} if before.groups.get(name) != after.groups.get(name)}
    names = _GroupNames()
    keeps_last = before.keep_last_superuser
    superusers = set(active_superusers(get_user_model()).values_list("pk", flat=True)) if keeps_last else set()
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser)).filter(user_pool_id=before.user_pool_id)
    has_groups = has_django_groups(get_user_model())
    related = ["user__cognito_users__memberships", *(["user__groups"] if has_groups else [])]
    for link in links.select_related("user").prefetch_related(*related).order_by("pk").iterator(_PAGE_SIZE):
        user: Any = link.user
        recorded = {row.name for other in user.cognito_users.all() for row in other.memberships.all()}
        is_affected = not changed.isdisjoint({*link.groups, *recorded})
        if not is_affected or not user.is_active or is_expired(link.as_of, before):
            continue
        planned = _plan_grants(link, after, names)
        is_last = keeps_last and planned.superuser is False and superusers <= {user.pk}
        change = planned.keep_superuser() if is_last else planned
        superusers -= {user.pk} if change.superuser is False else set()
        superusers |= {user.pk} if change.superuser else set()
        lost_flags = (
            name for name, value in zip(FLAGS, (planned.staff, planned.superuser), strict=True) if value is False
        )
        protected = tuple(lost_flags) if is_last else ()
        old, new = (get_group_permissions(tuple(link.groups), settings) for settings in (before, after))
        gained = [f"Django group {names.get_name(pk)}" for pk in change.add_groups]
        lost = [f"Django group {names.get_name(pk)}" for pk in change.remove_groups]
        for flag, value in zip(FLAGS, (change.staff, change.superuser), strict=True):
            if value is not None:
                (gained if value else lost).append(flag)
        gained += [f"permission {name}" for name in new - old]
        lost += [f"permission {name}" for name in old - new]
        if gained or lost or protected:
            yield UserDifference(user, link, tuple(sorted(gained)), tuple(sorted(lost)), protected)


class _GroupNames:
    """The Django groups of the site by primary key; a group that does not exist yet has a negative one."""

    def __init__(self) -> None:
        groups = Group.objects.using(router.db_for_write(Group))
        self._names: dict[int, str] = dict(groups.values_list("pk", "name"))
        self._pks = {name: pk for pk, name in self._names.items()}

    def get_pk(self, name: str) -> int:
        if name not in self._pks:
            self._pks[name] = -len(self._pks) - 1
            self._names[self._pks[name]] = name
        return self._pks[name]

    def get_name(self, pk: int) -> str:
        return self._names.get(pk, f"with the primary key {pk}")


def _plan_grants(link: CognitoUser, settings: CognitoSettings, names: _GroupNames) -> Change:
    """Return the changes of Django groups and flags that the settings would cause."""
    user: Any = link.user
    by_link = {
        other.pk: {row.name: read_grant(row) for row in other.memberships.all()} for other in user.cognito_users.all()
    }
    has_groups = has_django_groups(type(user))
    groups = frozenset(group.pk for group in user.groups.all()) if has_groups else frozenset[int]()
    grants = {
        name: Granted(frozenset(map(names.get_pk, grant.groups)), grant.staff, grant.superuser)
        for name, grant in get_grants(link.groups, settings).items()
    }
    return UserGrants(user, groups, by_link).plan(link, grants)
