"""The lease that one request has while it refreshes a login's tokens. It must not depend on tokens or on Cognito."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from ..conf.loading import get_settings
from ..core.clock import utc_now
from ..models import CognitoLogin
from .store import get_login


def acquire_lease(login: CognitoLogin) -> CognitoLogin | None:
    """Return the login with a lease for this request, or None if it is another one's or no attempt is due.

    One conditional UPDATE, so that there is only one lease. `refresh_sent_at` is stored with it, before anything is
    sent; if the answer to an earlier attempt was lost, its moment stays. Two queries.
    Raises SignInError (code "login_ended") if the login was deleted meanwhile.
    """
    now = utc_now()
    is_free = Q(refreshing_until=None) | Q(refreshing_until__lt=now)
    is_due = Q(retry_at=None) | Q(retry_at__lte=now)
    sent_at = Coalesce("refresh_sent_at", Value(now, output_field=DateTimeField()))
    rows = filter_unchanged(login).filter(is_free, is_due)
    return get_login(login.pk) if rows.update(refreshing_until=now + _duration(), refresh_sent_at=sent_at) else None


def filter_unchanged(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """Return the login's row, unless another request has refreshed it since `login` was read."""
    return CognitoLogin.objects.filter(pk=login.pk, version=login.version)


def filter_leased(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """Return the login's row, if `login` still has the lease that `acquire_lease` returned it with."""
    return filter_unchanged(login).filter(refreshing_until=login.refreshing_until)


def is_lease_older_than(login: CognitoLogin, seconds: float) -> bool:
    """Return whether the request that has the lease has had it for that long; its worker may be dead."""
    claimed_at = _claimed_at(login)
    return claimed_at is not None and utc_now() >= claimed_at + timedelta(seconds=seconds)


def get_lease_seconds_left(login: CognitoLogin) -> float:
    """Return for how many seconds the request that has the lease still has it; 0 or less if it has ended."""
    return 0 if login.refreshing_until is None else (login.refreshing_until - utc_now()).total_seconds()


def is_response_lost(login: CognitoLogin) -> bool:
    """Return whether an attempt before the one that has the lease was sent and its answer was never stored.

    Cognito may have replaced the refresh token then.
    """
    return login.refresh_sent_at is not None and login.refresh_sent_at != _claimed_at(login)


def _claimed_at(login: CognitoLogin) -> datetime | None:
    return None if login.refreshing_until is None else login.refreshing_until - _duration()


def _duration() -> timedelta:
    return timedelta(seconds=get_settings().refresh_lease_seconds)
