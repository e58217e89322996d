"""Record what Cognito reports of a user: disabled, deleted, or enabled again. Must not depend on sessions or requests.

The link row and the cache of `users.revocation` reject the user's tokens then. `is_active` stays the site's, unless
MIRROR_ENABLED is on.
"""

from functools import partial
from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.db import router

from ..conf.loading import get_pool_registry
from ..core.clock import utc_now
from ..core.directory import DirectoryUser
from ..db.transactions import retry_conflicts, write_transaction
from ..factories import get_directory
from ..models import CognitoUser
from ..signals import send_on_commit, user_gone
from .accounts.unlinking import lock_links
from .revocation import accept_enabled_user, is_disabled, revoke_users


def record_disabled(link: CognitoUser) -> None:
    """Record that the user is disabled in Cognito. Tokens of sign-ins up to now are rejected, by every process.

    Cognito has revoked the user's refresh tokens; they stay revoked after the user is enabled again. A user without a
    link row is recorded in the cache alone.
    """
    retry_conflicts(partial(_write_status, link.user_pool_id, link.sub, is_enabled=False))


def record_gone(link: CognitoUser) -> None:
    """Record that the user was deleted in Cognito, with the same effect as `record_disabled`."""
    retry_conflicts(partial(_write_status, link.user_pool_id, link.sub, is_enabled=False, is_gone=True))


def record_enabled(user_pool_id: str, sub: str) -> None:
    """Record that the user is enabled in Cognito, by a later sign-in or by the directory."""
    retry_conflicts(partial(_write_status, user_pool_id, sub, is_enabled=True))


def check_at_cognito(link: CognitoUser) -> bool:
    """Ask the user pool for the user, record the answer, and return whether the user is enabled. Needs extra `aws`.

    One AdminGetUser request. Raises CognitoError (code "directory_refused") or CognitoUnavailableError.
    """
    directory = get_directory(get_pool_registry().for_token(link.user_pool_id))
    return record_account(link, directory.user(link.username)) == "enabled"


def record_account(link: CognitoUser, account: DirectoryUser | None) -> Literal["enabled", "disabled", "gone"]:
    """Record the answer to an AdminGetUser request for the username of `link`, and return the status of the user."""
    if account is None or account.sub != link.sub:  # another user may have the username now
        record_gone(link)
        return "gone"
    if not account.enabled:
        record_disabled(link)
        return "disabled"
    if is_disabled(link):
        record_enabled(link.user_pool_id, link.sub)
    return "enabled"


def _write_status(user_pool_id: str, sub: str, *, is_enabled: bool, is_gone: bool = False) -> None:
    """Write the status to the link row, if there is one, and to the cache, and mirror it to the user."""
    link = _write_link(user_pool_id, sub, is_enabled=is_enabled, is_gone=is_gone)
    if is_enabled:
        accept_enabled_user(user_pool_id, sub)
    else:
        revoked = link or CognitoUser(user_pool_id=user_pool_id, sub=sub, not_before=utc_now())
        revoke_users([revoked], are_disabled=True)


def _write_link(user_pool_id: str, sub: str, *, is_enabled: bool, is_gone: bool) -> CognitoUser | None:
    """Write the status to the link row, and return the row; None if the user has none, or was unlinked meanwhile."""
    using = router.db_for_write(CognitoUser)
    rows = CognitoUser.objects.using(using).filter(user_pool_id=user_pool_id, sub=sub)
    with write_transaction():
        user_id = rows.values_list("user_id", flat=True).first()
        links, user = lock_links(user_id, using)
        link = next((item for item in links if (item.user_pool_id, item.sub) == (user_pool_id, sub)), None)
        if link is None:
            return None
        if is_enabled:
            link.enabled, link.gone_at = True, None
        else:
            now = utc_now()
            if is_gone and link.gone_at is None:
                send_on_commit(user_gone, link, using)
            # Of the most recent report: the user may have been enabled in between.
            link.not_before = max(link.not_before or now, now)
            if is_gone:
                link.gone_at = now
            else:
                link.enabled = False
        link.save(using=using, update_fields=["enabled", "gone_at", "not_before"])
        if get_pool_registry().for_token(user_pool_id).mirror_enabled and user is not None:
            _mirror(link, links, user, using)
    return link


def _mirror(link: CognitoUser, links: list[CognitoUser], user: Any, using: str) -> None:
    """Deactivate the user whose last enabled link is `link`; activate a user whom this function deactivated."""
    if "is_active" not in {field.name for field in get_user_model()._meta.concrete_fields}:
        return
    deactivating = [item for item in links if item.deactivated_user]
    has_enabled_link = any(not is_disabled(item) for item in links)
    if has_enabled_link and deactivating:
        user.is_active, link.deactivated_user = True, False
        CognitoUser.objects.using(using).filter(pk__in=[item.pk for item in deactivating]).update(
            deactivated_user=False
        )
    elif not has_enabled_link and user.is_active:
        user.is_active, link.deactivated_user = False, True
        link.save(using=using, update_fields=["deactivated_user"])
    else:
        return
    user.save(using=using, update_fields=["is_active"])
