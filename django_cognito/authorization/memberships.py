"""What a person's Cognito groups give, written: Django groups, flags, and what each membership granted of them.

Only what was granted is ever taken away. Called under the user's lock, and reads from the database that is written to:
by a replica that lags, what was granted a moment ago would stay for good.
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
    """Give and take what Cognito's groups give by the settings; the flags on the user that this changed, unsaved."""
    user: Any = link.user
    written = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    rows = list(written.filter(cognito_user__user_id=user.pk))
    mine = {row.name: row for row in rows if row.cognito_user_id == link.pk}
    if not names and not mine:
        return []
    change = cognito_groups.difference(
        _wanted(names, get_pool_registry().for_token(link.user_pool_id)),
        {name: _granted(row) for name, row in mine.items()},
        now=_has(user),
        elsewhere=cognito_groups.union(_granted(row) for row in rows if row.cognito_user_id != link.pk),
    )
    if change.add_groups:
        user.groups.add(*change.add_groups)
    if change.remove_groups:
        user.groups.remove(*change.remove_groups)
    _keep_memberships(link, mine, change.memberships)
    return _set_flags(user, {"is_staff": change.staff, "is_superuser": change.superuser})


def read_grants(user: Any) -> Granted:
    """Return all that Cognito groups granted `user`, in every pool. One query, in the database that is written to."""
    written = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    return cognito_groups.union(map(_granted, written.filter(cognito_user__user_id=user.pk)))


def _wanted(names: tuple[str, ...], settings: CognitoSettings) -> dict[str, Granted]:
    wanted = cognito_groups.grants(names, settings)
    pks = _django_groups({name for grant in wanted.values() for name in grant.groups})
    return {
        name: Granted(frozenset(pks[each] for each in grant.groups if each in pks), grant.staff, grant.superuser)
        for name, grant in wanted.items()
    }


def _django_groups(names: Set[str]) -> dict[str, int]:
    """Return the primary keys of these Django groups by name. Make those that are missing.

    Names are compared here, because a database may hold names for one that differ in case, accents or trailing spaces.
    If it holds another group for the same name, the group cannot be made: it is left out with a warning, and so grants
    nothing.
    """
    if not names:
        return {}
    rows = Group.objects.using(router.db_for_write(Group)).filter(name__in=names)
    pks = {name: pk for name, pk in rows.values_list("name", "pk") if name in names}
    for name in sorted(names - pks.keys()):  # in one order, so that two writers do not wait for each other
        pk = _make_django_group(name)
        if pk is None:
            message = "the Django group %r cannot be made: the database holds another group for the same name"
            logger.warning(message, name)
        else:
            pks[name] = pk
    return pks


def _make_django_group(name: str) -> int | None:
    """Return the primary key of a new Django group, or of the one that another writer made; None for a similar name."""
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


def _granted(row: CognitoMembership) -> Granted:
    return Granted(frozenset(row.granted_groups), row.granted_staff, row.granted_superuser)


def _has(user: Any) -> Granted:
    using = router.db_for_write(type(user))
    pks = user.groups.using(using).values_list("pk", flat=True) if hasattr(user, "groups") else ()
    return Granted(frozenset(pks), getattr(user, "is_staff", False), getattr(user, "is_superuser", False))


def _set_flags(user: Any, flags: Mapping[str, bool | None]) -> list[str]:
    """Set those that are to change and are fields of the user's model; which they were."""
    fields = {field.name for field in user._meta.concrete_fields}
    changed = {name: value for name, value in flags.items() if value is not None and name in fields}
    for name, value in changed.items():
        setattr(user, name, value)
    return list(changed)


def _keep_memberships(link: CognitoUser, rows: Mapping[str, CognitoMembership], wanted: Mapping[str, Granted]) -> None:
    gone = [row.pk for name, row in rows.items() if name not in wanted]
    if gone:
        CognitoMembership.objects.filter(pk__in=gone).delete()
    new = [_membership(CognitoMembership(cognito_user=link, name=name), wanted[name]) for name in wanted.keys() - rows]
    CognitoMembership.objects.using(router.db_for_write(CognitoMembership)).bulk_create(new)
    for name in wanted.keys() & rows.keys():
        if _granted(rows[name]) != wanted[name]:
            _membership(rows[name], wanted[name]).save()


def _membership(row: CognitoMembership, granted: Granted) -> CognitoMembership:
    row.granted_groups = sorted(granted.groups)
    row.granted_staff, row.granted_superuser = granted.staff, granted.superuser
    return row
