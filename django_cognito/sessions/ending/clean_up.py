"""Clean up stored logins: end those that have expired, re-encrypt tokens. Must not depend on requests or commands.

Rows are read in pages, and each change is one conditional UPDATE: two runs at once do each step once.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings as django_settings
from django.db import router
from django.db.models import Q, QuerySet

from ...core.clock import utc_now
from ...core.tracebacks import clear_frame_locals
from ...models import CognitoLogin, LoginQuerySet
from ..stored_tokens import reencrypt_tokens
from .conditions import mark_ended
from .login_age import EXPIRED, AgeLimits, filter_too_old
from .sign_out import Revocations, retry_revocations

_PAGE_SIZE = 500
_REVOCATIONS_PER_CALL = 100
# Cognito's access and ID tokens live at most a day, and a request refreshes them; its time is recorded with delay.
_MAX_EXPIRY_AFTER_USE = timedelta(hours=25)
# The default lifetime of Cognito's refresh tokens.
_UNUSED_DAYS = 30


def get_default_unused_days() -> float:
    """Return after how many days without a request a login is deleted: 30, or SESSION_COOKIE_AGE if that is longer.

    The Django session that refers to the login has expired by then, unless the site sets a longer expiry of its own.
    """
    return max(_UNUSED_DAYS, django_settings.SESSION_COOKIE_AGE / 86_400)


def end_expired_logins(unused_days: float, *, is_dry_run: bool = False) -> int:
    """End the logins that are too old, and those that no request has used for `unused_days`; return their number.

    The limits of SESSION_IDLE_SECONDS and SESSION_MAX_SECONDS count too. `signed_out` is sent for each. A login whose
    tokens have not expired was used within a day: its age is checked by its next request, or by the next run.
    """
    now, limits, unused = utc_now(), AgeLimits.from_settings(), timedelta(days=unused_days)
    condition = filter_too_old(limits, now) | filter_too_old(AgeLimits(idle=unused), now)
    idle = unused if limits.idle is None else min(unused, limits.idle)
    # For the index on `expires_at`: only an absolute age can end a login that was used a moment ago.
    latest = now if limits.total is not None else min(now, now - idle + _MAX_EXPIRY_AFTER_USE)
    rows = _rows().active().filter(expires_at__lte=latest)
    if is_dry_run:
        return rows.filter(condition).count()
    logins = _read_by_expiry(rows.filter(condition).select_related("cognito_user__user").defer("tokens"))
    return sum(mark_ended(login, condition, reason=EXPIRED) for login in logins)


def revoke_ended_logins() -> Revocations:
    """Revoke the refresh tokens of ended logins until none is left, or Cognito cannot be reached."""
    revoked = irrevocable = 0
    while True:
        result = retry_revocations(_REVOCATIONS_PER_CALL)
        revoked, irrevocable = revoked + result.revoked, irrevocable + result.irrevocable
        if not result.left or not (result.revoked or result.irrevocable):
            return Revocations(revoked, result.left, irrevocable)


def count_ended_logins() -> int:
    """Return the number of ended logins whose refresh token is not revoked yet."""
    return _rows().exclude(ended_at=None).count()


@clear_frame_locals
def reencrypt_logins(*, is_dry_run: bool = False) -> int:
    """Encrypt the tokens of all logins under SECRET_KEY that are under a key of SECRET_KEY_FALLBACKS.

    Return their number. No query without SECRET_KEY_FALLBACKS. A row that gets other tokens meanwhile, by a refresh or
    a sign-out, is not changed: they are under SECRET_KEY.
    """
    count = 0
    for login in _read_by_key() if django_settings.SECRET_KEY_FALLBACKS else ():
        if (tokens := reencrypt_tokens(login)) is not None:
            rows = _rows().filter(pk=login.pk, tokens=bytes(login.tokens))
            count += 1 if is_dry_run else rows.update(tokens=tokens)
    return count


def _read_by_expiry(rows: QuerySet[CognitoLogin]) -> Iterator[CognitoLogin]:
    """Yield the rows page by page, in the order of the index on `expires_at`."""
    left = rows
    while True:
        page = list(left.order_by("expires_at", "pk")[:_PAGE_SIZE])
        yield from page
        if len(page) < _PAGE_SIZE:
            return
        is_after = Q(expires_at__gt=page[-1].expires_at) | Q(pk__gt=page[-1].pk)
        left = rows.filter(expires_at__gte=page[-1].expires_at).filter(is_after)


def _read_by_key() -> Iterator[CognitoLogin]:
    """Yield all rows page by page, in the order of the primary key, with the columns of `reencrypt_logins`."""
    rows = _rows().only("id", "tokens").order_by("pk")
    page = list(rows[:_PAGE_SIZE])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1].pk)[:_PAGE_SIZE])


def _rows() -> LoginQuerySet:
    return CognitoLogin.objects.using(router.db_for_write(CognitoLogin))
