"""Write the grants of Cognito groups: Django groups, flags, and a record of what each membership granted.

Only recorded grants are revoked. Called with the user's row locked. Must not read from a replica: if it lags, recent
grants would never be revoked.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, router, transaction
from django.db.models import F, QuerySet

from ..conf.loading import get_settings
from ..conf.schema import GroupGrant
from ..db.arrays import match_any
from ..models import CognitoMembership, CognitoUser
from . import group_mapping as cognito_groups
from .group_mapping import Change, Granted

FLAGS = ("is_staff", "is_superuser")  # of the user, as `Granted.staff` and `.superuser`
_MAX_SUPERUSERS = 20  # of which one must still be a superuser when its row is locked

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UserGrants:
    """The Django groups of a user by primary key, and what each Cognito group grants by each link of the user."""

    user: Any
    groups: frozenset[int]
    by_link: Mapping[int, Mapping[str, Granted]]  # primary key of the link, Cognito group

    def plan(self, link: CognitoUser, grants: Mapping[str, Granted]) -> Change:
        """Return the changes with which `link` grants exactly `grants`. No I/O."""
        of_others = [item for pk, rows in self.by_link.items() if pk != link.pk for item in rows.values()]
        is_staff, is_superuser = (getattr(self.user, name, False) for name in FLAGS)
        return cognito_groups.diff_grants(
            grants,
            self.by_link.get(link.pk, {}),
            now=Granted(self.groups, is_staff, is_superuser),
            other_pools=cognito_groups.combine_grants(of_others),
        )


class _Write(NamedTuple):
    """The changes of one link, and its rows of memberships by Cognito group before them."""

    link: CognitoUser
    change: Change
    rows: Mapping[str, CognitoMembership]


def apply_grants(link: CognitoUser, grants: Mapping[str, GroupGrant]) -> list[str]:
    """Make a link grant exactly `grants`, by Cognito group; return the changed flags, which are not saved.

    An empty `grants` revokes all that the link granted.
    """
    user: Any = link.user
    writes = _plan_writes([(link, grants)])
    for _, change, _ in writes:
        if change.add_groups:
            user.groups.add(*change.add_groups)
        if change.remove_groups:
            user.groups.remove(*change.remove_groups)
    _write_memberships(writes)
    return [name for write in writes for name in _set_flags(write)]


def apply_page_of_grants(wanted: Sequence[tuple[CognitoUser, Mapping[str, GroupGrant]]]) -> None:
    """Do as `apply_grants` for links of different users, with a number of statements that does not depend on theirs.

    Flags are set on the users and not saved. Django's `m2m_changed` is not sent.
    """
    writes = _plan_writes(wanted)
    added = [(link.user_id, group) for link, change, _ in writes for group in sorted(change.add_groups)]
    removed = [(link.user_id, group) for link, change, _ in writes for group in change.remove_groups]
    if added or removed:
        through, user_field, group_field = _describe_django_groups(type(writes[0].link.user))
        # An admin may add the same group meanwhile.
        new = [through.model(**{user_field: user, group_field: group}) for user, group in added]
        through.bulk_create(new, ignore_conflicts=True)
        for group in sorted({group for _, group in removed}):
            users = [user for user, other in removed if other == group]
            through.filter(**{f"{user_field}__in": users, group_field: group}).delete()
    _write_memberships(writes)
    for write in writes:
        _set_flags(write)


def _plan_writes(wanted: Sequence[tuple[CognitoUser, Mapping[str, GroupGrant]]]) -> list[_Write]:
    """Return the changes of each link; none for links that granted nothing and grant nothing. Four queries at most."""
    if not wanted:
        return []
    memberships = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    rows: defaultdict[Any, defaultdict[int, dict[str, CognitoMembership]]] = defaultdict(lambda: defaultdict(dict))
    owners = [link.user_id for link, _ in wanted]
    for row in memberships.filter(cognito_user__user_id__in=owners).annotate(owner=F("cognito_user__user_id")):
        rows[row.owner][row.cognito_user_id][row.name] = row
    due = [(link, grants) for link, grants in wanted if grants or rows[link.user_id][link.pk]]
    if not due:
        return []
    pks = _get_or_create_groups({group for _, grants in due for grant in grants.values() for group in grant.groups})
    django_groups = _read_django_groups([link.user for link, _ in due])
    writes = []
    for link, grants in due:
        own = rows[link.user_id]
        by_link = {pk: {name: read_grant(row) for name, row in of_link.items()} for pk, of_link in own.items()}
        stored = UserGrants(link.user, frozenset(django_groups[link.user_id]), by_link)
        wanted_by_name = {}
        for name, grant in grants.items():  # without the Django groups that could not be created
            groups = frozenset(pks[group] for group in grant.groups if group in pks)
            wanted_by_name[name] = Granted(groups, grant.staff, grant.superuser)
        change = stored.plan(link, wanted_by_name)
        writes.append(_Write(link, change, own[link.pk]))
    is_gained = any(change.superuser and getattr(link.user, "is_active", True) for link, change, _ in writes)
    losing: set[Any] = set()
    for index, (link, change, _) in enumerate(writes):
        if change.superuser is False and get_settings().keep_last_superuser and not is_gained:
            change = _keep_last_superuser(link.user, change, losing)
            writes[index] = writes[index]._replace(change=change)
            losing.update({link.user_id} if change.superuser is False else ())
    return writes


def _set_flags(write: _Write) -> list[str]:
    """Set the changed flags on the user, if the model has them; return their names."""
    user: Any = write.link.user
    fields = {field.name for field in user._meta.concrete_fields}
    flags = dict(zip(FLAGS, (write.change.staff, write.change.superuser), strict=True))
    changed = {name: value for name, value in flags.items() if value is not None and name in fields}
    for name, value in changed.items():
        setattr(user, name, value)
    return [*changed]


def active_superusers(model: Any) -> QuerySet[Any]:
    """Return the active superusers in the database for writes, by primary key."""
    fields = {field.name for field in model._meta.concrete_fields}
    condition = {name: True for name in ("is_superuser", "is_active") if name in fields}
    return model._base_manager.using(router.db_for_write(model)).filter(**condition).order_by("pk")  # type: ignore[no-any-return]


def lock_superusers(pks: Collection[Any], using: str | None = None) -> None:
    """Lock the users `pks`, if one is a superuser, and the other superusers, of whom one must remain.

    In the order of their primary keys: otherwise two superusers who lose their group at the same moment would wait for
    each other. Call it after the rows of the links were locked, and before those of the users are. No query without
    KEEP_LAST_SUPERUSER; otherwise one if none of the users is a superuser.
    """
    model: Any = get_user_model()
    has_flag = "is_superuser" in {field.name for field in model._meta.concrete_fields}
    if not pks or not has_flag or not get_settings().keep_last_superuser:
        return
    users = model._base_manager.using(using or router.db_for_write(model)).order_by("pk")
    if users.filter(match_any(model._meta.pk, pks, users.db), is_superuser=True).exists():
        others = active_superusers(model).using(users.db).exclude(pk__in=pks).values_list("pk", flat=True)
        list(users.select_for_update().filter(pk__in=[*pks, *others[:_MAX_SUPERUSERS]]).values_list("pk"))


def _keep_last_superuser(user: Any, change: Change, losing: Set[Any]) -> Change:
    """Return the change without the removal of the flags if there is no other active superuser.

    The users with a primary key in `losing` lose the flag too. Otherwise the row of another superuser is locked, if
    `lock_superusers` has not done so: of the last two, one keeps the flag.
    """
    others = active_superusers(type(user)).exclude(pk__in={user.pk, *losing})
    # By primary key: without an index on the flag, MariaDB would lock all rows that it reads.
    pks = list(others.values_list("pk", flat=True)[:_MAX_SUPERUSERS])
    if list(others.select_for_update().filter(pk__in=pks).values_list("pk")):
        return change
    logger.error(
        "User %s keeps is_superuser, which no Cognito group grants any longer: no other active superuser is left"
        " (KEEP_LAST_SUPERUSER). Make another user a superuser, then remove the flag.",
        user.pk,
    )
    return change.keep_superuser()


def read_grants(user: Any) -> Granted:
    """Return all grants of Cognito groups to `user`, of every pool. One query, in the database for writes."""
    memberships = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    return cognito_groups.combine_grants(map(read_grant, memberships.filter(cognito_user__user_id=user.pk)))


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


def read_grant(row: CognitoMembership) -> Granted:
    """Return what a row of a membership records."""
    return Granted(frozenset(row.granted_groups), row.granted_staff, row.granted_superuser)


def has_django_groups(model: Any) -> bool:
    """Return whether a user model has Django's groups; another relation may have that name."""
    fields = {field.name: field.related_model for field in model._meta.many_to_many}
    return fields.get("groups") is not None and issubclass(fields["groups"], Group)


def _read_django_groups(users: Sequence[Any]) -> defaultdict[Any, set[int]]:
    """Return the primary keys of the Django groups of each user, by the user's primary key."""
    groups: defaultdict[Any, set[int]] = defaultdict(set)
    model = type(users[0])
    if has_django_groups(model):
        through, user_field, group_field = _describe_django_groups(model)
        rows = through.filter(**{f"{user_field}__in": [user.pk for user in users]})
        for user_pk, group_pk in rows.values_list(user_field, group_field):
            groups[user_pk].add(group_pk)
    return groups


def _describe_django_groups(model: Any) -> tuple[QuerySet[Any], str, str]:
    """Return the rows that join users and Django groups, and their two foreign keys, in the database for writes."""
    field = model._meta.get_field("groups")
    through = field.remote_field.through
    user_field, group_field = (
        through._meta.get_field(name).attname for name in (field.m2m_field_name(), field.m2m_reverse_field_name())
    )
    return through._base_manager.using(router.db_for_write(model)), user_field, group_field


def _write_memberships(writes: Sequence[_Write]) -> None:
    """Make the rows of each link record exactly the grants of its change, so that only these are revoked later."""
    memberships = CognitoMembership.objects.using(router.db_for_write(CognitoMembership))
    obsolete, new, changed = [], [], []
    for link, change, rows in writes:
        wanted = change.memberships
        obsolete += [row.pk for name, row in rows.items() if name not in wanted]
        for name, granted in wanted.items():
            if name not in rows:
                new.append(_set_grant(CognitoMembership(cognito_user=link, name=name), granted))
            elif read_grant(rows[name]) != granted:
                changed.append(_set_grant(rows[name], granted))
    if obsolete:
        memberships.filter(pk__in=obsolete).delete()
    memberships.bulk_create(new)
    memberships.bulk_update(changed, ["granted_groups", "granted_staff", "granted_superuser"])


def _set_grant(row: CognitoMembership, granted: Granted) -> CognitoMembership:
    row.granted_groups = sorted(granted.groups)
    row.granted_staff, row.granted_superuser = granted.staff, granted.superuser
    return row
