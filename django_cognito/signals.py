"""The signals that a site can receive. An exception of a receiver is logged and has no other effect.

Receivers run synchronously, in the thread that did the work: a slow one delays a request, or the next keys.
"""

import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from .core.errors import TokenError
from .core.tokens.key_events import KeyEvent, KeySkipped, KeysRefreshed, KeysUnavailable

_log = logging.getLogger(__name__)

# The sender is the class of the event (core.tokens.key_events) or of the error.
keys_refreshed = Signal()  # url, kids
keys_unavailable = Signal()  # url, reason, retry_after (seconds)
key_skipped = Signal()  # url, kid, reason
token_rejected = Signal()  # code, user_pool_id, client_id (empty if not configured)

# The sender is None, and they are sent on commit. All have user, user_pool_id and sub. A user who is created or deleted
# is neither linked nor unlinked.
user_created = Signal()  # claims (a dict)
user_synced = Signal()  # claims, changes (field -> (old, new)), created; sent if a field changed or the user is new
groups_changed = Signal()  # added, removed, groups (tuples of Cognito groups of the user pool)
account_linked = Signal()  # at the user's request, by verified email, by USER_ADAPTER, or by a site's admin
account_unlinked = Signal()  # by the user, in a site's admin, or by a site's own code
user_gone = Signal()  # the user was found to be deleted in Cognito

# The sender is None.
sign_in_failed = Signal()  # code, alias (of POOLS; empty if the sign-in did not start in this browser)
signed_in = Signal()  # user, cognito_user (link row), request; sent on commit
# Sent at once: what the user's logins gave access to must not outlive them, even if the transaction is rolled back.
signed_out = Signal()  # user, cognito_users (link rows), request or None, everywhere, reason (see the reference)

# Sent at once, after `signed_out`: another party has used the refresh token of a login.
refresh_token_reused = (
    Signal()
)  # user, cognito_user (link row), logins (a tuple of CognitoLogin rows, which have ended)


def send_key_event(event: KeyEvent) -> None:
    """Send the signal of `event`; core has logged it already."""
    match event:
        case KeysRefreshed(url, kids):
            keys_refreshed.send_robust(KeysRefreshed, url=url, kids=kids)
        case KeysUnavailable(url, reason, retry_after):
            keys_unavailable.send_robust(KeysUnavailable, url=url, reason=reason, retry_after=retry_after)
        case KeySkipped(url, kid, reason):
            key_skipped.send_robust(KeySkipped, url=url, kid=kid, reason=reason)


def report_rejected_token(error: TokenError) -> None:
    """Log a rejected token and send the signal, with its pool and client only, if these are configured.

    The level is INFO: every client can send any number of bad tokens.
    """
    arguments = {"code": error.code, "user_pool_id": error.user_pool_id, "client_id": error.client_id}
    _log.info("token refused: %(code)s (pool %(user_pool_id)s, client %(client_id)s)", arguments, extra=arguments)
    token_rejected.send_robust(type(error), **arguments)


def send_on_commit(signal: Signal, link: Any, using: str, **own_arguments: Any) -> None:
    """Send a signal about the user of a link row, once the transaction on `using` has committed."""
    if not signal.has_listeners(None):
        return
    arguments = {"user": link.load_user(using), "user_pool_id": link.user_pool_id, "sub": link.sub, **own_arguments}
    transaction.on_commit(partial(signal.send_robust, None, **arguments), using=using)


def send_groups_changed(link: Any, before: Collection[str], using: str) -> None:
    """Send `groups_changed` on commit, if the groups of a link row differ from those `before`."""
    if link.groups == before:
        return
    groups = tuple(link.groups)
    added, removed = (tuple(name for name in a if name not in b) for a, b in ((groups, before), (before, groups)))
    if added or removed:
        send_on_commit(groups_changed, link, using, added=added, removed=removed, groups=groups)


def send_signed_in(user: Any, cognito_user: Any, request: Any, using: str) -> None:
    """Send `signed_in`, once the transaction on `using` has committed."""
    arguments = {"user": user, "cognito_user": cognito_user, "request": request}
    transaction.on_commit(partial(signed_in.send_robust, None, **arguments), using=using)


def send_sign_in_failed(code: str, alias: str) -> None:
    """Send the signal of a sign-in that ended on an error page instead of in a session."""
    sign_in_failed.send_robust(None, code=code, alias=alias)


def send_signed_out(
    cognito_users: Sequence[Any], request: Any = None, *, everywhere: bool = False, reason: str = "sign_out"
) -> None:
    """Send the signal that logins of `cognito_users`, link rows of one Django user, have ended."""
    arguments = {
        "cognito_users": tuple(cognito_users),
        "request": request,
        "everywhere": everywhere,
        "reason": reason,
    }
    signed_out.send_robust(None, user=cognito_users[0].load_user(), **arguments)


def send_refresh_token_reused(cognito_user: Any, logins: Sequence[Any]) -> None:
    """Send the signal that another party used a refresh token, and that `logins` have ended for that reason."""
    arguments = {"user": cognito_user.load_user(), "cognito_user": cognito_user, "logins": tuple(logins)}
    refresh_token_reused.send_robust(None, **arguments)
