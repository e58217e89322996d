"""Turn a raw token into a user and a verified token: the one `authenticate` that all entry points call.

Must not depend on requests, sessions or responses: entry points translate its errors.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, Unpack
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from ..core import AccessToken, ClientToken, IdToken, TokenUse
from ..core.errors import ClaimError, KeyFetchRequiredError, TokenError
from ..core.tracebacks import clear_frame_locals
from ..factories import get_verifier
from .api_profile import (
    NO_ANSWER,
    NOT_REQUESTED,
    ProfileRequiredError,
    end_request,
    join_request,
    pending_requests,
    record_rejection,
    request_profile,
)
from .attributes.claim_sources import ApiProfile
from .cache import get_cached_user, get_token_user
from .pending_answers import finish_call
from .rejected_tokens import report_rejection
from .writing.provisioning import Token

_WAIT_SECONDS = 15.0  # for the request of another caller for the attributes of the same new user


class TokenChecks(TypedDict, total=False):
    """The optional keyword arguments of `authenticate`, `aauthenticate` and `verify`.

    - `token_use`: by default the setting TOKEN_USE; None accepts access tokens and ID tokens.
    - `client_ids`: by default the setting CLIENT_IDS.
    - `id_token`: the raw ID token that was issued with the token. It must have the same user, client, user pool and
      sign-in as the token, and provides the user's attributes.
    - `nonce`: the expected nonce of the ID token.
    - `user_pool_ids`: the accepted user pools; by default all that are configured. A token of another pool is rejected
      (code "wrong_issuer") before a key is fetched or a row is read. An empty collection rejects every token.
    """

    token_use: TokenUse | None
    client_ids: Sequence[str] | None
    id_token: str | None
    nonce: str | None
    user_pool_ids: Collection[str] | None


@clear_frame_locals
def authenticate(raw: str, **checks: Unpack[TokenChecks]) -> tuple[Any, Token]:
    """Return the active user of the token `raw`, created or updated, and the verified token.

    `checks` are described at `TokenChecks`. At most one query and no write if the tokens contain no changes; may fetch
    the pool's JWKS. With API_PROFILE_SOURCE, one request to Cognito if the user's attributes are due; its failure
    rejects no token.

    Raises TokenError if a token is rejected; CognitoUnavailableError if keys are needed and cannot be fetched, or if
    Cognito does not answer about a new user whom API_PROFILE_SOURCE might link to an existing account.
    """
    token, profile = verify(raw, wait=True, **checks)
    api_profile = NOT_REQUESTED if profile is None else None
    wait_until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return get_or_create_user(token, profile, api_profile=api_profile)
        except ProfileRequiredError as error:
            is_new = error.is_new
        request, is_own = join_request(token)
        if is_own:
            break
        # NOT_REQUESTED if the token of the other caller was revoked.
        api_profile = pending_requests.wait(request, wait_until - time.monotonic() if is_new else 0)
    answer = NO_ANSWER
    try:
        answer = request_profile(raw, token, is_new=is_new)
        return get_or_create_user(token, None, api_profile=answer)
    finally:
        end_request(token, request, answer)


@clear_frame_locals
async def aauthenticate(raw: str, **checks: Unpack[TokenChecks]) -> tuple[Any, Token]:
    """Async version of `authenticate`.

    Tokens are verified on the event loop, which takes microseconds. Only a fetch of keys runs in a thread: one thread
    for all tasks that wait for the same keys, and never the thread of the ORM.
    """
    try:
        token, profile = verify(raw, wait=False, **checks)
    except KeyFetchRequiredError as error:
        token, profile = await _verify_after_key_fetch(error.keys, raw, checks)
    user = get_cached_user(token, profile)
    if user is not None:
        return user, token
    api_profile = NOT_REQUESTED if profile is None else None
    wait_until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return await sync_to_async(get_or_create_user)(token, profile, api_profile=api_profile)
        except ProfileRequiredError as error:
            is_new = error.is_new
        request, is_own = join_request(token)
        if is_own:
            end = partial(end_request, token, request)
            return await finish_call(_arequest_profile(raw, token, end, is_new=is_new), end)
        seconds = wait_until - time.monotonic() if is_new else 0
        api_profile = await pending_requests.await_answer(request, seconds)


@clear_frame_locals
async def _arequest_profile(
    raw: str, token: Token, end: Callable[[ApiProfile], None], *, is_new: bool
) -> tuple[Any, Token]:
    """Return the user after the attributes were requested and written. The network is not in the thread of the ORM."""
    answer = NO_ANSWER
    try:
        answer = await sync_to_async(request_profile, thread_sensitive=False)(raw, token, is_new=is_new)
        return await sync_to_async(get_or_create_user)(token, None, api_profile=answer)
    finally:
        end(answer)


_fetch_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[object, asyncio.Lock]]
_fetch_locks = WeakKeyDictionary()


async def _verify_after_key_fetch(keys: object, raw: str, checks: TokenChecks) -> tuple[Token, IdToken | None]:
    """Return the result of `verify` after `keys` were fetched.

    Tasks of one event loop that need the same keys wait for one lock, not in one thread each: hundreds of waiting tasks
    would use up the threads.
    """
    locks = _fetch_locks.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    async with locks.setdefault(keys, asyncio.Lock()):
        try:
            return verify(raw, wait=False, **checks)
        except KeyFetchRequiredError:
            return await sync_to_async(verify, thread_sensitive=False)(raw, **checks)


@clear_frame_locals
def verify(raw: str, *, wait: bool = True, **checks: Unpack[TokenChecks]) -> tuple[Token, IdToken | None]:
    """Verify `raw`, and the ID token of `checks` if it has one, and return both tokens. No database.

    Without `wait` no keys are fetched, and KeyFetchRequiredError is raised if they are needed. Sends `token_rejected`
    if a token is rejected.
    """
    expected: dict[str, Any] = dict(checks)
    id_token, nonce = expected.pop("id_token", None), expected.pop("nonce", None)
    verifier = get_verifier()
    try:
        if id_token is None:
            return verifier.verify(raw, wait=wait, nonce=nonce, **expected), None
        token = verifier.verify(raw, wait=wait, **expected)
        profile = verifier.verify(
            id_token,
            token_use="id",
            client_ids=(token.client_id,),
            nonce=nonce,
            # The `at_hash` of an ID token, if it is present, names an access token, never another ID token.
            access_token=raw if isinstance(token, AccessToken) else None,
            wait=wait,
        )
        if not isinstance(profile, IdToken) or _get_sign_in_id(profile) != _get_sign_in_id(token):
            message = "the ID token is of another user, or of another sign-in"
            raise _with_token_details(token, ClaimError(message, claim="sub", code="token_mismatch"))
    except TokenError as error:
        report_rejection(error)
        raise
    return token, profile


def get_or_create_user(
    token: Token,
    profile: IdToken | None,
    user_info: Mapping[str, Any] | None = None,
    *,
    api_profile: ApiProfile | None = None,
) -> tuple[Any, Token]:
    """Return the active user of verified tokens, created or updated, and the token.

    `profile` is the ID token that was issued with `token`; `user_info` is the userInfo response for the same user;
    `api_profile` is Cognito's answer about the user of an API request. If it is a rejection, the rejection is recorded,
    and nothing is created, linked or updated.

    Raises ProfileRequiredError for the `api_profile` NOT_REQUESTED, if it is due; CognitoUnavailableError as
    `api_profile.check_profile`; TokenError if the user is not accepted or the token was revoked, after it sent
    `token_rejected`.
    """
    try:
        if api_profile is not None and api_profile.rejection and not isinstance(token, ClientToken):
            raise record_rejection(token, api_profile.rejection)
        return get_token_user(token, profile, user_info, api_profile), token
    except TokenError as error:
        report_rejection(_with_token_details(token, error))
        raise


def _get_sign_in_id(token: Token) -> tuple[str, str, Any]:
    """Return what all tokens of one sign-in, and of its refreshes, have in common."""
    return token.user_pool_id, token.sub, token.claims.get("origin_jti")


def _with_token_details(token: Token, error: TokenError) -> TokenError:
    """Return `error` with the user pool and the client of `token`, which is verified."""
    error.user_pool_id, error.client_id = token.user_pool_id, token.client_id
    return error
