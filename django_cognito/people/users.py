"""A verified token becomes a Django user. The only writer of users, memberships and link rows.

A steady token costs one read and no write. What changes is written in one transaction, and never backwards in time.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from ..conf import CognitoSettings, get_settings
from ..core import AccessToken, ClientToken, IdToken
from ..core.errors import TokenError
from ..models import CognitoMembership, CognitoUser
from . import groups as cognito_groups
from .groups import Change, Granted
from .machines import MachineUser
from .profile import Statement, statement_of
from .rights import Rights, attach

logger = logging.getLogger(__name__)
_ATTEMPTS = 3  # parallel first requests: whoever loses the race finds the winner's row at the second attempt


def user_for(token: AccessToken | IdToken | ClientToken, profile: IdToken | None = None) -> Any:
    """The Django user (or MachineUser) that a verified token stands for, made or brought up to date, with its rights.

    One query where the token says nothing new. `profile` is the ID token that came with it.
    Raises TokenError: code "user_unknown" where CREATE_USERS is off, "user_inactive" for a disabled account.
    """
    if isinstance(token, ClientToken):
        return MachineUser(token)
    statement = statement_of(token, profile, get_settings())
    link = person_for(statement)
    if not link.user.is_active:
        raise TokenError("the account is disabled here", code="user_inactive")
    attach(link.user, lambda: rights_for(token, link))
    return link.user


def rights_for(token: AccessToken | IdToken, link: CognitoUser) -> Rights:
    """The rights of a person by a token and by what is known of them, whichever is younger."""
    issued, as_of = token.issued_at.timestamp(), link.as_of.timestamp()
    return Rights(cognito_groups.effective(token.groups, issued, link.groups, as_of), token.scopes)


def person_for(statement: Statement) -> CognitoUser:
    """The link row, with its user, of whom `statement` speaks: found, linked or made, and brought up to date.

    Raises TokenError (code "user_unknown") where there is none and CREATE_USERS is off.
    """
    link = _find(statement)
    if link is None:
        link = _first(statement)
    return _updated(link, statement) if _says_more(link, statement) else link


def update_people(statements: Iterable[Statement], *, create: bool = False) -> int:
    """Bring a page of directory users up to date in one transaction; how many were written.

    Two queries where nothing changed. With `create` those not known yet are made, as a first token would make them.
    """
    by_sub = {(statement.user_pool_id, statement.sub): statement for statement in statements}
    rows = CognitoUser.objects.filter(sub__in=[sub for _, sub in by_sub]).select_related("user").order_by("pk")
    known = {(row.user_pool_id, row.sub): row for row in rows}
    changed = [(known[key], said) for key, said in by_sub.items() if key in known and _says_more(known[key], said)]
    new = [said for key, said in by_sub.items() if create and key not in known]
    with transaction.atomic():
        for link, said in changed:
            _updated(link, said)
        for said in new:
            _first(said)
    return len(changed) + len(new)


def _find(statement: Statement) -> CognitoUser | None:
    rows = CognitoUser.objects.select_related("user")
    return rows.filter(user_pool_id=statement.user_pool_id, sub=statement.sub).first()


def _says_more(link: CognitoUser, statement: Statement) -> bool:
    """Whether there is something to write: said no earlier than what is known, and not said before."""
    if statement.moment < link.as_of or not link.user.is_active:
        return False
    return any(getattr(link, name) != digest for name, digest in statement.digests.items())


def _first(statement: Statement) -> CognitoUser:
    """The link row of somebody seen for the first time, also where several requests see them at once."""
    settings = get_settings()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return _linked(statement, settings)
        except IntegrityError:
            link = _find(statement)
            if link is not None:
                return link
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _linked(statement: Statement, settings: CognitoSettings) -> CognitoUser:
    user = _known_by_email(statement, settings)
    if user is None and not settings.create_users:
        raise TokenError("nobody is known here by this token, and CREATE_USERS is off", code="user_unknown")
    link = CognitoUser(
        user=user or _new_user(statement, settings),
        user_pool_id=statement.user_pool_id,
        sub=statement.sub,
        username=statement.username,
        as_of=statement.moment,
    )
    link.save(force_insert=True)
    _write(link, statement, statement.groups)
    return link


def _known_by_email(statement: Statement, settings: CognitoSettings) -> Any:
    """The one existing account with this verified e-mail, where the site allows it; never a staff account."""
    if not settings.link_by_verified_email or not statement.verified_email:
        return None
    model = get_user_model()
    found = list(
        model._default_manager.filter(**{f"{model.get_email_field_name()}__iexact": statement.verified_email})[:2]
    )
    if len(found) != 1:
        return None
    user: Any = found[0]
    safe = user.is_active and not getattr(user, "is_staff", False) and not getattr(user, "is_superuser", False)
    return user if safe else None


def _new_user(statement: Statement, settings: CognitoSettings) -> Any:
    user: Any = get_user_model()()
    for name, value in statement.attributes.items():
        _set(user, name, value)
    email = user._meta.get_field(user.get_email_field_name())
    # A first API token carries no e-mail; where the model must have one, the next ID token replaces this.
    if email.unique and not getattr(user, email.name):
        setattr(user, email.name, f"{statement.sub}@{statement.user_pool_id}.invalid".lower())
    if email.name != user.USERNAME_FIELD:
        setattr(user, user.USERNAME_FIELD, _free_username(user, statement))
    user.set_unusable_password()
    user.save()
    return user


def _free_username(user: Any, statement: Statement) -> str:
    """The username asked for, or, where somebody has it, suffixed from the `sub`: never their account."""
    name = statement.preferred_username or statement.username
    longest = user._meta.get_field(user.USERNAME_FIELD).max_length or len(name)
    for suffix in ("", f"-{statement.sub[:8]}"):
        candidate = name[: longest - len(suffix)] + suffix
        if not _is_taken(user, user.USERNAME_FIELD, candidate):
            return candidate
    return statement.sub[:longest]


def _updated(link: CognitoUser, statement: Statement) -> CognitoUser:
    """The link row after `statement` was written, one writer at a time; another may have been first, or later."""
    with transaction.atomic():
        locked = CognitoUser.objects.select_for_update().get(pk=link.pk)
        locked.user = link.user
        if _says_more(locked, statement):
            locked.user.refresh_from_db()
            moments = statement.moment.timestamp(), locked.as_of.timestamp()
            names = cognito_groups.effective(statement.groups, moments[0], locked.groups, moments[1])
            _apply_attributes(locked.user, statement.attributes)
            _write(locked, statement, names)
    return locked


def _write(link: CognitoUser, statement: Statement, names: tuple[str, ...]) -> None:
    """Grant what the Cognito groups `names` give, and remember the moment and what has been said."""
    _apply_groups(link, names)
    if list(names) != link.groups:
        # What the other sources said before speaks of other groups: let it be looked at again.
        link.access_digest = link.id_digest = link.directory_digest = ""
    for name, digest in statement.digests.items():
        setattr(link, name, digest)
    link.groups, link.as_of = list(names), statement.moment
    link.save()


def _apply_groups(link: CognitoUser, names: tuple[str, ...]) -> None:
    user: Any = link.user
    rows = list(CognitoMembership.objects.filter(cognito_user__user_id=user.pk))
    change = cognito_groups.difference(
        _wanted(names),
        {row.name: _granted(row) for row in rows if row.cognito_user_id == link.pk},
        now=_has(user),
        elsewhere=cognito_groups.union(_granted(row) for row in rows if row.cognito_user_id != link.pk),
    )
    _apply_change(user, change)
    mine = {row.name: row for row in rows if row.cognito_user_id == link.pk}
    _keep_memberships(link, mine, change.memberships)


def _wanted(names: tuple[str, ...]) -> dict[str, Granted]:
    wanted = cognito_groups.grants(names, get_settings())
    django_groups = {name: 0 for grant in wanted.values() for name in grant.groups}
    for name in django_groups:
        django_groups[name] = Group.objects.get_or_create(name=name)[0].pk
    return {
        name: Granted(frozenset(django_groups[item] for item in grant.groups), grant.staff, grant.superuser)
        for name, grant in wanted.items()
    }


def _granted(row: CognitoMembership) -> Granted:
    return Granted(frozenset(row.granted_groups), row.granted_staff, row.granted_superuser)


def _has(user: Any) -> Granted:
    pks = user.groups.values_list("pk", flat=True) if hasattr(user, "groups") else ()
    return Granted(frozenset(pks), getattr(user, "is_staff", False), getattr(user, "is_superuser", False))


def _apply_change(user: Any, change: Change) -> None:
    if change.add_groups:
        user.groups.add(*change.add_groups)
    if change.remove_groups:
        user.groups.remove(*change.remove_groups)
    flags = {"is_staff": change.staff, "is_superuser": change.superuser}
    changed = {name: value for name, value in flags.items() if value is not None and hasattr(user, name)}
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        user.save(update_fields=list(changed))


def _keep_memberships(link: CognitoUser, rows: Mapping[str, CognitoMembership], wanted: Mapping[str, Granted]) -> None:
    gone = [row.pk for name, row in rows.items() if name not in wanted]
    if gone:
        CognitoMembership.objects.filter(pk__in=gone).delete()
    for name, granted in wanted.items():
        row = rows.get(name)
        if row is None or _granted(row) != granted:
            row = row or CognitoMembership(cognito_user=link, name=name)
            row.granted_groups = sorted(granted.groups)
            row.granted_staff, row.granted_superuser = granted.staff, granted.superuser
            row.save()


def _apply_attributes(user: Any, attributes: Mapping[str, Any]) -> None:
    changed = [name for name, value in attributes.items() if _set(user, name, value)]
    if changed:
        user.save(update_fields=changed)


def _set(user: Any, name: str, value: Any) -> bool:
    """Put a mapped claim into its field, as the field sees it; whether that changed anything."""
    field: models.Field[Any, Any] = user._meta.get_field(name)
    try:
        value = field.to_python(value)
    except ValidationError:
        logger.warning("the claim for %s does not fit the field; it stays as it is", name)
        return False
    if isinstance(value, str) and field.max_length:
        value = value[: field.max_length]
    if value == getattr(user, name):
        return False
    if field.unique and _is_taken(user, name, value):
        logger.warning("the claim for %s is somebody else's already; it stays as it is", name)
        return False
    setattr(user, name, value)
    return True


def _is_taken(user: Any, name: str, value: Any) -> bool:
    others = type(user)._default_manager.exclude(pk=user.pk) if user.pk else type(user)._default_manager.all()
    return bool(others.filter(**{name: value}).exists())
