"""Explain the stored rights of a user: which Cognito group, setting and source each comes from. Writes nothing.

Must not depend on tokens: the rights of a request may be of a more recent token.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.utils.functional import cached_property

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..models import CognitoMembership, CognitoUser
from .confirmed_moments import set_confirmed_moments
from .group_expiry import is_expired
from .group_mapping import get_group_permissions, get_tenant_permissions, groups_granting
from .memberships import FLAGS
from .tenants import find_tenant_group, find_tenants, join_group

_SOURCES = {
    "access_digest": "an access token",
    "id_digest": "an ID token",
    "user_info_digest": "userInfo",
    "directory_digest": "the directory",
}


@dataclass(frozen=True, slots=True)
class LinkGroups:
    """The groups of one link of a user."""

    pool: str  # the alias, or the id of a pool that is not configured
    username: str
    sub: str
    groups: tuple[str, ...]
    as_of: datetime
    source: str  # of the groups; empty if it is not stored
    counts: bool = True  # whether GROUPS and TENANT_GROUPS map them
    note: str = ""
    tenants: tuple[str, ...] = ()  # that the names of the groups state


@dataclass(frozen=True, slots=True)
class Right:
    """A right that a user has, and where it comes from."""

    kind: str  # "flag", "Django group" or "permission"
    name: str
    reasons: tuple[str, ...]


class UserRights:
    """The stored rights of one user. Each property makes its queries on first use, in the database of the user.

    With `tenant`, also those in this tenant. Tokens are not stored: if a claim or a function states the tenant, these
    are the rights of a request whose tokens state it.
    """

    def __init__(self, user: Any, tenant: str = "") -> None:
        self.user = user
        self.tenant = tenant
        self._pools = get_pool_registry()

    @cached_property
    def links(self) -> list[LinkGroups]:
        """The links of the user, in the order in which they were made."""
        links = []
        for link in self._links:
            settings = self._pools.find(link.user_pool_id)
            is_old = settings is not None and bool(link.groups) and is_expired(link.as_of, settings)
            set_confirmed_moments([link], is_write=False)
            notes = {
                "the pool is not in the settings: the groups do not count": settings is None,
                "the groups have expired (REMEMBERED_GROUPS_SECONDS)": is_old,
                "the user is disabled in Cognito: tokens are rejected": not link.enabled,
                "the user is deleted in Cognito: tokens are rejected": link.gone_at is not None,
            }
            note = "; ".join(text for text, applies in notes.items() if applies)
            # A digest begins with the moment of its source.
            prefix = f"{math.floor(link.as_of.timestamp())}:"
            source = next((name for field, name in _SOURCES.items() if getattr(link, field).startswith(prefix)), "")
            alias = link.user_pool_id if settings is None else settings.alias
            counts = settings is not None and not is_old
            groups = tuple(link.groups)
            tenants = () if settings is None else tuple(item.name for item in find_tenants(groups, settings))
            links.append(LinkGroups(alias, link.username, link.sub, groups, link.as_of, source, counts, note, tenants))
        return links

    @cached_property
    def rights(self) -> list[Right]:
        """The flags, Django groups and permissions of the user, sorted. An inactive user has none."""
        if not self.user.is_active:
            return []
        permissions = self._list_permissions()
        return [
            *(Right("flag", name, self._explain_flag(name)) for name in FLAGS if getattr(self.user, name, False)),
            *(Right("Django group", group.name, self._explain_group(group)) for group in self._django_groups),
            *(Right("permission", name, tuple(permissions[name])) for name in sorted(permissions)),
        ]

    def explain_permission(self, name: str) -> list[str]:
        """Return the reasons why the user has the permission; an empty list if the user does not have it."""
        if not self.user.is_active:
            return []
        is_superuser = getattr(self.user, "is_superuser", False)
        all_permissions = [f"is_superuser, {reason}" for reason in self._explain_flag("is_superuser")]
        return [*(all_permissions if is_superuser else ()), *self._list_permissions().get(name, ())]

    def explain_missing(self, name: str) -> list[str]:
        """Return what prevents the permission, and what would grant it: groups of GROUPS and Django groups."""
        reasons = [] if self.user.is_active else ["the user is inactive: no permission counts"]
        app_label, _, codename = name.partition(".")
        permissions = Permission.objects.filter(content_type__app_label=app_label, codename=codename)
        if not permissions.exists():
            reasons.append("the database has no permission of this name: is it spelled correctly, and is it migrated?")
        reasons += [f"{link.pool}: {link.note}" for link in self.links if link.note]
        for alias, settings in self._pools.by_alias.items():
            names = groups_granting(name, settings)
            reasons += [f"GROUPS grants it to the Cognito group {group!r} of {alias!r}" for group in names]
            for group in [group for group, grant in settings.tenant_groups.items() if name in grant.permissions]:
                full_name = join_group(group, self.tenant or "...", settings)
                reasons.append(f"TENANT_GROUPS grants it to the Cognito group {full_name!r} of {alias!r}")
        groups = Group.objects.filter(permissions__in=permissions).order_by("name").distinct()
        reasons += [f"the Django group {group.name!r} has it" for group in groups]
        return reasons or ["no Cognito group of GROUPS and no Django group has it"]

    @cached_property
    def _links(self) -> list[CognitoUser]:
        return list(CognitoUser.objects.using(self.user._state.db).filter(user_id=self.user.pk).order_by("pk"))

    @cached_property
    def _memberships(self) -> list[CognitoMembership]:
        rows = CognitoMembership.objects.using(self.user._state.db).select_related("cognito_user")
        return list(rows.filter(cognito_user__user_id=self.user.pk).order_by("name"))

    @cached_property
    def _django_groups(self) -> list[Group]:
        return list(self.user.groups.order_by("name")) if hasattr(self.user, "groups") else []

    def _explain_flag(self, name: str) -> tuple[str, ...]:
        field = "granted_" + name.removeprefix("is_")
        reasons = tuple(self._name_membership(row) for row in self._memberships if getattr(row, field))
        return reasons or ("set on this site, not by a Cognito group",)

    def _explain_group(self, group: Group) -> tuple[str, ...]:
        reasons = tuple(self._name_membership(row) for row in self._memberships if group.pk in row.granted_groups)
        return reasons or ("given on this site, not by a Cognito group",)

    def _name_membership(self, row: CognitoMembership) -> str:
        return _name_group(row.name, self._pools.find(row.cognito_user.user_pool_id), row.cognito_user.user_pool_id)

    def _list_permissions(self) -> dict[str, list[str]]:
        """Return the reasons for each permission, except that of superusers, who have all."""
        reasons = defaultdict[str, list[str]](list)
        for link, described in zip(self._links, self.links, strict=True):
            settings = self._pools.find(link.user_pool_id)
            for group in described.groups if settings is not None and described.counts else ():
                for name in get_group_permissions((group,), settings):  # type: ignore[arg-type]  # as above
                    reasons[name].append(f"GROUPS, {_name_group(group, settings, link.user_pool_id)}")
                own = find_tenant_group(group, settings, self.tenant) if self.tenant else ""  # type: ignore[arg-type]
                for name in get_tenant_permissions((own,), settings):  # type: ignore[arg-type]
                    reasons[name].append(f"TENANT_GROUPS, {_name_group(group, settings, link.user_pool_id)}")
        fields = ("content_type__app_label", "codename")
        by_pk = {group.pk: group for group in self._django_groups}
        rows = Permission.objects.filter(group__in=by_pk).values_list(*fields, "group__pk") if by_pk else ()
        for app_label, codename, pk in rows:
            for reason in self._explain_group(by_pk[pk]) if pk in by_pk else ():
                reasons[f"{app_label}.{codename}"].append(f"Django group {by_pk[pk].name!r}, {reason}")
        if hasattr(self.user, "user_permissions"):
            for app_label, codename in self.user.user_permissions.values_list(*fields):
                reasons[f"{app_label}.{codename}"].append("given to the user directly")
        return reasons


def _name_group(name: str, settings: CognitoSettings | None, user_pool_id: str) -> str:
    return f"Cognito group {name!r} of {(user_pool_id if settings is None else settings.alias)!r}"
