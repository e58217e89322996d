"""Create and update Django users from verified claims. The only writer of users, memberships and link rows.

A token without changes needs one query and no write. One that is only more recent needs one conditional UPDATE.
Other changes are written in one transaction, with a lock, and never replace more recent ones.
Must not depend on requests or sessions.
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
from ..authorization.memberships import apply_grants
from ..authorization.rights import Rights, set_rights
from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from ..core.errors import SignInError, TokenError
from ..db.transactions import retry_conflicts, write_transaction
from ..models import DIGEST_FIELDS, CognitoUser
from ..signals import account_linked, send_on_commit
from .accounts import create_account, find_account_by_email
from .claim_sources import IdentityClaims, UserChanges, changes_from, claims_from_tokens
from .contact_claims import protect_local_values, put_attributes, record_verified
from .lookup import LinkSnapshot, fetch_link, get_read_alias
from .request_writes import note_write
from .save_protection import protect_unread_changes

Token = AccessToken | IdToken | ClientToken
Link = CognitoUser | LinkSnapshot  # the second has only the fields that every request needs, and the user

_MAX_ATTEMPTS = 3  # parallel first requests: the second attempt reads the row that the other request inserted
_EPOCH = datetime.fromtimestamp(0, UTC)  # the moment of a new link row: every source is more recent


def read_user(
    token: AccessToken | IdToken,
    profile: IdToken | None,
    settings: CognitoSettings,
    user_info: Mapping[str, Any] | None = None,
) -> tuple[Link, Rights]:
    """Return the link of a verified token and the rights of its user, which are also set on the user.

    The user is created or updated. One query if the token contains no changes.
    Raises TokenError: code "user_unknown" if CREATE_USERS is off, "user_inactive" for a disabled account.
    """
    identity = claims_from_tokens(token, profile, settings, user_info)
    link = get_or_create_link(identity, settings)
    if link.groups and is_expired(link.as_of, settings):  # no token confirmed the groups for too long, this one neither
        expire_remembered_groups(link.user, settings)
        link = _apply_with_retry(_fetch_link_for_write(identity), identity, settings)
    if not link.user.is_active:
        raise TokenError("the account is disabled on this site", code="user_inactive")
    rights = get_token_rights(token, link, settings)
    set_rights(link.user, rights)
    if isinstance(link, LinkSnapshot) and link.using != router.db_for_write(CognitoUser):
        protect_unread_changes(link.user)  # a replica lags: `user.save()` must not write removed flags back
    return link, rights


def get_token_rights(token: AccessToken | IdToken, link: Link, settings: CognitoSettings | None = None) -> Rights:
    """Return the rights by the token or by the link row, whichever has the more recent groups.

    `settings` are by default the current ones of the token's pool.
    """
    settings = settings or get_pool_registry().for_token(token.user_pool_id)
    token_groups = cognito_groups.groups_from_token(token, settings)
    groups = remembered_groups(link, settings)
    if token_groups is not None:
        groups = cognito_groups.effective_groups(token_groups, token.issued_at, groups, link.as_of)
    return Rights(groups, token.scopes, ((token.user_pool_id, groups),))


def get_or_create_link(identity: IdentityClaims, settings: CognitoSettings) -> Link:
    """Return the link of a Cognito user. Its Django user is read, linked or created, and updated.

    Raises TokenError (code "user_unknown") if there is no user and CREATE_USERS is off.
    """
    return _apply_with_retry(_fetch_link(identity), identity, settings)


def reapply_claims(identities: Iterable[IdentityClaims]) -> None:
    """Apply claims again whose writes a view's transaction may have rolled back. One query each if none was lost.

    Only existing links are updated: a user that the view deleted or unlinked is not created again.
    """
    pools = get_pool_registry()
    for identity in identities:
        link = _fetch_link(identity)
        if link is not None:
            settings = pools.for_token(identity.user_pool_id)
            retry_conflicts(partial(_reapply_to_link, link, identity, settings))


def _reapply_to_link(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> None:
    """Apply the claims to an existing link, which another writer may delete meanwhile; never create one."""
    if not _write_without_lock(link, identity, settings):
        with suppress(CognitoUser.DoesNotExist), write_transaction():
            _update_link(link, identity, settings)


def link_to_user(identity: IdentityClaims, user: Any, settings: CognitoSettings) -> None:
    """Link the Cognito user of `identity` to `user`, unless it is linked to them already.

    Raises TokenError (code "linked_elsewhere") if it is linked to another user, SignInError (code "link_interrupted")
    if `user` was deleted meanwhile.
    """
    link = retry_conflicts(partial(_find_or_link, identity, user.pk, settings))
    if link is None or link.user.pk != user.pk:
        raise TokenError("this Cognito user is linked to another user of this site", code="linked_elsewhere")


def _find_or_link(identity: IdentityClaims, user_pk: Any, settings: CognitoSettings) -> Link | None:
    """Return the link of `identity`, which may be another user's; without one, insert a link to the locked user."""
    link = _fetch_link(identity)
    if link is not None:
        return link
    try:
        with write_transaction():
            user = _users_for_write().select_for_update().filter(pk=user_pk).first()
            if user is None:
                raise SignInError("the user who links an account was deleted", code="link_interrupted")
            return _insert_link(identity, user, settings)
    except IntegrityError:  # another request was faster
        return _fetch_link_after_conflict(identity)


def update_users(identities: Iterable[IdentityClaims], *, create: bool = False) -> int:
    """Bring a page of directory users up to date in one transaction; return how many users changed.

    One query if the page is not newer than what is stored. Otherwise two more, which lock the page, and one UPDATE for
    each user whose `as_of` alone moves. After a deadlock the whole page is written again.
    With `create`, users without a link are created, as by a first token.
    """
    page = {(identity.user_pool_id, identity.sub): identity for identity in identities}
    return retry_conflicts(partial(_update_page, page, create, get_pool_registry()))


def _update_page(page: Mapping[tuple[str, str], IdentityClaims], create: bool, pools: PoolRegistry) -> int:
    """Write a page in one transaction, after all its rows are locked; return how many users changed."""
    rows = _links_for_write().filter(user_pool_id__in={pool for pool, _ in page}, sub__in=[sub for _, sub in page])
    links = {(row.user_pool_id, row.sub): row for row in rows.select_related("user").order_by("pk")}
    by_pool = {pool: pools.for_token(pool) for pool, _ in page}
    changes = {key: _get_changes(row, page[key], by_pool[key[0]]) for key, row in links.items() if key in page}
    changed = [(links[key], page[key], change.is_moments_only) for key, change in changes.items() if change is not None]
    new = [(None, page[key], False) for key in sorted(page.keys() - links.keys()) if create]
    if not changed and not new:
        return 0
    count = 0
    with write_transaction():
        if changed:
            # All links first, then their users: the lock order of all writers, as a user may have several links.
            locked = _links_for_write().select_for_update().filter(pk__in=[link.pk for link, *_ in changed])
            list(locked.order_by("pk").values_list("pk"))
            owners = _users_for_write().select_for_update().filter(pk__in={link.user_id for link, *_ in changed})
            list(owners.order_by("pk").values_list("pk"))
        for link, identity, is_minor in [*changed, *new]:
            with suppress(TokenError):  # no user is linked, and CREATE_USERS is off
                _apply_with_retry(link, identity, by_pool[identity.user_pool_id])
                count += not is_minor
    return count


def _links_for_write() -> QuerySet[CognitoUser]:
    return CognitoUser.objects.using(router.db_for_write(CognitoUser))


def _users_for_write() -> QuerySet[Any]:
    model = get_user_model()
    return model._base_manager.using(router.db_for_write(model))


def _fetch_link(identity: IdentityClaims) -> LinkSnapshot | None:
    link = fetch_link(identity.user_pool_id, identity.sub)
    if link is None and get_read_alias() != router.db_for_write(CognitoUser):
        return _fetch_link_for_write(identity)  # a replica may lag
    return link


def _fetch_link_for_write(identity: IdentityClaims) -> LinkSnapshot | None:
    """Return the link from the database for writes."""
    return fetch_link(identity.user_pool_id, identity.sub, router.db_for_write(CognitoUser))


def _get_changes(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> UserChanges | None:
    """Return what `identity` changes; None if nothing, or if the user is disabled on this site."""
    return changes_from(identity, link, settings) if link.user.is_active else None


def _fetch_link_after_conflict(identity: IdentityClaims) -> Link | None:
    """Return the link after another writer inserted or changed it first.

    Inside a transaction the row is locked: without a lock REPEATABLE READ does not show the other writer's row.
    """
    if not transaction.get_connection(router.db_for_write(CognitoUser)).in_atomic_block:
        return _fetch_link_for_write(identity)
    rows = CognitoUser.objects.select_for_update().select_related("user")
    return rows.filter(user_pool_id=identity.user_pool_id, sub=identity.sub).first()


def _apply_with_retry(link: Link | None, identity: IdentityClaims, settings: CognitoSettings) -> Link:
    """Return the link after `identity` was written; retry after a conflict with another writer."""
    return retry_conflicts(partial(_apply_claims, link, identity, settings))


def _apply_claims(link: Link | None, identity: IdentityClaims, settings: CognitoSettings) -> Link:
    """Return the link after `identity` was written; read it again if another writer was faster."""
    for _ in range(_MAX_ATTEMPTS - 1):
        with suppress(IntegrityError, CognitoUser.DoesNotExist):
            return _write_claims(link, identity, settings)
        link = _fetch_link_after_conflict(identity)
    return _write_claims(link, identity, settings)


def _write_claims(link: Link | None, identity: IdentityClaims, settings: CognitoSettings) -> Link:
    if link is not None and _write_without_lock(link, identity, settings):
        return link
    with write_transaction():
        if link is not None:
            written = _update_link(link, identity, settings)
        else:
            account = find_account_by_email(identity, settings)
            if account is None and not settings.create_users:
                message = "no user of this site is linked to this token, and CREATE_USERS is off"
                raise TokenError(message, code="user_unknown")
            if account is not None and not settings.linking_keeps_password:
                # The account may have been created by another user, who has its password. This ends their sessions
                # too: a session contains a hash of the password.
                account.set_unusable_password()
                account.save()
            written = _insert_link(identity, account, settings)
    note_write(identity)
    return written


def _write_without_lock(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> bool:
    """Write the changes that need no lock: the moments, if the row is still as read. Return whether none are left."""
    changes = _get_changes(link, identity, settings)
    if changes is None:
        return True
    if not changes.is_moments_only:
        return False
    as_read = {name: getattr(link, name) for name in ("as_of", "groups", *DIGEST_FIELDS)}
    changed = {"as_of": changes.moment, **changes.digests}
    if not CognitoUser.objects.filter(pk=link.pk, **as_read).update(**changed):
        return False
    for name, value in changed.items():
        setattr(link, name, value)
    note_write(identity)
    return True


def _insert_link(identity: IdentityClaims, owner: Any, settings: CognitoSettings) -> CognitoUser:
    """Insert a link to `owner`, who is updated; to a new user if `owner` is None."""
    link = CognitoUser(user_pool_id=identity.user_pool_id, sub=identity.sub, username=identity.username, as_of=_EPOCH)
    changes = changes_from(identity, link, settings)
    assert changes is not None  # noqa: S101 - every source is more recent than an empty row
    link.user = owner or create_account(identity, changes.attributes)
    if owner:
        protect_local_values(link, settings)
        send_on_commit(account_linked, link, router.db_for_write(CognitoUser))
    else:
        record_verified(link, changes.attributes, changes.verified, settings)
        changes = changes._replace(attributes={}, verified={})
    _write_changes(link, changes, settings)
    return link


def _update_link(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> CognitoUser:
    """Write `identity` to the locked link row and return the row; another writer may have changed it first."""
    # The user's row is locked too: a writer of another link of the user may change it.
    locked = _links_for_write().select_for_update().select_related("user").get(pk=link.pk)
    changes = _get_changes(locked, identity, settings)
    if changes is not None:
        _write_changes(locked, changes, settings)
    return locked


def _write_changes(link: CognitoUser, changes: UserChanges, settings: CognitoSettings) -> None:
    """Write `changes` to the user and the link row, and apply the grants of the groups."""
    user: Any = link.user
    for name, digest in changes.digests.items():
        setattr(link, name, digest)
    link.groups, link.as_of = list(changes.groups), changes.moment
    changed = put_attributes(link, changes.attributes, changes.verified, settings)
    link.save()
    if changes.are_grants_due:
        changed += apply_grants(link, cognito_groups.get_grants(changes.groups, settings))
    if changed:
        user.save(update_fields=changed)
