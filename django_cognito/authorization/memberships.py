"""Write the grants of Cognito groups: Django groups, flags, and a record of what each membership granted.

Only recorded grants are revoked. Called with the user's row locked. Must not read from a replica: if it lags, recent
grants would never be revoked.
"""

import logging
from collections.abc import Mapping, Set
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, router, transaction

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..models import CognitoMembership, CognitoUser
from . import group_mapping as cognito_groups
from .group_mapping import Granted

logger = logging.getLogger(__name__)


def apply_groups(link: CognitoUser, names: tuple[str, ...]) -> list[str]:
    """Grant and revoke so that the user has the grants of `names`; return the changed flags, which are not saved."""
    user: Any = link.user
    written = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    rows = list(written.filter(cognito_user__user_id=user.pk))
    current = {row.name: row for row in rows if row.cognito_user_id == link.pk}
    if not names and not current:
        return []
    change = cognito_groups.diff_grants(
        _resolve_grants(names, get_pool_registry().for_token(link.user_pool_id)),
        {name: _read_grant(row) for name, row in current.items()},
        now=_read_current(user),
        other_pools=cognito_groups.combine_grants(_read_grant(row) for row in rows if row.cognito_user_id != link.pk),
    )
    if change.add_groups:
        user.groups.add(*change.add_groups)
    if change.remove_groups:
        user.groups.remove(*change.remove_groups)
    _write_memberships(link, current, change.memberships)
    return _set_flags(user, {"is_staff": change.staff, "is_superuser": change.superuser})


def read_grants(user: Any) -> Granted:
    """Return all grants of Cognito groups to `user`, of every pool. One query, in the database for writes."""
    written = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    return cognito_groups.combine_grants(map(_read_grant, written.filter(cognito_user__user_id=user.pk)))


def _resolve_grants(names: tuple[str, ...], settings: CognitoSettings) -> dict[str, Granted]:
    wanted = cognito_groups.get_grants(names, settings)
    pks = _get_or_create_groups({name for grant in wanted.values() for name in grant.groups})
    return {
        name: Granted(frozenset(pks[group] for group in grant.groups if group in pks), grant.staff, grant.superuser)
        for name, grant in wanted.items()
    }


def _get_or_create_groups(names: Set[str]) -> dict[str, int]:
    """Return the primary keys of Django groups by name. Create missing groups.

    Names are compared in Python, because a database may treat names as equal that differ in case, accents or trailing
    spaces. If it treats another group's name as equal, the group cannot be created: it is left out with a warning.
    """
    if not names:
        return {}
    rows = Group.objects.using(router.db_for_write(Group)).filter(name__in=names)
    pks = {name: pk for name, pk in rows.values_list("name", "pk") if name in names}
    for name in sorted(names - pks.keys()):  # in one order, to avoid deadlocks
        pk = _create_group(name)
        if pk is None:
            message = "the Django group %r cannot be created: the database treats the name of another group as equal"
            logger.warning(message, name)
        else:
            pks[name] = pk
    return pks


def _create_group(name: str) -> int | None:
    """Create a Django group or read one of another writer, and return its primary key; None if the name is taken."""
    using = router.db_for_write(Group)
    try:
        with transaction.atomic(using=using):
            return Group.objects.using(using).create(name=name).pk
    except IntegrityError:
        rows = Group.objects.using(using).filter(name=name).values_list("name", "pk")
        # REPEATABLE READ does not show the other writer's row without a lock.
        pks = dict(rows) or dict(rows.select_for_update())
        if not pks:
            raise
        return pks.get(name)


def _read_grant(row: CognitoMembership) -> Granted:
    return Granted(frozenset(row.granted_groups), row.granted_staff, row.granted_superuser)


def _read_current(user: Any) -> Granted:
    using = router.db_for_write(type(user))
    pks = user.groups.using(using).values_list("pk", flat=True) if hasattr(user, "groups") else ()
    return Granted(frozenset(pks), getattr(user, "is_staff", False), getattr(user, "is_superuser", False))


def _set_flags(user: Any, flags: Mapping[str, bool | None]) -> list[str]:
    """Set the flags that are not None and are fields of the user model; return their names."""
    fields = {field.name for field in user._meta.concrete_fields}
    changed = {name: value for name, value in flags.items() if value is not None and name in fields}
    for name, value in changed.items():
        setattr(user, name, value)
    return list(changed)


def _write_memberships(link: CognitoUser, rows: Mapping[str, CognitoMembership], wanted: Mapping[str, Granted]) -> None:
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
