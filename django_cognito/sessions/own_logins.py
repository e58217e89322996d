"""List and end the logins of a user, on all browsers and devices. Must not depend on tokens, requests or views."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import router
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from ..core.clock import utc_now
from ..models import CognitoLogin, LoginQuerySet
from .browsers.user_agents import find_browser, find_device
from .ending.conditions import end_logins
from .ending.login_age import AgeLimits, get_last_use, is_too_old

# A page with more rows helps no user. `end_other_logins` ends all of them.
MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """A login as its user sees it. `browser` and `device` are empty, and `ip_address` is None, if not determined."""

    id: UUID
    browser: str
    device: str
    ip_address: str | None
    signed_in_at: datetime
    last_used_at: datetime
    is_current: bool


def list_logins(user: Any, current_id: str = "") -> list[OwnLogin]:
    """Return the user's logins that have not ended, at most 100: the current one, then the most recently used.

    `current_id` is the id in the session. Logins of all accounts that are linked to the user are included. One query.
    """
    limits, now = AgeLimits.from_settings(), utc_now()
    rows = _logins_of(user).defer("tokens").alias(used_at=Coalesce("last_used_at", "expires_at"))
    page = rows.order_by("-used_at", "-created_at")[:MAX_LISTED]
    logins = [
        OwnLogin(
            id=row.pk,
            browser=find_browser(row.user_agent),
            device=find_device(row.user_agent),
            ip_address=row.ip_address,
            signed_in_at=row.created_at,
            last_used_at=min(get_last_use(row), utc_now()),
            is_current=str(row.pk) == current_id,
        )
        for row in page
        if not is_too_old(row, limits, now)
    ]
    return sorted(logins, key=lambda login: not login.is_current)


def end_login_of(user: Any, login_id: UUID, request: HttpRequest | None = None) -> bool:
    """End one login of `user`; return whether there was one. A login of another user is not changed."""
    return _end(_logins_of(user).filter(pk=login_id), request) == 1


def end_other_logins(user: Any, current_id: str, request: HttpRequest | None = None) -> int:
    """End all logins of `user` but the current one, and return their number."""
    rows = _logins_of(user)
    return _end(rows.exclude(pk=current_id) if current_id else rows, request)


def _end(rows: LoginQuerySet, request: HttpRequest | None) -> int:
    logins = rows.select_related("cognito_user__user").order_by("pk")
    return end_logins(logins, Q(), reason="sign_out", request=request)


def _logins_of(user: Any) -> LoginQuerySet:
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).active()
    return rows.filter(cognito_user__user_id=user.pk)
