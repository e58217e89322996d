"""Refreshes a login's tokens, before they expire or after it.

A conditional UPDATE gives one request of one worker a lease to refresh; the others use what it stores. If the worker
dies or the answer comes too late, the next one sends the same refresh token once more, which Cognito accepts for the
app client's grace period (AWS developer guide, "Refresh token rotation").
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
from ..core.hosted_ui import HostedUi, TokenSet
from ..core.tracebacks import clear_frame_locals
from ..factories import get_hosted_ui
from ..models import CognitoLogin
from ..signals import tell_of_sign_out
from ..users.authentication import person, verify
from .refresh_lease import claim, has_taken, is_answer_lost, leased, seconds_left, unchanged
from .store import access_token_of, end_of, is_over, refresh_token_of, revoke, row_of, sealed, settings_for, tokens_of

logger = logging.getLogger(__name__)
_WAIT_SECONDS = 3.0  # past expiry the others wait for the one that refreshes, until it has taken this long
_POLL_SECONDS = 0.05
# Cognito did not look at the refresh token: RFC 6749 6, the client is authenticated first.
_NOT_USED = ("client_refused", "client_secret_unavailable")


@clear_frame_locals
def current(login: CognitoLogin) -> CognitoLogin:
    """Return the login with valid tokens: as it is, or refreshed.

    Before the tokens expire, a request that finds another one refreshing goes on with the present tokens; past expiry
    it waits for the other one, until that one has taken 3 s. After a failed attempt, one request per back-off period
    contacts Cognito and no other one waits.
    Raises SignInError if Cognito rejected the refresh (the login is deleted then), CognitoUnavailableError if the
    tokens have expired and cannot be refreshed now.
    """
    steps = _renewal(login)
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
async def acurrent(login: CognitoLogin) -> CognitoLogin:
    """Async version of `current`: requests to Cognito run in a thread of their own, the database in the ORM's.

    If the caller is cancelled, the refresh is finished first, because only its answer has the new refresh token.
    """
    steps = _renewal(login)
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


def _renewal(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """The steps of `current` and `acurrent`: one logic, two drivers."""
    try:
        if not _is_due(login):
            return login
    except SignInError as error:
        login = yield _Step(partial(_end, login, error))
        return login
    wait_until = time.monotonic() + _WAIT_SECONDS
    while _is_backing_off(login) or (claimed := (yield _Step(partial(claim, login)))) is None:
        if not is_over(login):
            # Another request refreshes, or has done so since `login` was read.
            return login if _is_backing_off(login) else (yield _Step(partial(row_of, login.pk)))
        if login.retry_at is not None:
            if not _is_backing_off(login):  # the attempt that was due may have succeeded since `login` was read
                login = yield _Step(partial(row_of, login.pk))
            if not is_over(login):
                return login
            raise CognitoUnavailableError("the last refresh failed", retry_after=_retry_after(login))
        login = yield _Step(partial(row_of, login.pk))
        if not is_over(login):
            return login
        if time.monotonic() >= wait_until or has_taken(login, _WAIT_SECONDS):
            raise CognitoUnavailableError("another request is still refreshing this login", code="refresh_in_progress")
        yield _Step(partial(time.sleep, _POLL_SECONDS), is_orm=False)
    return (yield from _refresh(claimed))


def _refresh(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """The steps of the request that has the lease."""
    tokens: TokenSet | None = None
    try:
        tokens = yield _Step(partial(_request_tokens, login), is_orm=False)
        verified = yield _Step(partial(_verify, login, tokens), is_orm=False)
        login = yield _Step(partial(_store, login, tokens, *verified))
    except CognitoUnavailableError as error:
        login = yield _Step(partial(_postpone, login, error, tokens))
        if is_over(login):
            raise
    except (SignInError, TokenError) as error:
        login = yield _Step(partial(_end, login, error, tokens))
    return login


def _is_due(login: CognitoLogin) -> bool:
    """Whether the login's tokens have ended, or are about to and can be renewed.

    Raises SignInError for a login that is worth nothing: its pool or its client is not configured any more.
    """
    settings_for(login)
    if is_over(login):
        return True
    margin = timedelta(seconds=get_settings().refresh_margin_seconds)
    return login.expires_at - margin <= utc_now() and refresh_token_of(login) is not None


def _is_backing_off(login: CognitoLogin) -> bool:
    return login.retry_at is not None and utc_now() < login.retry_at


def _retry_after(login: CognitoLogin) -> int:
    """Return the seconds until the next attempt; at least 1 if another request makes it now."""
    left = (login.retry_at - utc_now()).total_seconds() if login.retry_at else 0
    return max(math.ceil(left), 1)


def _request_tokens(login: CognitoLogin) -> TokenSet:
    """Return new tokens from Cognito, with the refresh token to use next. No database."""
    refresh_token, settings = refresh_token_of(login), settings_for(login)
    if refresh_token is None:
        raise SignInError("there is no refresh token, or no hosted UI to take it to", code="login_ended")
    # The repetition with another client secret shares the deadline. The lease outlasts both requests, also if this one
    # has waited for a thread: after the lease another request sends the same refresh token.
    ends_at = time.monotonic() + min(settings.token_timeout_seconds, seconds_left(login))
    new = _refreshed(get_hosted_ui(settings).until(ends_at), refresh_token)
    return replace(new, refresh_token=new.refresh_token or refresh_token)


def _verify(login: CognitoLogin, tokens: TokenSet) -> tuple[AccessToken, IdToken | None]:
    """Return the new tokens, verified, and of the very same user and client. May fetch keys; no database."""
    before = access_token_of(login)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, client_ids=(before.client_id,)
    )
    if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
        raise SignInError("the refresh gave another user's tokens", code="token_mismatch")
    return token, profile


def _refreshed(hosted_ui: HostedUi, refresh_token: str) -> TokenSet:
    """The hosted UI's answer. Only `invalid_grant` speaks of the person; to refuse the app client signs nobody out."""
    try:
        return hosted_ui.refresh(refresh_token)
    except SignInError as error:
        if error.oauth_error in (None, "invalid_grant"):
            raise
        refused = error.oauth_error
    # Not in the frame of the error, which a log may keep with all that led to it.
    logger.error("no login can be renewed (%s): is the app client, with its secret, as the pool has it?", refused)
    raise CognitoUnavailableError(f"the app client was refused: {refused}", code="client_refused")


def _store(login: CognitoLogin, tokens: TokenSet, token: AccessToken, profile: IdToken | None) -> CognitoLogin:
    """Write what the new tokens say of the user, then store them. If the former fails, the refresh token is stored."""
    try:
        person(token, profile)
    except CognitoError:
        raise
    except Exception:  # of the database, or of a receiver of the site: no other answer has the new refresh token
        _postpone(login, CognitoUnavailableError("the user could not be written"), tokens)
        raise
    changes = {"expires_at": end_of(token, tokens), "retry_at": None}
    return _store_tokens(unchanged(login), login, tokens, **changes)


def _store_tokens(rows: QuerySet[CognitoLogin], login: CognitoLogin, tokens: TokenSet, **changes: Any) -> CognitoLogin:
    """Store `tokens` and `changes` in `rows`, and return the login. Without a row, revoke the new refresh token."""
    kept = sealed(login.pk, tokens)
    answered = {"refreshing_until": None, "refresh_sent_at": None, "version": F("version") + 1}
    rows.update(tokens=kept, **answered, **changes)
    try:
        return row_of(login.pk)
    except SignInError:
        # Signed out meanwhile. A rotated refresh token is known to nobody but us.
        login.tokens = kept
        revoke(login)
        raise


def _postpone(login: CognitoLogin, error: CognitoUnavailableError, tokens: TokenSet | None) -> CognitoLogin:
    """Store when the next attempt is due, so that an outage does not slow every page down.

    Of new `tokens`, the refresh token is stored: they are not verified, or what they say could not be written.
    """
    rows = leased(login)
    retry_at = utc_now() + timedelta(seconds=error.retry_after)
    if tokens is not None:
        tokens = replace(tokens_of(login), refresh_token=tokens.refresh_token)
        return _store_tokens(rows, login, tokens, retry_at=retry_at)
    is_answered = error.code in _NOT_USED and not is_answer_lost(login)
    sent_at = None if is_answered else F("refresh_sent_at")
    rows.update(refreshing_until=None, retry_at=retry_at, refresh_sent_at=sent_at)
    return row_of(login.pk)


def _end(login: CognitoLogin, error: CognitoError, tokens: TokenSet | None = None) -> CognitoLogin:
    """Delete a login that was refused, and revoke its refresh token if it was not the one that Cognito refused.

    Return the login if another request, after this one's lease, was faster and got tokens; also if Cognito refused the
    refresh token before the tokens expire, and the answer to an earlier attempt was lost: that answer had the next one.
    """
    is_refused = isinstance(error, SignInError) and error.oauth_error == "invalid_grant"
    if is_refused and login.refresh_sent_at is not None and is_answer_lost(login):
        logger.warning(
            "Cognito refused a refresh token after the answer to a refresh, sent %d s ago, was lost: with rotation, it"
            " accepts the old refresh token for RetryGracePeriodSeconds of the app client only",
            (utc_now() - login.refresh_sent_at).total_seconds(),
        )
        if not is_over(login):
            # The next attempt is the last one.
            leased(login).update(refreshing_until=None, retry_at=login.expires_at)
            return row_of(login.pk)
    if unchanged(login).delete()[0]:
        tell_of_sign_out([login.cognito_user], reason="login_ended")
        if tokens is not None:
            login.tokens = sealed(login.pk, replace(tokens_of(login), refresh_token=tokens.refresh_token))
        if not is_refused:
            revoke(login)
        raise SignInError(f"the login was not refreshed: {error.code}", code="login_ended") from error
    return row_of(login.pk)
