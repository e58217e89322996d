"""Decide by the age of a login whether it has expired, and record its use. Must not depend on tokens or requests.

SESSION_MAX_SECONDS counts from the sign-in, SESSION_IDLE_SECONDS from the last request.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self

from django.db import DatabaseError, router, transaction
from django.db.models import Q

from ...conf.loading import get_settings
from ...models import CognitoLogin

EXPIRED = "session_expired"  # the `reason` of `signed_out`
_log = logging.getLogger(__name__)
# The user reads the time of the last use to the minute or so; a write for each request would cost more than the page.
USE_RECORD_SECONDS = 300
# With SESSION_IDLE_SECONDS: a login may end early by the time since its use was recorded, at most this part of it.
_IDLE_PART = 10


class Aged(Protocol):
    """The columns that decide about the age of a login."""

    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The ages at which a login expires; None for no limit."""

    idle: timedelta | None = None
    total: timedelta | None = None

    @classmethod
    def from_settings(cls) -> Self:
        """Return the limits of SESSION_IDLE_SECONDS and SESSION_MAX_SECONDS."""
        settings = get_settings()
        idle, total = settings.session_idle_seconds, settings.session_max_seconds
        return cls(
            None if idle is None else timedelta(seconds=idle), None if total is None else timedelta(seconds=total)
        )

    @property
    def use_record_interval(self) -> timedelta:
        """How old the recorded time of the last use may be before a request records its own."""
        interval = timedelta(seconds=USE_RECORD_SECONDS)
        return interval if self.idle is None else min(interval, self.idle / _IDLE_PART)


def get_last_use(login: Aged) -> datetime:
    """Return when the login was last used, as far as it is recorded.

    A row of a former release has no time until its first request. Its tokens were refreshed by a request, so it was
    used until then; they expire at most a day later (the maximum lifetime of Cognito's tokens).
    """
    return login.last_used_at or login.expires_at


def is_too_old(login: Aged, limits: AgeLimits, now: datetime) -> bool:
    """Return whether the login has reached one of the limits. No I/O."""
    is_idle = limits.idle is not None and now >= get_last_use(login) + limits.idle
    return is_idle or (limits.total is not None and now >= login.created_at + limits.total)


def filter_too_old(limits: AgeLimits, now: datetime) -> Q:
    """Return the condition of `is_too_old` for a query; it matches nothing without a limit."""
    condition = Q(pk__in=())
    if limits.idle is not None:
        condition |= Q(last_used_at__lte=now - limits.idle)
        condition |= Q(last_used_at=None, expires_at__lte=now - limits.idle)
    if limits.total is not None:
        condition |= Q(created_at__lte=now - limits.total)
    return condition


def is_use_record_due(login: Aged, limits: AgeLimits, now: datetime) -> bool:
    """Return whether the recorded time of the last use is too old, or missing. No I/O."""
    return login.last_used_at is None or now >= login.last_used_at + limits.use_record_interval


def record_use(login: CognitoLogin, now: datetime) -> None:
    """Store `now` as the time of the login's last use. One conditional UPDATE.

    Of several requests at once, the first one writes; a row that has ended is not changed. A database error is logged:
    a page that can be read does not fail for it.
    """
    using = router.db_for_write(CognitoLogin)
    rows = CognitoLogin.objects.using(using).active().filter(pk=login.pk, last_used_at=login.last_used_at)
    try:
        with transaction.atomic(using=using):
            is_changed = rows.update(last_used_at=now)
    except DatabaseError as error:
        _log.warning("The time of a login's last use was not stored: %s", type(error).__name__)
        return
    if is_changed:
        login.last_used_at = now
