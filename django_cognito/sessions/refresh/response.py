"""Request new tokens for a login, and store what Cognito responded. Must not depend on leases being waited for.

`request_tokens` has no database access, so that it can run in another thread; `store_response` makes no request.
"""

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import router
from django.db.models import F, QuerySet

from ...core import AccessToken, IdToken
from ...core.clock import utc_now
from ...core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from ...core.hosted_ui import TokenSet
from ...core.tracebacks import clear_frame_locals
from ...db.transactions import retry_conflicts, write_transaction
from ...factories import get_token_endpoints
from ...models import CognitoLogin
from ...signals import send_refresh_token_reused, send_signed_out
from ...users.account_status import record_disabled, record_gone
from ...users.authentication import get_or_create_user, verify
from ..store import (
    find_settings_for_login,
    get_expiry,
    get_refresh_token,
    get_settings_for_login,
    get_sign_in_id,
    is_expired,
    reload_login,
)
from ..stored_tokens import decrypt_tokens, get_access_token, set_tokens
from .lease import Attempt, filter_leased, filter_unchanged, get_lease_seconds_left, is_response_lost
from .limit import get_refresh_limit

logger = logging.getLogger(__name__)
# Cognito did not use the refresh token: it authenticates the client first (RFC 6749 6).
_NOT_USED = ("client_refused", "client_secret_unavailable")
# What a refused refresh reports of the user, by its error code.
_ACCOUNT_STATUS = {"user_disabled_in_cognito": record_disabled, "user_not_found_in_cognito": record_gone}


@dataclass(frozen=True, slots=True)
class NewTokens:
    """Cognito's response to a refresh, and its verified access token and ID token."""

    tokens: TokenSet = field(repr=False)
    token: AccessToken
    profile: IdToken | None


@dataclass(frozen=True, slots=True)
class FailedRefresh:
    """A refresh without a response, or whose response was not accepted."""

    error: Exception
    tokens: TokenSet | None = field(default=None, repr=False)  # those that were not accepted


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What a refresh has changed: the login as stored, and logins that have ended, whose tokens are to be revoked."""

    login: CognitoLogin
    error: Exception | None = None
    ended_logins: tuple[CognitoLogin, ...] = ()

    def get_login(self, attempt: Attempt) -> CognitoLogin:
        """Return the login. Raise the error, unless Cognito was unavailable and the present tokens are sufficient."""
        if isinstance(self.error, CognitoUnavailableError) and attempt.accepts(self.login):
            return self.login
        if self.error is not None:
            raise self.error
        return self.login


def request_tokens(login: CognitoLogin) -> NewTokens | FailedRefresh:
    """Request new tokens and verify them. May fetch the JWKS; no database access."""
    settings = find_settings_for_login(login)
    tokens = failure = None
    try:
        tokens = _request_tokens(login)
        return NewTokens(tokens, *_verify(login, tokens))
    except CognitoError as error:
        failure = error
        return FailedRefresh(error, tokens)
    finally:
        if settings is not None:
            get_refresh_limit(settings).end(login.pk, failure)


@clear_frame_locals
def _request_tokens(login: CognitoLogin) -> TokenSet:
    """Return new tokens from Cognito, with the refresh token for the next refresh.

    Raises CognitoUnavailableError (code "client_refused") if Cognito rejected the app client, not the refresh token.
    """
    refresh_token, settings = get_refresh_token(login), get_settings_for_login(login)
    if refresh_token is None:
        raise SignInError("there is no refresh token of this app client", code="login_ended")
    device_key = decrypt_tokens(login).device_key
    # A retry with another client secret shares the deadline. The lease must not expire before both requests end, also
    # if this one has waited for a thread: after the lease, another request sends the same refresh token.
    deadline = time.monotonic() + min(settings.token_timeout_seconds, get_lease_seconds_left(login))
    try:
        endpoints = get_token_endpoints(settings, login.issued_by).until(deadline)
        new = endpoints.refresh(refresh_token, device_key=device_key)
    except SignInError as error:
        if error.oauth_error in (None, "invalid_grant"):
            raise
        oauth_error, is_refused = error.oauth_error, error.code == "refused_by_provider"
    else:
        return replace(new, refresh_token=new.refresh_token or refresh_token, device_key=device_key)
    if is_refused:  # the trigger had the refresh token: it may have been used
        logger.error("A Lambda trigger of the user pool refuses to refresh a login (%s).", oauth_error)
        raise CognitoUnavailableError("a Lambda trigger refused the refresh", code="provider_trouble")
    # RFC 6749 5.2: the other errors concern the app client, so that no login ends. Raised outside `except`, because an
    # error report could include the frames of the caught error.
    logger.error("No login can be refreshed (%s). Check the app client's id and secret.", oauth_error)
    raise CognitoUnavailableError(f"Cognito rejected the app client: {oauth_error}", code="client_refused")


@clear_frame_locals
def _verify(login: CognitoLogin, tokens: TokenSet) -> tuple[AccessToken, IdToken | None]:
    """Return the new access token and ID token. Raises SignInError (code "token_mismatch") for another user's."""
    before = get_access_token(login)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, client_ids=(before.client_id,)
    )
    if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
        raise SignInError("the refresh returned another user's tokens", code="token_mismatch")
    return token, profile


@clear_frame_locals
def store_response(login: CognitoLogin, response: NewTokens | FailedRefresh) -> RefreshResult:
    """Store the new tokens, the time of the next attempt, or the end of the login; return what has changed."""
    if isinstance(response, NewTokens):
        error = _update_user(response)
        if error is None:
            changes: dict[str, Any] = {"expires_at": get_expiry(response.token, response.tokens), "retry_at": None}
            if not login.origin_jti:  # the row is of a former release
                changes["origin_jti"] = get_sign_in_id(response.token)
            return _store_tokens(login, filter_unchanged(login), response.tokens, **changes)
        response = FailedRefresh(error, response.tokens)
    if isinstance(response.error, SignInError | TokenError):
        return _end_rejected_login(login, response.error, response.tokens)
    if isinstance(response.error, CognitoUnavailableError):
        return _back_off(login, response.error, response.tokens)
    result = _back_off(login, CognitoUnavailableError("the user could not be written"), response.tokens)
    return replace(result, error=response.error)


def _update_user(new: NewTokens) -> Exception | None:
    """Update the user from the new tokens; return the error if they are not accepted, or if that fails.

    The error is raised when the refresh token is stored, or revoked if the login has ended meanwhile: no other response
    contains it.
    """
    try:
        get_or_create_user(new.token, new.profile)
    except Exception as error:  # noqa: BLE001 - by the database or a receiver of the site
        return error
    return None


def _store_tokens(login: CognitoLogin, rows: QuerySet[CognitoLogin], tokens: TokenSet, **changes: Any) -> RefreshResult:
    """Store `tokens` and `changes` in `rows`. If the row was deleted (a sign-out), the new tokens are to be revoked.

    The sign-out could not revoke the refresh token that Cognito has just issued.
    """
    set_tokens(login, tokens)
    answered = {"refreshing_until": None, "refresh_sent_at": None, "version": F("version") + 1}
    rows.update(tokens=login.tokens, **answered, **changes)
    try:
        return RefreshResult(reload_login(login))
    except SignInError as error:
        return RefreshResult(login, error, (login,))


def _back_off(login: CognitoLogin, error: CognitoUnavailableError, tokens: TokenSet | None) -> RefreshResult:
    """Store when the next attempt is due. So an outage does not slow down every page.

    Of new `tokens`, only the refresh token is stored: they were not verified, or the user could not be updated.
    """
    rows = filter_leased(login)
    retry_at = utc_now() + timedelta(seconds=error.retry_after)
    if tokens is not None:
        tokens = replace(decrypt_tokens(login), refresh_token=tokens.refresh_token)
        result = _store_tokens(login, rows, tokens, retry_at=retry_at)
        return replace(result, error=result.error or error)
    is_unused = error.code in _NOT_USED or not error.was_sent
    sent_at = None if is_unused and not is_response_lost(login) else F("refresh_sent_at")
    rows.update(refreshing_until=None, retry_at=retry_at, refresh_sent_at=sent_at)
    return RefreshResult(reload_login(login), error)


def _end_rejected_login(login: CognitoLogin, cause: SignInError | TokenError, tokens: TokenSet | None) -> RefreshResult:
    """End the login after a rejected refresh. Its refresh token is revoked, unless Cognito rejected that token.

    With `tokens`, which were not accepted, their refresh token is revoked: it has replaced the one before. A sign-out
    that has ended the login meanwhile could not revoke it.
    """
    if cause.code == "refresh_token_reused" and not is_response_lost(login):
        return _end_reused_sign_in(login)
    # A TokenError is this site's own: by the link row, or by a cache that may be older than the user's next sign-in.
    record = _ACCOUNT_STATUS.get(cause.code) if isinstance(cause, SignInError) else None
    if record is not None:
        record(login.cognito_user)
    error = SignInError(f"the login was not refreshed: {cause.code}", code="login_ended")
    error.__cause__ = cause
    if cause.code == "refresh_token_reused":
        logger.info("A login ended: the response to its last refresh was lost, and its refresh token was replaced.")
    elif isinstance(cause, SignInError) and cause.oauth_error == "invalid_grant":
        if record is None and _waits_for_expiry(login):
            failure = CognitoUnavailableError("Cognito rejected the refresh token after a lost response")
            return RefreshResult(reload_login(login), failure)
        return replace(_end_logins(login, filter_unchanged(login), error), ended_logins=())
    if tokens is not None:
        set_tokens(login, replace(decrypt_tokens(login), refresh_token=tokens.refresh_token))
    try:
        return _end_logins(login, filter_unchanged(login), error)
    except SignInError as ended:
        return RefreshResult(login, ended, () if tokens is None else (login,))


def _waits_for_expiry(login: CognitoLogin) -> bool:
    """Return whether the login stays until its tokens expire, and store when the next attempt, the last one, is due.

    The response to an earlier attempt was lost, and contained the next refresh token.
    """
    if login.refresh_sent_at is None or not is_response_lost(login):
        return False
    logger.warning(
        "Cognito rejected a refresh token after the response to a refresh, sent %d s ago, was lost. With rotation,"
        " it accepts the old refresh token only for the app client's RetryGracePeriodSeconds.",
        (utc_now() - login.refresh_sent_at).total_seconds(),
    )
    if is_expired(login):
        return False
    filter_leased(login).update(refreshing_until=None, retry_at=login.expires_at)
    return True


def _end_reused_sign_in(login: CognitoLogin) -> RefreshResult:
    """End all logins of the same sign-in: another party used the refresh token (RFC 9700 4.14.2).

    The site itself has not: the responses to all its refreshes were stored.
    """
    rows = CognitoLogin.objects.active().filter(cognito_user=login.cognito_user_id)
    rows = rows.filter(origin_jti=login.origin_jti) if login.origin_jti else rows.filter(pk=login.pk)
    error = SignInError("another party used the refresh token of this login", code="refresh_token_reused")
    result = _end_logins(login, rows, error)
    if result.ended_logins:
        logger.warning(
            "Another party used a refresh token; the logins of its sign-in have ended: %d (user pool %s, sub %s).",
            len(result.ended_logins),
            login.cognito_user.user_pool_id,
            login.cognito_user.sub,
        )
        send_refresh_token_reused(login.cognito_user, result.ended_logins)
    return result


def _end_logins(login: CognitoLogin, rows: QuerySet[CognitoLogin], error: SignInError) -> RefreshResult:
    """End the logins in `rows`, all of one link row. Without a row, return the login that another request has stored.

    Raises SignInError (code "login_ended") if there is no such login either.
    """
    logins = retry_conflicts(partial(_delete_logins, rows.using(router.db_for_write(CognitoLogin))))
    if not logins:
        return RefreshResult(reload_login(login))
    send_signed_out([login.cognito_user], reason=error.code)
    # `login` itself may have a new refresh token, which the row does not have.
    ended_logins = [login, *(ended for ended in logins if ended.pk != login.pk)]
    for ended in ended_logins:
        ended.cognito_user = login.cognito_user
    return RefreshResult(login, error, tuple(ended_logins))


def _delete_logins(rows: QuerySet[CognitoLogin]) -> list[CognitoLogin]:
    with write_transaction():
        logins = list(rows.select_for_update().order_by("pk"))
        rows.delete()
    return logins
