"""What a person's Cognito groups give, written: Django groups, flags, and what each membership granted of them.

Only what was granted is ever taken away. Called under the user's lock, and reads from the database that is written to:
by a replica that lags, what was granted a moment ago would stay for good.
"""

from collections.abc import Mapping, Set
from typing import Any

from django.contrib.auth.models import Group
from django.db import router

from ..conf import CognitoSettings, settings_of
from ..models import CognitoMembership, CognitoUser
from . import groups as cognito_groups
from .groups import Granted


def apply_groups(link: CognitoUser, names: tuple[str, ...]) -> list[str]:
    """Give and take what Cognito's groups give by the settings; the flags on the user that this changed, unsaved."""
    user: Any = link.user
    written = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    rows = list(written.filter(cognito_user__user_id=user.pk))
    mine = {row.name: row for row in rows if row.cognito_user_id == link.pk}
    if not names and not mine:
        return []
    change = cognito_groups.difference(
        _wanted(names, settings_of(link.user_pool_id)),
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
    django_groups = _django_groups({name for grant in wanted.values() for name in grant.groups})
    return {
        name: Granted(frozenset(django_groups[item] for item in grant.groups), grant.staff, grant.superuser)
        for name, grant in wanted.items()
    }


def _django_groups(names: Set[str]) -> dict[str, int]:
    """The primary keys of these Django groups, which are made where they are missing."""
    if not names:
        return {}
    written = Group.objects.using(router.db_for_write(Group))
    found = dict(written.filter(name__in=names).values_list("name", "pk"))
    for name in sorted(names - found.keys()):  # in one order everywhere, as above
        found[name] = written.get_or_create(name=name)[0].pk
    return found


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
