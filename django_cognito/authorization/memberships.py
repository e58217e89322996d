"""Write the grants of Cognito groups: Django groups, flags, and a record of what each membership granted.

Only recorded grants are revoked. Called with the user's row locked. Must not read from a replica: if it lags, recent
grants would never be revoked.
"""

import logging
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, router, transaction

from ..conf.loading import get_settings
from ..conf.schema import GroupGrant
from ..models import CognitoMembership, CognitoUser
from . import group_mapping as cognito_groups
from .group_mapping import Change, Granted

_MAX_SUPERUSERS = 20  # of which one must still be a superuser when its row is locked

logger = logging.getLogger(__name__)


def apply_grants(link: CognitoUser, grants: Mapping[str, GroupGrant]) -> list[str]:
    """Make a link grant exactly `grants`, by Cognito group; return the changed flags, which are not saved.

    An empty `grants` revokes all that the link granted.
    """
    user: Any = link.user
    memberships = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    rows = list(memberships.filter(cognito_user__user_id=user.pk))
    current = {row.name: row for row in rows if row.cognito_user_id == link.pk}
    if not grants and not current:
        return []
    pks = _get_or_create_groups({group for grant in grants.values() for group in grant.groups})
    using = router.db_for_write(type(user))
    user_groups = user.groups.using(using).values_list("pk", flat=True) if hasattr(user, "groups") else ()
    change = cognito_groups.diff_grants(
        {
            name: Granted(frozenset(pks[group] for group in grant.groups if group in pks), grant.staff, grant.superuser)
            for name, grant in grants.items()
        },
        {name: _read_grant(row) for name, row in current.items()},
        now=Granted(frozenset(user_groups), getattr(user, "is_staff", False), getattr(user, "is_superuser", False)),
        other_pools=cognito_groups.combine_grants(_read_grant(row) for row in rows if row.cognito_user_id != link.pk),
    )
    if change.superuser is False and get_settings().keep_last_superuser:
        change = _keep_last_superuser(user, change)
    if change.add_groups:
        user.groups.add(*change.add_groups)
    if change.remove_groups:
        user.groups.remove(*change.remove_groups)
    _write_memberships(link, current, change.memberships)
    flags = {"is_staff": change.staff, "is_superuser": change.superuser}
    fields = {field.name for field in user._meta.concrete_fields}
    changed = [name for name, value in flags.items() if value is not None and name in fields]
    for name in changed:
        setattr(user, name, flags[name])
    return changed


def _keep_last_superuser(user: Any, change: Change) -> Change:
    """Return the change without the removal of the flags if there is no other active superuser.

    Otherwise the row of another superuser is locked: of the last two, one keeps the flag.
    """
    model = type(user)
    fields = {field.name for field in model._meta.concrete_fields}
    condition = {name: True for name in ("is_superuser", "is_active") if name in fields}
    users = model._base_manager.using(router.db_for_write(model))
    others = users.filter(**condition).exclude(pk=user.pk).order_by("pk")
    # By primary key: without an index on the flag, MariaDB would lock all rows that it reads.
    pks = list(others.values_list("pk", flat=True)[:_MAX_SUPERUSERS])
    if list(others.select_for_update().filter(pk__in=pks).values_list("pk")):
        return change
    logger.error(
        "User %s keeps is_superuser, which no Cognito group grants any longer: no other active superuser is left"
        " (KEEP_LAST_SUPERUSER). Make another user a superuser, then remove the flag.",
        user.pk,
    )
    return replace(change, superuser=None, staff=change.staff or None)


def read_grants(user: Any) -> Granted:
    """Return all grants of Cognito groups to `user`, of every pool. One query, in the database for writes."""
    memberships = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    return cognito_groups.combine_grants(map(_read_grant, memberships.filter(cognito_user__user_id=user.pk)))


def _get_or_create_groups(names: Set[str]) -> dict[str, int]:
    """Return the primary keys of Django groups by name. Create missing groups.

    Names are compared in Python, because a database may treat names as equal that differ in case, accents or trailing
    spaces. If it treats another group's name as equal, the group cannot be created: it is left out with a warning.
    """
    if not names:
        return {}
    using = router.db_for_write(Group)
    groups = Group.objects.using(using)
    rows = groups.filter(name__in=names).values_list("name", "pk")
    pks = {name: pk for name, pk in rows if name in names}
    for name in sorted(names - pks.keys()):  # in one order, to avoid deadlocks
        try:
            with transaction.atomic(using=using):
                pks[name] = groups.create(name=name).pk
        except IntegrityError:  # another writer created it, or the name is taken
            rows = groups.filter(name=name).values_list("name", "pk")
            # REPEATABLE READ does not show the other writer's row without a lock.
            equal = dict(rows) or dict(rows.select_for_update())
            if not equal:
                raise
            if name in equal:
                pks[name] = equal[name]
        if name not in pks:
            message = "the Django group %r cannot be created: the database treats the name of another group as equal"
            logger.warning(message, name)
    return pks


def _read_grant(row: CognitoMembership) -> Granted:
    return Granted(frozenset(row.granted_groups), row.granted_staff, row.granted_superuser)


def _write_memberships(link: CognitoUser, rows: Mapping[str, CognitoMembership], wanted: Mapping[str, Granted]) -> None:
    """Make the rows of `link` record exactly the grants `wanted`, so that only these are revoked later."""
    obsolete = [row.pk for name, row in rows.items() if name not in wanted]
    if obsolete:
        CognitoMembership.objects.filter(pk__in=obsolete).delete()
    new = [_set_grant(CognitoMembership(cognito_user=link, name=name), wanted[name]) for name in wanted.keys() - rows]
    CognitoMembership.objects.using(router.db_for_write(CognitoMembership)).bulk_create(new)
    for name in wanted.keys() & rows.keys():
        if _read_grant(rows[name]) != wanted[name]:
            _set_grant(rows[name], wanted[name]).save()


def _set_grant(row: CognitoMembership, granted: Granted) -> CognitoMembership:
    row.granted_groups = sorted(granted.groups)
    row.granted_staff, row.granted_superuser = granted.staff, granted.superuser
    return row
