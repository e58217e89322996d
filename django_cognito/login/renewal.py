"""A login's tokens renewed, before they end or once they have.

A renewal is one conditional UPDATE, so that of many workers one asks Cognito and the others see what it got.
"""

import logging
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import F, Q, QuerySet

from ..conf import get_settings
from ..core import AccessToken, IdToken
from ..core.clock import utc_now
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from ..core.hosted_ui import HostedUi, TokenSet
from ..models import CognitoLogin
from ..people.authenticate import person, verify
from ..runtime import get_hosted_ui
from ..signals import tell_of_sign_out
from ..tracebacks import without_locals
from .session import (
    access_token_of,
    end_of,
    is_over,
    refresh_token_of,
    revoke,
    row_of,
    sealed,
    settings_for,
)

logger = logging.getLogger(__name__)
_WAIT_SECONDS = 3.0  # past the tokens' end the others wait this long for the one that refreshes
_POLL_SECONDS = 0.05


@without_locals
def current(login: CognitoLogin) -> CognitoLogin:
    """Return the login with valid tokens: as it is, or refreshed.

    Before the tokens expire, a request that finds another one refreshing goes on with the present tokens; past expiry
    it waits for the other one. After a failed attempt, one request per back-off period contacts Cognito and no other
    one waits.
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


@without_locals
async def acurrent(login: CognitoLogin) -> CognitoLogin:
    """As `current`; Cognito is asked in a thread of its own, the database in the one that the ORM lives in."""
    steps = _renewal(login)
    try:
        step = next(steps)
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
    deadline = time.monotonic() + _WAIT_SECONDS
    while _is_backing_off(login) or not (yield _Step(partial(_claim, login))):
        if not is_over(login):
            # Another request refreshes, or has done so since `login` was read.
            return login if _is_backing_off(login) else (yield _Step(partial(row_of, login.pk)))
        if login.retry_at is not None:
            if not _is_backing_off(login):  # the attempt that was due may have succeeded since `login` was read
                login = yield _Step(partial(row_of, login.pk))
            if not is_over(login):
                return login
            raise CognitoUnavailableError("the last refresh failed", retry_after=_retry_after(login))
        if time.monotonic() >= deadline:
            raise CognitoUnavailableError("another request is still renewing this login", code="refresh_in_progress")
        yield _Step(partial(time.sleep, _POLL_SECONDS), is_orm=False)
        login = yield _Step(partial(row_of, login.pk))
        if not is_over(login):
            return login
    try:
        renewed = yield _Step(partial(_ask, login), is_orm=False)
        login = yield _Step(partial(_store, login, *renewed))
    except CognitoUnavailableError as error:
        login = yield _Step(partial(_postpone, login, error.retry_after))
        if is_over(login):
            raise
    except (SignInError, TokenError) as error:
        login = yield _Step(partial(_end, login, error))
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


def _claim(login: CognitoLogin) -> bool:
    """Return whether this request is the one that refreshes: one conditional UPDATE, so that there is only one."""
    now = utc_now()
    # Longer than the calls may take: the refresh, again with another client secret, and the JWKS. If this process
    # dies meanwhile, the login can be refreshed after that time.
    until = now + timedelta(seconds=3 * get_settings().http_timeout_seconds + 5)
    is_free = Q(refreshing_until=None) | Q(refreshing_until__lt=now)
    is_due = Q(retry_at=None) | Q(retry_at__lte=now)
    return _unchanged(login).filter(is_free, is_due).update(refreshing_until=until) == 1


def _ask(login: CognitoLogin) -> tuple[TokenSet, AccessToken, IdToken | None]:
    """New tokens from Cognito, verified, and of the very same person and client. No database."""
    before, refresh_token = access_token_of(login), refresh_token_of(login)
    if refresh_token is None:
        raise SignInError("there is no refresh token, or no hosted UI to take it to", code="login_ended")
    new = _refreshed(get_hosted_ui(settings_for(login)), refresh_token)
    tokens = TokenSet(new.access_token, new.id_token, new.refresh_token or refresh_token, new.expires_in)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, client_ids=(before.client_id,)
    )
    if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
        raise SignInError("the refresh gave another person's tokens", code="token_mismatch")
    return tokens, token, profile


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
    person(token, profile)
    kept = sealed(login.pk, tokens)
    _unchanged(login).update(
        tokens=kept, expires_at=end_of(token, tokens), version=F("version") + 1, refreshing_until=None, retry_at=None
    )
    try:
        return row_of(login.pk)
    except SignInError:
        # Signed out meanwhile. A rotated refresh token is known to nobody but us.
        login.tokens = kept
        revoke(login)
        raise


def _postpone(login: CognitoLogin, seconds: float) -> CognitoLogin:
    """Store that the next attempt is due after `seconds`, so that an outage does not slow every page down."""
    _unchanged(login).update(refreshing_until=None, retry_at=utc_now() + timedelta(seconds=seconds))
    return row_of(login.pk)


def _end(login: CognitoLogin, error: CognitoError) -> CognitoLogin:
    """Forget a login that was refused; unless somebody else, after this worker's lease, was faster and got tokens."""
    if _unchanged(login).delete()[0]:
        tell_of_sign_out([login.cognito_user], reason="login_ended")
        raise SignInError(f"the login was not renewed: {error.code}", code="login_ended") from error
    return row_of(login.pk)


def _unchanged(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """The login's row, unless somebody has refreshed it since `login` was read."""
    return CognitoLogin.objects.filter(pk=login.pk, version=login.version)
