"""End logins: on this site at once, in every process through the cache, and at Cognito. Must not depend on views.

A login that ends gets `ended_at`. Its row is deleted when Cognito has revoked the refresh token; until then it stays
sealed, and later sign-ins, later sign-outs and `manage.py cognito_clearsessions` send the request again.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.db import router
from django.db.models import F, Q
from django.dispatch import receiver
from django.http import HttpRequest

from ...conf.loading import get_settings
from ...conf.schema import CognitoSettings
from ...core.clock import utc_now
from ...core.errors import CognitoError, SignInError, TokenError
from ...core.tracebacks import clear_frame_locals
from ...db.transactions import retry_conflicts
from ...factories import get_token_endpoints
from ...models import CognitoLogin, CognitoUser
from ...signals import send_signed_out
from ...users.accounts.unlinking import logins_removed
from ...users.revocation import DISABLED_CODE, check_login, revoke_sign_ins, revoke_users
from ..store import SESSION_KEY, find_login, find_settings_for_login, get_refresh_token, get_settings_for_login
from ..stored_tokens import decrypt_tokens, get_access_token
from .ended_logins import (
    Revocation,
    end_rows,
    get_login_rows,
    get_next_attempt,
    get_unconfirmed_logins,
    run_step,
    store_results,
)
from .revocation import RevocableLogin, revoke_logins

logger = logging.getLogger(__name__)
# AWS API reference, RefreshTokenValidity: at most ten years. Then there is nothing left to revoke.
_MAX_REFRESH_TOKEN_AGE = timedelta(days=3_650)
_REQUEST_PAUSE_SECONDS = 60  # a process repeats at most one revocation in this time
_REQUEST_SECONDS = 1.0  # for that revocation, at the end of a request
_COMMAND_SECONDS = 60.0
# First those without an attempt, which PostgreSQL would sort behind all others.
_WAITED_LONGEST = F("retry_at").asc(nulls_first=True)
_next_retry_at = 0.0  # on the clock `time.monotonic`


@clear_frame_locals
def end_login(
    session: SessionBase, *, everywhere: bool = False, user: Any = None, request: HttpRequest | None = None
) -> CognitoSettings | None:
    """End the session's login, and return the settings of its app client.

    Reject its tokens in every process, send `signed_out`, and revoke the refresh token at Cognito. With `everywhere`,
    do so for every login of every account that is linked to the same Django user; `user` is the user of a session
    without a login. A step that fails is logged and does not prevent the others.

    Return None if there was no login, or if its settings cannot be determined.
    """
    login = run_step(partial(find_login, session))
    session.pop(SESSION_KEY, None)
    links = [login.cognito_user] if login is not None else []
    if login is not None and str(login.cognito_user.user_id) != session.get(auth.SESSION_KEY):
        everywhere = False  # the account was linked to another user meanwhile
    if everywhere:
        user_id: Any = login.cognito_user.user_id if login is not None else getattr(user, "pk", None)
        links = run_step(partial(_find_links, user_id)) or links
    if not links:
        return None
    logins = run_step(partial(retry_conflicts, partial(end_rows, links, None if everywhere else login)))
    if logins is None:
        logins = [login] if login is not None else []
    if everywhere:
        revoke_users(links)
    send_signed_out(links, request, everywhere=everywhere)
    logins.sort(key=lambda item: item != login)  # this session's login first: the deadline may not allow all requests
    revoke_refresh_tokens(*logins, everywhere=everywhere)
    return find_settings_for_login(login) if login is not None else None


def sign_out_everywhere(user: Any, request: HttpRequest | None = None) -> None:
    """End every login of every Cognito account of a Django user, on this site and at Cognito.

    Tokens of sign-ins up to now are rejected by every process within REVOCATION_SECONDS, bearer tokens too. What
    Cognito does not confirm now is repeated later. Raises DatabaseError if the database does not store the sign-out.
    """
    logins = _end_everywhere(user, request)
    store_results(logins, _revoke_at_cognito(logins, everywhere=True))


@clear_frame_locals
async def asign_out_everywhere(user: Any, request: HttpRequest | None = None) -> None:
    """Async version of `sign_out_everywhere`. The requests to Cognito run in another thread than the ORM."""
    logins = await sync_to_async(_end_everywhere)(user, request)
    result = await sync_to_async(_revoke_at_cognito, thread_sensitive=False)(logins, everywhere=True)
    await sync_to_async(store_results)(logins, result)


def revoke_login(login: CognitoLogin, request: HttpRequest | None = None, *, reason: str = "revoked") -> None:
    """End one login, on this site and at Cognito, as `sign_out_everywhere` ends all. Its session is then anonymous.

    Does nothing if the login has ended. `reason` is that of the signal `signed_out`.
    """
    logins = _end_one(login, request, reason)
    store_results(logins, _revoke_at_cognito(logins))


@clear_frame_locals
async def arevoke_login(login: CognitoLogin, request: HttpRequest | None = None, *, reason: str = "revoked") -> None:
    """Async version of `revoke_login`."""
    logins = await sync_to_async(_end_one)(login, request, reason)
    result = await sync_to_async(_revoke_at_cognito, thread_sensitive=False)(logins)
    await sync_to_async(store_results)(logins, result)


def require_accepted(login: CognitoLogin) -> None:
    """Raise SignInError (code "login_ended") if the sign-in or the user of an active login was revoked, and end it.

    At most one `get_many` at the cache; no request to Cognito: the refresh token is revoked by a later request.

    Raises CognitoUnavailableError (code "revocation_unavailable") if the cache is down and WITHOUT_CACHE is "reject".
    """
    try:
        check_login(login, partial(get_access_token, login))
    except TokenError as error:
        reason = error.code if error.code == DISABLED_CODE else "revoked"
        logger.info("a login ends: %s", error.code)
        if run_step(partial(retry_conflicts, partial(end_rows, [login.cognito_user], login, pause=timedelta(0)))):
            send_signed_out([login.cognito_user], reason=reason)
        raise SignInError(f"the login has ended: {error.code}", code="login_ended") from error


@clear_frame_locals
def revoke_refresh_tokens(*logins: CognitoLogin, everywhere: bool = False) -> None:
    """Reject the tokens of `logins`, which have ended, and revoke their refresh tokens at Cognito.

    With `everywhere`, revoke all refresh tokens of their accounts. All requests together take at most twice
    `HTTP_TIMEOUT_SECONDS`. The rows are deleted; those of failed revocations are kept, also if they were deleted.
    """
    revoke_sign_ins(logins, utc_now())
    result = _revoke_at_cognito(logins, everywhere=everywhere)
    store_results(logins, result)
    if logins and not result.unconfirmed:  # Cognito responds
        retry_due_revocation()


@clear_frame_locals
async def arevoke_refresh_tokens(*logins: CognitoLogin) -> None:
    """Async version of `revoke_refresh_tokens`. The requests to Cognito run in another thread than the ORM."""
    await sync_to_async(revoke_sign_ins)(logins, utc_now())
    result = await sync_to_async(_revoke_at_cognito, thread_sensitive=False)(logins)
    await sync_to_async(store_results)(logins, result)


class Revocations(NamedTuple):
    """How many refresh tokens were revoked, how many are left for a later attempt, and how many are irrevocable."""

    revoked: int
    left: int
    irrevocable: int


def retry_revocations(limit: int = 100) -> Revocations:
    """Revoke refresh tokens at Cognito that earlier attempts could not revoke.

    At most `limit` logins, those that have waited longest first, and no attempt begins after 60 s. Only the sign-in of
    each login ends at Cognito, never a later one of the user: GlobalSignOut is not repeated.
    """
    now, ends_at = utc_now(), time.monotonic() + _COMMAND_SECONDS
    get_unconfirmed_logins().filter(created_at__lte=now - _MAX_REFRESH_TOKEN_AGE).delete()
    revoked = irrevocable = 0
    for login in list(get_unconfirmed_logins().order_by(_WAITED_LONGEST, "pk")[:limit]):
        if time.monotonic() >= ends_at:
            break
        if (result := _retry(login)) is not None:
            revoked += not result.irrevocable
            irrevocable += len(result.irrevocable)
    return Revocations(revoked, get_unconfirmed_logins().count(), irrevocable)


def retry_due_revocation() -> None:
    """Revoke one refresh token that an earlier request could not revoke, at most once a minute in each process.

    One query if none is due, and at most 1 s for Cognito. Call it after a request to Cognito that succeeded.
    """
    global _next_retry_at
    now = time.monotonic()
    if now < _next_retry_at:
        return
    _next_retry_at = now + _REQUEST_PAUSE_SECONDS
    is_due = Q(retry_at=None) | Q(retry_at__lte=utc_now())
    login = run_step(get_unconfirmed_logins().filter(is_due).order_by(_WAITED_LONGEST, "pk").first)
    if login is not None:
        _retry(login, seconds=_REQUEST_SECONDS)


def _retry(login: CognitoLogin, seconds: float | None = None) -> Revocation | None:
    """Revoke the refresh token of a login that has ended; return Cognito's final answer, or None if the row is kept.

    One conditional UPDATE excludes that two processes do so at once.
    """
    rows = get_login_rows().filter(pk=login.pk, retry_at=login.retry_at)
    if not run_step(partial(rows.update, retry_at=get_next_attempt(login))):
        return None
    result = _revoke_at_cognito([login], seconds=seconds)
    return result if store_results([login], result) else None


def _end_everywhere(user: Any, request: HttpRequest | None) -> list[CognitoLogin]:
    links = _find_links(user.pk)
    if not links:
        return []
    logins = retry_conflicts(partial(end_rows, links, None))
    revoke_users(links)
    revoke_sign_ins(logins, utc_now())
    send_signed_out(links, request, everywhere=True)
    return logins


def _end_one(login: CognitoLogin, request: HttpRequest | None, reason: str) -> list[CognitoLogin]:
    logins = retry_conflicts(partial(end_rows, [login.cognito_user], login))
    revoke_sign_ins(logins, utc_now())
    if logins:
        send_signed_out([login.cognito_user], request, reason=reason)
    return logins


def _find_links(user_id: Any) -> list[CognitoUser]:
    rows = CognitoUser.objects.using(router.db_for_write(CognitoLogin)).select_related("user")
    return list(rows.filter(user_id=user_id))


@clear_frame_locals
def _revoke_at_cognito(
    logins: Sequence[CognitoLogin], *, everywhere: bool = False, seconds: float | None = None
) -> Revocation:
    """Send the requests to Cognito; no database. Return what it has answered."""
    deadline = time.monotonic() + (2 * get_settings().http_timeout_seconds if seconds is None else seconds)
    unconfirmed: dict[UUID, str | None] = {}
    revocable = []
    for login in logins:
        try:
            revocable.append(_get_revocable(login, deadline))
        except CognitoError as error:
            logger.warning("Signed out of this site, but the refresh token was not revoked: %s", error.code)
            unconfirmed[login.pk] = None
    stored = {item.login_id: item.refresh_token for item in revocable}
    failed = revoke_logins(revocable, everywhere=everywhere)
    for item in failed:
        is_replaced = item.refresh_token != stored[item.login_id]
        unconfirmed[item.login_id] = item.refresh_token if is_replaced else None
    irrevocable = [item.login_id for item in failed if item.is_irrevocable]
    return Revocation({pk: raw for pk, raw in unconfirmed.items() if pk not in irrevocable}, irrevocable)


def _get_revocable(login: CognitoLogin, deadline: float) -> RevocableLogin:
    """Return what Cognito needs to revoke the login. Raises SignInError."""
    settings, refresh_token, tokens = get_settings_for_login(login), get_refresh_token(login), decrypt_tokens(login)
    return RevocableLogin(
        login_id=login.pk,
        endpoints=get_token_endpoints(settings, login.issued_by).until(deadline),
        token=get_access_token(login),
        access_token=tokens.access_token,
        refresh_token=refresh_token,
        device_key=tokens.device_key,
        is_of_other_client=refresh_token is None and tokens.refresh_token is not None,
    )


@receiver(user_logged_out, dispatch_uid="django_cognito.sessions.sign_out")
def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """End the Cognito login on any Django sign-out, including the admin's."""
    if request is not None and hasattr(request, "session"):
        end_login(request.session, request=request)


@receiver(logins_removed, dispatch_uid="django_cognito.sessions.sign_out")
def _on_logins_removed(*, logins: Sequence[CognitoLogin], **_: Any) -> None:
    """Revoke the logins of a removed link. Without the link, no row can be kept: there is one attempt."""
    revoke_refresh_tokens(*logins)
