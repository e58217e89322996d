"""End logins by a condition, and several at once; `sign_out` revokes them at Cognito. Must not depend on sessions."""

from collections.abc import Iterable

from django.db import router
from django.db.models import Q
from django.http import HttpRequest

from ...core.clock import utc_now
from ...models import CognitoLogin, LoginQuerySet
from ...signals import send_signed_out
from .sign_out import revoke_refresh_tokens


def mark_ended(login: CognitoLogin, condition: Q, *, reason: str, request: HttpRequest | None = None) -> bool:
    """End `login` if it still meets `condition`, and send `signed_out`; return whether it was ended.

    One conditional UPDATE: of several callers, one ends it. The row stays with its sealed tokens until its refresh
    token is revoked, by `end_logins`, `sign_out.retry_revocations` or a later request.
    """
    rows = _rows().active().filter(condition, pk=login.pk)
    if not rows.update(ended_at=utc_now(), retry_at=None):
        return False
    send_signed_out([login.cognito_user], request, reason=reason)
    return True


def end_logins(logins: Iterable[CognitoLogin], condition: Q, *, reason: str, request: HttpRequest | None = None) -> int:
    """End those of `logins` that meet `condition`, revoke their refresh tokens, and return their number.

    All requests to Cognito together take at most twice HTTP_TIMEOUT_SECONDS; what is left is retried later.
    """
    ended_ids = [login.pk for login in logins if mark_ended(login, condition, reason=reason, request=request)]
    if ended_ids:
        # Read now: until it ended, a refresh may have stored a new refresh token.
        revoke_refresh_tokens(*_rows().filter(pk__in=ended_ids).select_related("cognito_user"))
    return len(ended_ids)


def _rows() -> LoginQuerySet:
    return CognitoLogin.objects.using(router.db_for_write(CognitoLogin))
