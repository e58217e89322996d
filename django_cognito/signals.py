"""What a site may listen to, as Django signals. Only tells; what a receiver raises is logged and goes no further.

Receivers run at once, in the thread that did the work: a slow one holds up a request, or the next keys.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from .core.errors import TokenError
from .core.tokens.key_events import KeyEvent, KeySkipped, KeysRefreshed, KeysUnavailable

_log = logging.getLogger(__name__)

# All of them: `signal`. The sender is the event's class of core.events, or the error's class.
keys_refreshed = Signal()  # url, kids
keys_unavailable = Signal()  # url, reason, retry_after (seconds)
key_skipped = Signal()  # url, kid, reason
token_rejected = Signal()  # code, user_pool_id, client_id (empty where not one of ours)

# The sender is None, and they are sent once the database has committed. A user who is created or deleted is neither
# linked nor unlinked.
account_linked = Signal()  # user, user_pool_id, sub: by the user's own wish, by verified email, or by a site's admin
account_unlinked = Signal()  # user, user_pool_id, sub: by the user, in a site's admin, or by a site's own code

# The sender is None: `signal.connect(receiver)` hears all.
sign_in_failed = Signal()  # code, alias (of POOLS; empty where the sign-in was not begun in this browser)

signed_out = Signal()  # user, cognito_users (link rows), everywhere, reason ("sign_out" or "login_ended")


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
    """Log a rejected token and send the signal, with nothing but its pool and client if these are configured.

    The level is INFO: every client can send any number of bad tokens.
    """
    arguments = {"code": error.code, "user_pool_id": error.user_pool_id, "client_id": error.client_id}
    _log.info("token refused: %(code)s (pool %(user_pool_id)s, client %(client_id)s)", arguments, extra=arguments)
    token_rejected.send_robust(type(error), **arguments)


def send_on_commit(signal: Signal, link: Any, using: str) -> None:
    """Send `account_linked` or `account_unlinked` of a link row, once the transaction on `using` has committed."""
    arguments = {"user": link.load_user(using), "user_pool_id": link.user_pool_id, "sub": link.sub}
    transaction.on_commit(partial(signal.send_robust, None, **arguments), using=using)


def send_sign_in_failed(code: str, alias: str) -> None:
    """Send the signal of a sign-in that ended on an error page instead of in a session."""
    sign_in_failed.send_robust(None, code=code, alias=alias)


def send_signed_out(cognito_users: Sequence[Any], *, everywhere: bool = False, reason: str = "sign_out") -> None:
    """Send the signal that logins of `cognito_users`, link rows of one Django user, have ended."""
    arguments = {"cognito_users": tuple(cognito_users), "everywhere": everywhere, "reason": reason}
    signed_out.send_robust(None, user=cognito_users[0].load_user(), **arguments)
