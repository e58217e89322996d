"""ONE function: a raw token becomes (user, token). Everything above only translates its errors."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from ..core import AccessToken, IdToken, TokenUse
from ..core.errors import ClaimError, KeyFetchRequiredError, TokenError
from ..core.tokens.verifier import UNSET, Unset
from ..core.tracebacks import clear_frame_locals
from ..factories import get_verifier
from ..signals import tell_of_refusal
from .cache import user_at_hand, user_for
from .provisioning import Token


@clear_frame_locals
def authenticate(
    raw: str,
    *,
    token_use: TokenUse | Unset = UNSET,
    id_token: str | None = None,
    nonce: str | None = None,
    client_ids: Sequence[str] | None = None,
    user_pool_ids: Collection[str] | None = None,
) -> tuple[Any, Token]:
    """The active user behind `raw`, made or brought up to date, and the verified token.

    With `id_token` both are verified, and agree on person, client, pool and sign-in; the ID token gives the profile.
    `nonce` is the ID token's. `token_use` and `client_ids` left out: the settings TOKEN_USE and CLIENT_IDS.
    With `user_pool_ids` a token of any other user pool is rejected (code "wrong_issuer") before a key is fetched or a
    row is read; an empty collection rejects every token, and None accepts each configured pool.
    At most one read and no write where the tokens say nothing new; may fetch the pool's keys.

    Raises TokenError, which refuses, and CognitoUnavailableError, which does not.
    """
    return person(*_verified(raw, token_use, id_token, nonce, client_ids, user_pool_ids))


@clear_frame_locals
async def aauthenticate(
    raw: str,
    *,
    token_use: TokenUse | Unset = UNSET,
    id_token: str | None = None,
    nonce: str | None = None,
    client_ids: Sequence[str] | None = None,
    user_pool_ids: Collection[str] | None = None,
) -> tuple[Any, Token]:
    """As `authenticate`. Verifying takes microseconds; only a fetch of keys is worth a thread, and one for all.

    No thread is the one that the ORM lives in.
    """
    given: dict[str, Any] = {"token_use": token_use, "id_token": id_token, "nonce": nonce}
    given |= {"client_ids": client_ids, "user_pool_ids": user_pool_ids}
    try:
        verified = verify(raw, wait=False, **given)
    except KeyFetchRequiredError as due:
        verified = await _fetching(due.keys, raw, given)
    user = user_at_hand(*verified)
    return (user, verified[0]) if user is not None else await sync_to_async(person)(*verified)


async def _fetching(keys: object, raw: str, given: dict[str, Any]) -> tuple[Token, IdToken | None]:
    """What `verify` gives once the keys that it needs have been fetched.

    One thread waits for a fetch, whoever else does it too: hundreds that did would leave none for anything else.
    """
    async with _turn(keys):
        try:
            return verify(raw, wait=False, **given)
        except KeyFetchRequiredError:
            return await sync_to_async(verify, thread_sensitive=False)(raw, **given)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[object, asyncio.Lock]] = WeakKeyDictionary()


def _turn(keys: object) -> asyncio.Lock:
    """Whose turn it is, of all on this event loop who wait for `keys`."""
    turns = _turns.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    return turns.setdefault(keys, asyncio.Lock())


@clear_frame_locals
def verify(
    raw: str,
    *,
    token_use: TokenUse | Unset = UNSET,
    id_token: str | None = None,
    nonce: str | None = None,
    client_ids: Sequence[str] | None = None,
    user_pool_ids: Collection[str] | None = None,
    wait: bool = True,
) -> tuple[Token, IdToken | None]:
    """The verified token of `raw`, and its ID token where one came along. No database; tells of a refusal.

    Without `wait` no keys are fetched, and KeyFetchRequiredError is raised where they would have to be.
    """
    return _verified(raw, token_use, id_token, nonce, client_ids, user_pool_ids, wait)


def _verified(
    raw: str,
    token_use: TokenUse | Unset,
    id_token: str | None,
    nonce: str | None,
    client_ids: Sequence[str] | None,
    user_pool_ids: Collection[str] | None,
    wait: bool = True,
) -> tuple[Token, IdToken | None]:
    """As `verify`, for those whose frames forget themselves."""
    verifier = get_verifier()
    expected: dict[str, Any] = {"wait": wait, "client_ids": client_ids, "user_pool_ids": user_pool_ids}
    if token_use is not UNSET:
        expected["token_use"] = token_use
    try:
        if id_token is None:
            return verifier.verify(raw, nonce=nonce, **expected), None
        token = verifier.verify(raw, **expected)
        # An ID token names the access token that came with it, where it names one: never another ID token.
        access_token = raw if isinstance(token, AccessToken) else None
        profile = verifier.verify(
            id_token,
            token_use="id",
            client_ids=(token.client_id,),
            nonce=nonce,
            access_token=access_token,
            wait=wait,
        )
        if not isinstance(profile, IdToken) or _sign_in_of(profile) != _sign_in_of(token):
            message = "the ID token is of another person, or of another sign-in"
            raise _of(token, ClaimError(message, claim="sub", code="token_mismatch"))
    except TokenError as error:
        tell_of_refusal(error)
        raise
    return token, profile


def person(token: Token, profile: IdToken | None, user_info: Mapping[str, Any] | None = None) -> tuple[Any, Token]:
    """The active user of verified tokens, and the token. Writes what is new in them; tells of a refusal.

    `user_info` is what userInfo said of the very same person.
    """
    try:
        return user_for(token, profile, user_info), token
    except TokenError as error:
        tell_of_refusal(_of(token, error))
        raise


def _sign_in_of(token: Token) -> tuple[str, str, Any]:
    """What all tokens of one sign-in, and of its refreshes, have in common."""
    return token.user_pool_id, token.sub, token.claims.get("origin_jti")


def _of(token: Token, error: TokenError) -> TokenError:
    """`error`, which says whose token is refused: this one, which is verified."""
    error.user_pool_id, error.client_id = token.user_pool_id, token.client_id
    return error
