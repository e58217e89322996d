"""Refresh a login's tokens, shortly before they expire or afterwards. Must not depend on views or on the session.

One request acquires a lease with a conditional UPDATE; the others use the tokens that it stores. If its worker dies or
the response comes too late, the next request sends the same refresh token again, which Cognito accepts during the app
client's grace period (AWS developer guide, "Refresh token rotation").
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import F, QuerySet

from ..conf.loading import get_settings
from ..core import AccessToken, IdToken
from ..core.clock import utc_now
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from ..core.hosted_ui import TokenSet
from ..core.tracebacks import clear_frame_locals
from ..factories import get_hosted_ui
from ..models import CognitoLogin
from ..signals import send_signed_out
from ..users.authentication import get_or_create_user, verify
from .refresh_lease import (
    acquire_lease,
    filter_leased,
    filter_unchanged,
    get_lease_seconds_left,
    is_lease_older_than,
    is_response_lost,
)
from .sign_out import revoke_refresh_tokens
from .store import (
    decrypt_tokens,
    encrypt_tokens,
    get_access_token,
    get_expiry,
    get_login,
    get_refresh_token,
    get_settings_for_login,
    is_expired,
)

logger = logging.getLogger(__name__)
_WAIT_SECONDS = 3.0  # after expiry, other requests wait for the refresh until it has taken this long
_POLL_SECONDS = 0.05
# Cognito did not use the refresh token: it authenticates the client first (RFC 6749 6).
_NOT_USED = ("client_refused", "client_secret_unavailable")


@clear_frame_locals
def ensure_fresh(login: CognitoLogin) -> CognitoLogin:
    """Return the login with valid tokens, refreshed if necessary.

    While another request refreshes the tokens, this one uses the present tokens if they have not expired; otherwise it
    waits until the other request has taken 3 s. After a failed attempt, one request per back-off period contacts
    Cognito, and no other request waits.

    Raises SignInError if Cognito rejected the refresh (the login is deleted then), CognitoUnavailableError if the
    tokens have expired and cannot be refreshed now.
    """
    steps = _refresh_steps(login)
    try:
        step = next(steps)
        while True:
            try:
                done = step.call()
            except CognitoError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


@clear_frame_locals
async def aensure_fresh(login: CognitoLogin) -> CognitoLogin:
    """Async version of `ensure_fresh`. The requests to Cognito run in another thread than the ORM.

    If the caller is cancelled, the refresh is finished first: only its response contains the new refresh token.
    """
    steps = _refresh_steps(login)
    try:
        first = next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    refresh = asyncio.ensure_future(_drive(steps, first))
    refresh.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it as forgotten
    try:
        return await asyncio.shield(refresh)
    except asyncio.CancelledError:
        await asyncio.wait([refresh])
        raise


async def _drive(steps: Generator["_Step", Any, CognitoLogin], step: "_Step") -> CognitoLogin:
    try:
        while True:
            try:
                done = await sync_to_async(step.call, thread_sensitive=step.is_orm)()
            except CognitoError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Step:
    call: Callable[[], Any]
    is_orm: bool = True


def _refresh_steps(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """Yield the steps of `ensure_fresh` and `aensure_fresh`, and return the login: shared rules for both drivers."""
    try:
        get_settings_for_login(login)  # raises SignInError if its user pool or app client is no longer configured
        is_soon = login.expires_at - timedelta(seconds=get_settings().refresh_margin_seconds) <= utc_now()
        if not is_expired(login) and not (is_soon and get_refresh_token(login) is not None):
            return login
    except SignInError as error:
        login = yield _Step(partial(_end_rejected_login, login, error))
        return login
    wait_until = time.monotonic() + _WAIT_SECONDS
    while _is_backing_off(login) or (claimed := (yield _Step(partial(acquire_lease, login)))) is None:
        if not is_expired(login):
            # Another request is refreshing the tokens, or has refreshed them since `login` was read.
            return login if _is_backing_off(login) else (yield _Step(partial(get_login, login.pk)))
        if login.retry_at is not None:
            if not _is_backing_off(login):  # the attempt that was due may have succeeded since `login` was read
                login = yield _Step(partial(get_login, login.pk))
            if not is_expired(login):
                return login
            # At least 1, if another request makes the next attempt now.
            seconds_left = (login.retry_at - utc_now()).total_seconds() if login.retry_at else 0
            raise CognitoUnavailableError("the last refresh failed", retry_after=max(math.ceil(seconds_left), 1))
        login = yield _Step(partial(get_login, login.pk))
        if not is_expired(login):
            return login
        if time.monotonic() >= wait_until or is_lease_older_than(login, _WAIT_SECONDS):
            raise CognitoUnavailableError("another request is still refreshing this login", code="refresh_in_progress")
        yield _Step(partial(time.sleep, _POLL_SECONDS), is_orm=False)
    return (yield from _refresh_with_lease(claimed))


def _refresh_with_lease(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """Yield the steps of the request that has the lease, and return the login."""
    tokens: TokenSet | None = None
    try:
        tokens = yield _Step(partial(_request_tokens, login), is_orm=False)
        before = get_access_token(login)
        raw, id_token, client_ids = tokens.access_token, tokens.id_token, (before.client_id,)
        # May fetch the JWKS; no database.
        verification = partial(verify, raw, token_use="access", id_token=id_token, client_ids=client_ids)
        token, profile = yield _Step(verification, is_orm=False)
        if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
            raise SignInError("the refresh returned another user's tokens", code="token_mismatch")  # noqa: TRY301 ends the login
        login = yield _Step(partial(_store, login, tokens, token, profile))
    except CognitoUnavailableError as error:
        login = yield _Step(partial(_back_off, login, error, tokens))
        if is_expired(login):
            raise
    except (SignInError, TokenError) as error:
        login = yield _Step(partial(_end_rejected_login, login, error, tokens))
    return login


def _is_backing_off(login: CognitoLogin) -> bool:
    return login.retry_at is not None and utc_now() < login.retry_at


def _request_tokens(login: CognitoLogin) -> TokenSet:
    """Return new tokens from Cognito, with the refresh token for the next refresh. No database access.

    Raises CognitoUnavailableError (code "client_refused") if Cognito rejected the app client, not the refresh token.
    """
    refresh_token, settings = get_refresh_token(login), get_settings_for_login(login)
    if refresh_token is None:
        raise SignInError("there is no refresh token, or no hosted UI that accepts it", code="login_ended")
    # A retry with another client secret shares the deadline. The lease must not expire before both requests end, also
    # if this one has waited for a thread: after the lease, another request sends the same refresh token.
    deadline = time.monotonic() + min(settings.token_timeout_seconds, get_lease_seconds_left(login))
    try:
        new = get_hosted_ui(settings).until(deadline).refresh(refresh_token)
    except SignInError as error:
        if error.oauth_error in (None, "invalid_grant"):
            raise
        oauth_error, is_refused = error.oauth_error, error.code == "refused_by_provider"
    else:
        return replace(new, refresh_token=new.refresh_token or refresh_token)
    if is_refused:  # the trigger had the refresh token: it may have been used
        logger.error("A Lambda trigger of the user pool refuses to refresh a login (%s).", oauth_error)
        raise CognitoUnavailableError("a Lambda trigger refused the refresh", code="provider_trouble")
    # RFC 6749 5.2: the other errors concern the app client, so that no login ends. Raised outside `except`, because an
    # error report could include the frames of the caught error.
    logger.error("No login can be refreshed (%s). Check the app client's id and secret.", oauth_error)
    raise CognitoUnavailableError(f"Cognito rejected the app client: {oauth_error}", code="client_refused")


def _store(login: CognitoLogin, tokens: TokenSet, token: AccessToken, profile: IdToken | None) -> CognitoLogin:
    """Update the user from the new tokens, then store the tokens. If the update fails, store the refresh token."""
    try:
        get_or_create_user(token, profile)
    except CognitoError:
        raise
    except Exception:  # by the database or a receiver of the site: no other response contains the new refresh token
        _back_off(login, CognitoUnavailableError("the user could not be written"), tokens)
        raise
    changes = {"expires_at": get_expiry(token, tokens), "retry_at": None}
    return _store_tokens(filter_unchanged(login), login, tokens, **changes)


def _store_tokens(rows: QuerySet[CognitoLogin], login: CognitoLogin, tokens: TokenSet, **changes: Any) -> CognitoLogin:
    """Store `tokens` and `changes` in `rows`, and return the login.

    If the row was deleted (a sign-out), revoke the new refresh token and raise SignInError.
    """
    encrypted = encrypt_tokens(login.pk, tokens)
    answered = {"refreshing_until": None, "refresh_sent_at": None, "version": F("version") + 1}
    rows.update(tokens=encrypted, **answered, **changes)
    try:
        return get_login(login.pk)
    except SignInError:
        # Signed out meanwhile. The sign-out could not revoke the refresh token that Cognito has just issued.
        login.tokens = encrypted
        revoke_refresh_tokens(login)
        raise


def _back_off(login: CognitoLogin, error: CognitoUnavailableError, tokens: TokenSet | None) -> CognitoLogin:
    """Store when the next attempt is due, and return the login. So an outage does not slow down every page.

    Of new `tokens`, only the refresh token is stored: they were not verified, or the user could not be updated.
    """
    rows = filter_leased(login)
    retry_at = utc_now() + timedelta(seconds=error.retry_after)
    if tokens is not None:
        tokens = replace(decrypt_tokens(login), refresh_token=tokens.refresh_token)
        return _store_tokens(rows, login, tokens, retry_at=retry_at)
    is_answered = error.code in _NOT_USED and not is_response_lost(login)
    sent_at = None if is_answered else F("refresh_sent_at")
    rows.update(refreshing_until=None, retry_at=retry_at, refresh_sent_at=sent_at)
    return get_login(login.pk)


def _end_rejected_login(login: CognitoLogin, error: CognitoError, tokens: TokenSet | None = None) -> CognitoLogin:
    """Delete the login after a rejected refresh. Revoke its refresh token, unless Cognito rejected that token.

    Return the login instead if another request stored new tokens after this one's lease. Return it also if Cognito
    rejected the refresh token, the tokens have not expired and the response to an earlier attempt was lost: that
    response contained the next refresh token.

    Raises SignInError (code "login_ended") if the login was deleted.
    """
    is_refused = isinstance(error, SignInError) and error.oauth_error == "invalid_grant"
    if is_refused and login.refresh_sent_at is not None and is_response_lost(login):
        logger.warning(
            "Cognito rejected a refresh token after the response to a refresh, sent %d s ago, was lost. With rotation,"
            " it accepts the old refresh token only for the app client's RetryGracePeriodSeconds.",
            (utc_now() - login.refresh_sent_at).total_seconds(),
        )
        if not is_expired(login):
            # The next attempt is the last one.
            filter_leased(login).update(refreshing_until=None, retry_at=login.expires_at)
            return get_login(login.pk)
    if filter_unchanged(login).delete()[0]:
        send_signed_out([login.cognito_user], reason="login_ended")
        if tokens is not None:
            login.tokens = encrypt_tokens(login.pk, replace(decrypt_tokens(login), refresh_token=tokens.refresh_token))
        if not is_refused:
            revoke_refresh_tokens(login)
        raise SignInError(f"the login was not refreshed: {error.code}", code="login_ended") from error
    return get_login(login.pk)
