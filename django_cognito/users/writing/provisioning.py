"""Create and update Django users from verified claims. The only writer of users, memberships and link rows.

A token without changes needs one query and no write. One that is only more recent needs one conditional UPDATE.
Other changes are written in one transaction, with a lock, and never replace more recent ones.
Must not depend on requests or sessions.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, router, transaction

from ...authorization import group_mapping as cognito_groups
from ...authorization.group_expiry import expire_remembered_groups, is_expired, remembered_groups
from ...authorization.rights import Rights, set_rights
from ...authorization.tenants import list_counting_groups
from ...conf.loading import get_pool_registry
from ...conf.schema import CognitoSettings
from ...core import AccessToken, ClientToken, IdToken
from ...core.errors import SignInError, TokenError
from ...db.transactions import retry_conflicts, write_transaction
from ...models import DIGEST_FIELDS, CognitoUser
from ..account_status import record_enabled
from ..accounts.adapter import find_account
from ..api_profile import check_profile
from ..attributes.claim_sources import ApiProfile, IdentityClaims, claims_from_tokens
from ..lookup import LinkSnapshot, fetch_link, get_read_alias
from ..revocation import check_link, is_disabled
from ..save_protection import protect_unread_changes
from .link_writes import Link, get_changes, insert_link, update_link
from .request_writes import note_write

Token = AccessToken | IdToken | ClientToken
_MAX_ATTEMPTS = 3  # parallel first requests: the second attempt reads the row that the other request inserted


def read_user(
    token: AccessToken | IdToken,
    profile: IdToken | None,
    settings: CognitoSettings,
    user_info: Mapping[str, Any] | None = None,
    api_profile: ApiProfile | None = None,
) -> tuple[Link, Rights]:
    """Return the link of a verified token and the rights of its user, which are also set on the user.

    The user is created or updated. One query if the token contains no changes.
    Raises ProfileRequiredError for the `api_profile` NOT_REQUESTED, if it is due, and CognitoUnavailableError for a new
    user without an answer who may have an account on this site. Nothing is written then.
    Raises TokenError: code "user_unknown" if CREATE_USERS is off, "user_inactive" for a disabled account,
    "user_disabled_in_cognito" or "token_revoked" if the link row rejects the token. Nothing is written then.
    """
    identity = claims_from_tokens(token, profile, settings, user_info, api_profile)
    link: Link | None = _fetch_link(identity)
    if link is not None:
        check_link(link, token)
        if is_disabled(link):  # the user has signed in at Cognito since
            record_enabled(identity.user_pool_id, identity.sub)
            link = _fetch_link_for_write(identity)
    check_profile(token, identity, link, settings, api_profile)
    link = _apply_with_retry(link, identity, settings)
    check_link(link, token)  # the row may have changed
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
    counting = list_counting_groups(groups, settings)
    pool = token.user_pool_id
    return Rights(counting, token.scopes, ((pool, counting),), ((pool, groups),))


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
            update_link(link, identity, settings)


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
    model = get_user_model()
    users = model._base_manager.using(router.db_for_write(model))
    try:
        with write_transaction():
            user = users.select_for_update().filter(pk=user_pk).first()
            if user is None:
                raise SignInError("the user who links an account was deleted", code="link_interrupted")
            return insert_link(identity, user, settings)
    except IntegrityError:  # another request was faster
        return _fetch_link_after_conflict(identity)


def _fetch_link(identity: IdentityClaims) -> LinkSnapshot | None:
    link = fetch_link(identity.user_pool_id, identity.sub)
    if link is None and get_read_alias() != router.db_for_write(CognitoUser):
        return _fetch_link_for_write(identity)  # a replica may lag
    return link


def _fetch_link_for_write(identity: IdentityClaims) -> LinkSnapshot | None:
    """Return the link from the database for writes."""
    return fetch_link(identity.user_pool_id, identity.sub, router.db_for_write(CognitoUser))


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
            written = update_link(link, identity, settings)
        else:
            written = insert_link(identity, find_account(identity, settings), settings)
    note_write(identity)
    return written


def _write_without_lock(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> bool:
    """Write the changes that need no lock: the moments, if the row is still as read. Return whether none are left."""
    changes = get_changes(link, identity, settings)
    if changes is None:
        return True
    if not changes.is_moments_only:
        return False
    as_read = {name: getattr(link, name) for name in ("as_of", "groups", *DIGEST_FIELDS)}
    changed = {"as_of": changes.moment, **changes.digests}
    # With the username: `link_users` may have stored the `sub`.
    if not CognitoUser.objects.filter(pk=link.pk, **as_read).update(**changed, username=identity.username):
        return False
    for name, value in changed.items():
        setattr(link, name, value)
    note_write(identity)
    return True
