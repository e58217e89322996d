"""Acquire and check the lease of the one request that refreshes a login's tokens. Must not depend on tokens."""

import math
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from ...conf.loading import get_settings
from ...core.clock import utc_now
from ...core.errors import CognitoUnavailableError
from ...models import CognitoLogin
from ..store import find_settings_for_login, is_expired, reload_login
from .limit import WAIT_SECONDS, RefreshLimit, get_refresh_limit


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that needs fresh tokens of `login`: it refreshes them, or waits for the request that has the lease."""

    login: CognitoLogin
    min_version: int = 0  # of the tokens; each refresh increments it
    has_lease: bool = False
    is_waiting: bool = False
    wait_until: float = field(default_factory=lambda: time.monotonic() + WAIT_SECONDS)  # time.monotonic()
    key: object = field(default_factory=object)  # in the `RefreshLimit`

    def accepts(self, login: CognitoLogin) -> bool:
        """Return whether the request can use the tokens of `login`, as it was read last."""
        return login.version >= self.min_version and not is_expired(login)


def join_refresh(attempt: Attempt) -> Attempt:
    """Acquire the lease, or read what the request that has it has stored. At most three queries.

    The result has the lease, is waiting, or has a login that the request can use. A login that cannot be refreshed
    needs no lease: the next step rejects it without a request to Cognito. The lease counts for `get_refresh_limit`.

    Raises CognitoUnavailableError if the last attempt failed (`retry_after` is the time until the next one), if the
    request has waited long enough, or if the limit does not let it wait; SignInError (code "login_ended") if the login
    was ended meanwhile.
    """
    login = attempt.login
    settings = find_settings_for_login(login)
    if settings is None:
        return replace(attempt, has_lease=True, is_waiting=False)
    limit = get_refresh_limit(settings)
    limit.end_wait(attempt.key)
    is_backing_off = login.retry_at is not None and utc_now() < login.retry_at
    if not is_backing_off:
        if (leased_login := _acquire_within(limit, login)) is not None:
            return replace(attempt, login=leased_login, has_lease=True, is_waiting=False)
        login = reload_login(login)  # another request is refreshing the tokens, or has refreshed them
    if attempt.accepts(login):
        return replace(attempt, login=login, is_waiting=False)
    if attempt.login.retry_at is not None:
        # At least 1, if another request makes the next attempt now.
        seconds_left = (login.retry_at - utc_now()).total_seconds() if login.retry_at else 0
        raise CognitoUnavailableError("the last refresh failed", retry_after=max(math.ceil(seconds_left), 1))
    if time.monotonic() >= attempt.wait_until or is_lease_older_than(login, WAIT_SECONDS):
        raise CognitoUnavailableError("another request is still refreshing this login", code="refresh_in_progress")
    if not limit.begin_wait(attempt.key):
        message = "other requests of this process are waiting for Cognito to refresh their logins"
        raise CognitoUnavailableError(message, retry_after=max(math.ceil(limit.pause_seconds), 1))
    return replace(attempt, login=login, is_waiting=True)


def _acquire_within(limit: RefreshLimit, login: CognitoLogin) -> CognitoLogin | None:
    """Return the login with a lease, which then counts for the limit; None if the limit or `acquire_lease` refuses."""
    if not limit.enter(login.pk, login.cognito_user_id):
        return None
    leased_login = None
    try:
        leased_login = acquire_lease(login)
    finally:
        if leased_login is None:
            limit.withdraw(login.pk)
    return leased_login


def acquire_lease(login: CognitoLogin) -> CognitoLogin | None:
    """Return the login with a lease for this request; None if another request has it or no attempt is due.

    One conditional UPDATE guarantees that there is only one lease. It also stores `refresh_sent_at`, before the request
    is sent; after a lost response, the time of that earlier attempt is not replaced. Two queries.

    Raises SignInError (code "login_ended") if the login was deleted meanwhile.
    """
    now = utc_now()
    is_free = Q(refreshing_until=None) | Q(refreshing_until__lt=now)
    is_due = Q(retry_at=None) | Q(retry_at__lte=now)
    sent_at = Coalesce("refresh_sent_at", Value(now, output_field=DateTimeField()))
    rows = filter_unchanged(login).filter(is_free, is_due)
    is_acquired = rows.update(refreshing_until=now + _get_duration(), refresh_sent_at=sent_at)
    return reload_login(login) if is_acquired else None


def filter_unchanged(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """Return a queryset of the login's row; empty if it has been refreshed or ended since `login` was read."""
    return CognitoLogin.objects.active().filter(pk=login.pk, version=login.version)


def filter_leased(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """Return a queryset of the login's row; empty if `login` no longer has the lease of `acquire_lease`."""
    return filter_unchanged(login).filter(refreshing_until=login.refreshing_until)


def is_lease_older_than(login: CognitoLogin, seconds: float) -> bool:
    """Return whether the current lease was acquired at least `seconds` ago; its worker may have died."""
    acquired_at = _get_acquired_at(login)
    return acquired_at is not None and utc_now() >= acquired_at + timedelta(seconds=seconds)


def get_lease_seconds_left(login: CognitoLogin) -> float:
    """Return the seconds until the lease expires; 0 or less if it has expired."""
    return 0 if login.refreshing_until is None else (login.refreshing_until - utc_now()).total_seconds()


def is_response_lost(login: CognitoLogin) -> bool:
    """Return whether the response to an attempt before the current lease was never stored.

    In that case Cognito may have replaced the refresh token.
    """
    return login.refresh_sent_at is not None and login.refresh_sent_at != _get_acquired_at(login)


def _get_acquired_at(login: CognitoLogin) -> datetime | None:
    return None if login.refreshing_until is None else login.refreshing_until - _get_duration()


def _get_duration() -> timedelta:
    return timedelta(seconds=get_settings().refresh_lease_seconds)
