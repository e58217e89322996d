"""Refresh a login's tokens, shortly before they expire or afterwards: a synchronous and an async driver of the steps.

One request acquires a lease with a conditional UPDATE; the others use the tokens that it stores. If its worker dies or
the response comes too late, the next request sends the same refresh token again, which Cognito accepts during the app
client's grace period (AWS developer guide, "Refresh token rotation").

The rules are in the steps: `join_refresh` (ORM), `request_tokens` (network), `store_response` (ORM) and
`revoke_refresh_tokens` (network). The two drivers only call them.
"""

import asyncio
import time
from datetime import timedelta

from asgiref.sync import sync_to_async

from ...conf.loading import get_settings
from ...core.clock import utc_now
from ...core.tracebacks import clear_frame_locals
from ...models import CognitoLogin
from ..ending.sign_out import arevoke_refresh_tokens, revoke_refresh_tokens
from ..store import get_refresh_token, is_expired, is_readable
from .lease import Attempt, join_refresh
from .response import request_tokens, store_response

_POLL_SECONDS = 0.05


@clear_frame_locals
def ensure_fresh(login: CognitoLogin, *, min_version: int = 0) -> CognitoLogin:
    """Return the login with valid tokens, refreshed if necessary, and in any case if its version is too low.

    While another request refreshes the tokens, this one uses the present tokens if they have not expired; otherwise it
    waits until the other request has taken 3 s. After a failed attempt, one request per back-off period contacts
    Cognito, and no other request waits.

    Raises SignInError if Cognito rejected the refresh (the login is ended then), CognitoUnavailableError if the
    tokens have expired, or the version is too low, and the tokens cannot be refreshed now.
    """
    if login.version >= min_version and not is_refresh_due(login):
        return login
    attempt = join_refresh(Attempt(login, min_version))
    while attempt.is_waiting:
        time.sleep(_POLL_SECONDS)
        attempt = join_refresh(attempt)
    if not attempt.has_lease:
        return attempt.login
    result = store_response(attempt.login, request_tokens(attempt.login))
    if result.ended_logins:
        revoke_refresh_tokens(*result.ended_logins)
    return result.get_login(attempt)


@clear_frame_locals
async def aensure_fresh(login: CognitoLogin, *, min_version: int = 0) -> CognitoLogin:
    """Async version of `ensure_fresh`. The requests to Cognito run in another thread than the ORM.

    If the caller is cancelled, the refresh is finished first: only its response contains the new refresh token.
    """
    if login.version >= min_version and not is_refresh_due(login):
        return login
    refresh = asyncio.ensure_future(_arefresh(Attempt(login, min_version)))
    refresh.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it as forgotten
    try:
        return await asyncio.shield(refresh)
    except asyncio.CancelledError:
        await asyncio.wait([refresh])
        raise


async def _arefresh(attempt: Attempt) -> CognitoLogin:
    attempt = await sync_to_async(join_refresh)(attempt)
    while attempt.is_waiting:
        await asyncio.sleep(_POLL_SECONDS)
        attempt = await sync_to_async(join_refresh)(attempt)
    if not attempt.has_lease:
        return attempt.login
    response = await sync_to_async(request_tokens, thread_sensitive=False)(attempt.login)
    result = await sync_to_async(store_response)(attempt.login, response)
    if result.ended_logins:
        await arevoke_refresh_tokens(*result.ended_logins)
    return result.get_login(attempt)


def is_refresh_due(login: CognitoLogin) -> bool:
    """Return whether the login's tokens must be refreshed before the request uses them. No I/O.

    Also true if its tokens cannot be decrypted, or its user pool or app client is no longer configured: the refresh
    then ends the login.
    """
    if is_expired(login) or not is_readable(login):
        return True
    is_soon = login.expires_at - timedelta(seconds=get_settings().refresh_margin_seconds) <= utc_now()
    return is_soon and get_refresh_token(login) is not None
