"""Acquire and check the lease of the one request that refreshes a login's tokens. Must not depend on tokens."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..models import CognitoLogin
from .store import get_login


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
    return get_login(login.pk) if rows.update(refreshing_until=now + _get_duration(), refresh_sent_at=sent_at) else None


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
