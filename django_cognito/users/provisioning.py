"""A verified token becomes a Django user. The only writer of users, memberships and link rows.

A steady token costs one read and no write. A more recent one that changes nothing else costs one conditional UPDATE.
What changes is written in one transaction, under a lock, and never backwards in time.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, router, transaction
from django.db.models import QuerySet

from ..authorization import group_mapping as cognito_groups
from ..authorization.group_expiry import expire_remembered_groups, is_expired, remembered_groups
from ..authorization.memberships import apply_groups
from ..authorization.rights import Rights, carry
from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from ..core.errors import SignInError, TokenError
from ..db.transactions import retry_conflicts, write_transaction
from ..models import DIGEST_FIELDS, CognitoUser
from ..signals import account_linked, send_on_commit
from .accounts import create_account, find_account_by_email
from .claim_sources import News, Statement, news, statement_of
from .contact_claims import protect_local_values, put_attributes, record_verified
from .link_snapshot import protect_unread_changes
from .lookup import KnownPerson, database, find
from .request_writes import note_write

Token = AccessToken | IdToken | ClientToken
Link = CognitoUser | KnownPerson  # the second is all that a steady request reads of the first, and the user

_ATTEMPTS = 3  # parallel first requests: whoever loses the race finds the winner's row at the second attempt
_NEVER = datetime.fromtimestamp(0, UTC)  # a new link row knows nothing yet


def read_user(
    token: AccessToken | IdToken, profile: IdToken | None, user_info: Mapping[str, Any] | None = None
) -> tuple[Link, Rights]:
    """What is known of the person of a verified token, and their rights, which their user carries from here on.

    Their user is made or brought up to date. One query where the token says nothing new.
    Raises TokenError: code "user_unknown" where CREATE_USERS is off, "user_inactive" for a disabled account.
    """
    statement = statement_of(token, profile, get_pool_registry().for_token(token.user_pool_id), user_info)
    link = person_for(statement)
    if link.groups and is_expired(link.as_of):  # the token states no groups, and none did for too long
        expire_remembered_groups(link.user)
        link = _settled(_find_written(statement), statement)
    if not link.user.is_active:
        raise TokenError("the account is disabled here", code="user_inactive")
    rights = rights_for(token, link)
    carry(link.user, rights)
    if isinstance(link, KnownPerson) and link.using != router.db_for_write(CognitoUser):
        protect_unread_changes(link.user)  # a replica lags: `user.save()` must not write removed flags back
    return link, rights


def rights_for(token: AccessToken | IdToken, link: Link) -> Rights:
    """The rights of a person by a token and by what is known of them, whichever is younger."""
    told = cognito_groups.told_by(token, get_pool_registry().for_token(token.user_pool_id))
    groups = remembered_groups(link)
    if told is not None:
        groups = cognito_groups.effective(told, token.issued_at, groups, link.as_of)
    return Rights(groups, token.scopes, ((token.user_pool_id, groups),))


def person_for(statement: Statement) -> Link:
    """What is known of whom `statement` speaks, with their user: found, linked or made, and brought up to date.

    Raises TokenError (code "user_unknown") where there is none and CREATE_USERS is off.
    """
    return _settled(_find(statement), statement)


def write_again(statements: Iterable[Statement]) -> None:
    """Apply claims once more that a view's transaction may have rolled back. One query for each if nothing was lost.

    Only to links that exist: a user that the view deleted, or unlinked, stays so.
    """
    for statement in statements:
        link = _find(statement)
        if link is not None:
            retry_conflicts(partial(_write_to_link, link, statement))


def _write_to_link(link: Link, statement: Statement) -> None:
    if not _confirm(link, statement):
        with suppress(CognitoUser.DoesNotExist), write_transaction():  # deleted meanwhile
            _updated(link, statement)


def link_person(statement: Statement, user: Any) -> None:
    """Link the Cognito user of `statement` to `user`, unless it is linked to them already.

    Raises TokenError (code "linked_elsewhere") if it is linked to another user, SignInError (code "link_interrupted")
    if `user` was deleted meanwhile.
    """
    link = retry_conflicts(partial(_find_or_link, statement, user.pk))
    if link is None or link.user.pk != user.pk:
        raise TokenError("this person of Cognito is another account's here", code="linked_elsewhere")


def _find_or_link(statement: Statement, user_pk: Any) -> Link | None:
    link = _find(statement)
    if link is not None:
        return link
    try:
        with write_transaction():
            return _first_link(statement, get_pool_registry().for_token(statement.user_pool_id), _lock_user(user_pk))
    except IntegrityError:  # another request was faster
        return _find_again(statement)


def _lock_user(pk: Any) -> Any:
    user = _written_users().select_for_update().filter(pk=pk).first()
    if user is None:
        raise SignInError("the user who links an account was deleted", code="link_interrupted")
    return user


def update_people(statements: Iterable[Statement], *, create: bool = False) -> int:
    """Bring a page of directory users up to date in one transaction; return how many users changed.

    One query if the page is not newer than what is stored. Otherwise two more, which lock the page, and one UPDATE for
    each user whose `as_of` alone moves. After a deadlock the whole page is written again.
    With `create` those not known yet are made, as a first token would make them.
    """
    page = {(statement.user_pool_id, statement.sub): statement for statement in statements}
    return retry_conflicts(partial(_update_page, page, create))


def _update_page(page: Mapping[tuple[str, str], Statement], create: bool) -> int:
    rows = _written_links().filter(user_pool_id__in={pool for pool, _ in page}, sub__in=[sub for _, sub in page])
    known = {(row.user_pool_id, row.sub): row for row in rows.select_related("user").order_by("pk")}
    told = {key: _news(row, page[key]) for key, row in known.items() if key in page}
    changed = [(known[key], page[key], each.is_moments_only) for key, each in told.items() if each is not None]
    new = [(None, page[key], False) for key in sorted(page.keys() - known.keys()) if create]
    if not changed and not new:
        return 0
    with write_transaction():
        if changed:
            _lock_page([link for link, *_ in changed])
        return sum(_is_settled(link, statement) and not is_minor for link, statement, is_minor in [*changed, *new])


def _lock_page(links: list[CognitoUser]) -> None:
    """Lock the links of a page, and then their users: a user may have several links, and others lock in this order."""
    pks, user_pks = [link.pk for link in links], {link.user_id for link in links}
    list(_written_links().select_for_update().filter(pk__in=pks).order_by("pk").values_list("pk"))
    owners = _written_users().select_for_update().filter(pk__in=user_pks)
    list(owners.order_by("pk").values_list("pk"))


def _written_links() -> QuerySet[CognitoUser]:
    return CognitoUser.objects.using(router.db_for_write(CognitoUser))


def _written_users() -> QuerySet[Any]:
    model = get_user_model()
    return model._base_manager.using(router.db_for_write(model))


def _is_settled(link: Link | None, statement: Statement) -> bool:
    try:
        _settled(link, statement)
    except TokenError:  # nobody is known by it, and CREATE_USERS is off
        return False
    return True


def _find(statement: Statement) -> KnownPerson | None:
    found = find(statement.user_pool_id, statement.sub)
    if found is None and database() != router.db_for_write(CognitoUser):
        return _find_written(statement)  # a replica may lag
    return found


def _find_written(statement: Statement) -> KnownPerson | None:
    """As `_find`, in the database that is written to."""
    return find(statement.user_pool_id, statement.sub, router.db_for_write(CognitoUser))


def _news(link: Link, statement: Statement) -> News | None:
    return news(statement, link, get_pool_registry().for_token(statement.user_pool_id)) if link.user.is_active else None


def _find_again(statement: Statement) -> Link | None:
    """As `_find_written`, after another writer was faster.

    In a transaction with a lock: without it REPEATABLE READ does not show the row of the other writer.
    """
    if not transaction.get_connection(router.db_for_write(CognitoUser)).in_atomic_block:
        return _find_written(statement)
    rows = CognitoUser.objects.select_for_update().select_related("user")
    return rows.filter(user_pool_id=statement.user_pool_id, sub=statement.sub).first()


def _settled(link: Link | None, statement: Statement) -> Link:
    """The link once `statement` is written, also where others write, or take the same name, at the same moment."""
    return retry_conflicts(partial(_settle, link, statement))


def _settle(link: Link | None, statement: Statement) -> Link:
    for _ in range(_ATTEMPTS - 1):
        with suppress(IntegrityError, CognitoUser.DoesNotExist):
            return _write_statement(link, statement)
        link = _find_again(statement)
    return _write_statement(link, statement)


def _write_statement(link: Link | None, statement: Statement) -> Link:
    if link is not None and _confirm(link, statement):
        return link
    with write_transaction():
        settings = get_pool_registry().for_token(statement.user_pool_id)
        written = _updated(link, statement) if link else _linked(statement, settings)
    note_write(statement)
    return written


def _confirm(link: Link, statement: Statement) -> bool:
    """Write what needs no lock; return whether nothing else is to be written."""
    told = _news(link, statement)
    if told is None:
        return True
    if not told.is_moments_only or not _move_moments(link, told):
        return False
    note_write(statement)
    return True


def _move_moments(link: Link, told: News) -> bool:
    """Write the moments of `told` if the row is still as read, without a lock; return whether it was."""
    as_read = {name: getattr(link, name) for name in ("as_of", "groups", *DIGEST_FIELDS)}
    changed = {"as_of": told.moment, **told.digests}
    if not CognitoUser.objects.filter(pk=link.pk, **as_read).update(**changed):
        return False
    for name, value in changed.items():
        setattr(link, name, value)
    return True


def _linked(statement: Statement, settings: CognitoSettings) -> CognitoUser:
    """A first link row: to the account that it belongs to, or to a new one."""
    known = find_account_by_email(statement, settings)
    if known is None and not settings.create_users:
        raise TokenError("nobody is known here by this token, and CREATE_USERS is off", code="user_unknown")
    if known is not None and not settings.linking_keeps_password:
        # Whoever made the account may know its password, and may be somebody else. This ends their sessions too: a
        # session holds a hash of the password.
        known.set_unusable_password()
        known.save()
    return _first_link(statement, settings, known)


def _first_link(statement: Statement, settings: CognitoSettings, owner: Any) -> CognitoUser:
    """A first link row to `owner`, who is brought up to date; to a new user where that is None."""
    link = CognitoUser(
        user_pool_id=statement.user_pool_id, sub=statement.sub, username=statement.username, as_of=_NEVER
    )
    told = news(statement, link, settings)
    assert told is not None  # noqa: S101 - an empty row knows nothing
    link.user = owner or create_account(statement, told.attributes)
    if owner:
        protect_local_values(link)
        send_on_commit(account_linked, link, router.db_for_write(CognitoUser))
    else:
        record_verified(link, told.attributes, told.verified)
        told = told._replace(attributes={}, verified={})
    _write(link, told)
    return link


def _updated(link: Link, statement: Statement) -> CognitoUser:
    """The link row after `statement` was written, one writer at a time; another may have been first, or later."""
    # The user's row is locked too: another pool's link to the same person may be about to change it.
    locked = _written_links().select_for_update().select_related("user").get(pk=link.pk)
    told = _news(locked, statement)
    if told is not None:
        _write(locked, told)
    return locked


def _write(link: CognitoUser, told: News) -> None:
    """Write what was told to the user, grant what their groups give, and remember moment and digests."""
    user: Any = link.user
    for name, digest in told.digests.items():
        setattr(link, name, digest)
    link.groups, link.as_of = list(told.groups), told.moment
    changed = put_attributes(link, told.attributes, told.verified)
    link.save()
    if told.are_grants_due:
        changed += apply_groups(link, told.groups)
    if changed:
        user.save(update_fields=changed)
