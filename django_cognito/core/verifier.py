"""Verifies Cognito's tokens: structure, then signature, then claims. Knows no cache, no users and no settings.

Read it from `TokenVerifier.verify` down. Nothing of a token is believed before its signature has held, but for two
things that choose: `iss` the pool, from those configured, and `kid` the key, from those that this pool publishes.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from .errors import (
    ClaimError,
    ClientError,
    ExpiredTokenError,
    ImmatureTokenError,
    IssuerError,
    SignatureError,
    TokenError,
    TokenUseError,
)
from .jwks import KeyStores
from .pool import UserPool, pools_by_issuer
from .token import AccessToken, ClientToken, IdToken, Parts, TokenUse, take_apart, token_of

_MAX_KID_CHARS = 256
_MAX_LEEWAY_SECONDS = 60
_END_OF_TIME = 253_402_300_800  # the year 10000, which datetime cannot express
_TOKEN_USES: tuple[TokenUse, ...] = ("access", "id")
_CLIENT_CLAIM: Mapping[TokenUse, str] = {"access": "client_id", "id": "aud"}
_USERNAME_CLAIM: Mapping[TokenUse, str] = {"access": "username", "id": "cognito:username"}


_PADDING, _HASH = PKCS1v15(), SHA256()  # RFC 7518 3.3: what RS256 stands for


class _AsTold:
    """The type of "as the verifier was told", which None is not."""


_AS_TOLD = _AsTold()


class TokenVerifier:
    """Verifies the tokens of one user pool or of several, each found by the exact `iss` that its token names.

    `token_use` is what a token must be unless a call says otherwise; None means either and must be said. Tokens longer
    than `max_bytes` are refused unread. Leeway goes both ways. `key_stores` may be shared with other verifiers.

    Raises ValueError where there is no pool, two pools have an issuer in common, or a pool does not say which app
    clients it accepts; for a leeway beyond 60 s.
    """

    def __init__(
        self,
        pools: UserPool | Iterable[UserPool],
        *,
        token_use: TokenUse | None = "access",
        leeway_seconds: float = 10,
        max_bytes: int = 16_384,
        key_stores: KeyStores | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pools = _checked_pools(pools)
        self._token_use = _checked_token_use(token_use)
        if not 0 <= leeway_seconds <= _MAX_LEEWAY_SECONDS:
            raise ValueError(f"leeway_seconds is between 0 and {_MAX_LEEWAY_SECONDS}")
        self._leeway_seconds = leeway_seconds
        self._max_bytes = max_bytes
        self._key_stores = key_stores or KeyStores()
        self._pool_by_issuer = pools_by_issuer(self.pools)
        self._now = now

    def verify(
        self,
        raw: object,
        *,
        token_use: TokenUse | _AsTold | None = _AS_TOLD,
        client_ids: Collection[str] | None = None,
        nonce: str | None = None,
        access_token: str | None = None,
    ) -> AccessToken | IdToken | ClientToken:
        """The token that `raw` encodes, once its signature and every expected claim have held.

        `client_ids` replaces the pool's accepted clients for this call; `nonce` must then be the token's;
        `access_token` must be the one that an ID token's `at_hash` names, where it has that claim.
        May fetch the pool's keys (at most one request); never any other I/O. A token that would be refused anyway
        causes no fetch.

        Raises MalformedTokenError, SignatureError or a ClaimError, in that order of checking (before a key is fetched,
        claims are looked at first); CognitoUnavailableError if keys are needed and cannot be had.

        Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 7.2; RFC 8725 3.
        """
        parts = take_apart(raw, self._max_bytes)
        kid = _verify_header(parts.header)
        pool = self._pool_of(parts)
        judge = self._judge(pool, token_use, client_ids, nonce)
        store = self._key_stores.of(pool)
        if not store.knows(kid):
            _judge_unverified(judge, parts.claims)
        _verify_signature(parts, store.key(kid))
        judge(parts.claims)
        _verify_at_hash(parts.claims, access_token)
        return token_of(parts.claims, pool.user_pool_id)

    def needs_fetch(self, raw: object) -> bool:
        """Whether `verify(raw)` may have to wait for keys; then call it off the event loop. No I/O; never raises."""
        try:
            parts = take_apart(raw, self._max_bytes)
            kid = _verify_header(parts.header)
            return not self._key_stores.of(self._pool_of(parts)).has(kid)
        except TokenError:
            return False

    def hydrate(self) -> None:
        """Fetch the keys of every pool before the first token comes. Raises CognitoUnavailableError."""
        for pool in self.pools:
            self._key_stores.of(pool).hydrate()

    def load_jwks(self, pool: UserPool, jwks: Mapping[str, Any]) -> None:
        """Pin the keys of `pool`: nothing is ever fetched for it. Raises ValueError for an unusable key set."""
        self._key_stores.of(pool).pin(jwks)

    def _pool_of(self, parts: Parts) -> UserPool:
        issuer = parts.claims.get("iss")
        pool = self._pool_by_issuer.get(issuer) if isinstance(issuer, str) else None
        if pool is None:
            raise _unknown_issuer(issuer, self.pools)
        return pool

    def _judge(
        self,
        pool: UserPool,
        token_use: TokenUse | _AsTold | None,
        client_ids: Collection[str] | None,
        nonce: str | None,
    ) -> Callable[[Mapping[str, Any]], None]:
        return partial(
            verify_claims,
            pool=pool,
            token_use=self._token_use if isinstance(token_use, _AsTold) else _checked_token_use(token_use),
            client_ids=pool.client_ids if client_ids is None else client_ids,
            leeway_seconds=self._leeway_seconds,
            now=self._now(),
            nonce=nonce,
        )


def _verify_header(header: Mapping[str, Any]) -> str:
    """The `kid` of a header that Cognito could have written. Addresses and keys in it are never looked at."""
    if header.get("alg") != "RS256":
        raise SignatureError("alg is not RS256")
    if "crit" in header:
        raise SignatureError("crit names extensions, and there are none here")  # RFC 7515 4.1.11
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
        raise SignatureError("no kid of reasonable length")
    return kid


def _verify_signature(parts: Parts, key: RSAPublicKey) -> None:
    try:
        key.verify(parts.signature, parts.signed, _PADDING, _HASH)
    except InvalidSignature as error:
        raise SignatureError("the signature is not the pool's") from error


def verify_claims(
    claims: Mapping[str, Any],
    *,
    pool: UserPool,
    token_use: TokenUse | None,
    client_ids: Collection[str],
    leeway_seconds: float,
    now: float,
    nonce: str | None = None,
) -> None:
    """Whether `claims` are those of a token of `pool`, for one of `client_ids`, at the moment `now`. Pure.

    `token_use` None means access or ID. Claims that are not named here may be absent and of any type.

    Raises a ClaimError, the first that applies: issuer, token use, client, times, person, nonce.
    """
    if claims.get("iss") not in pool.issuers:
        raise IssuerError("not issued by this pool", claim="iss", actual=claims.get("iss"), expected=pool.issuers)
    use = _verify_token_use(claims, token_use)
    _verify_client(claims, _CLIENT_CLAIM[use], client_ids)
    _verify_times(claims, leeway_seconds, now)
    _verify_person(claims, use)
    if nonce is not None and claims.get("nonce") != nonce:
        raise ClaimError("not the answer to this sign-in attempt", claim="nonce", code="nonce_mismatch")


def _verify_token_use(claims: Mapping[str, Any], expected: TokenUse | None) -> TokenUse:
    for use in _TOKEN_USES if expected is None else (expected,):
        if claims.get("token_use") == use:
            return use
    actual = claims.get("token_use")
    raise TokenUseError(
        "another kind of token is due", claim="token_use", actual=actual, expected=expected or _TOKEN_USES
    )


def _verify_client(claims: Mapping[str, Any], name: str, client_ids: Collection[str]) -> None:
    accepted = (client_ids,) if isinstance(client_ids, str) else tuple(client_ids)
    if _text(claims, name) not in accepted:
        raise ClientError("issued to a client not accepted here", claim=name, actual=claims[name], expected=accepted)


def _verify_times(claims: Mapping[str, Any], leeway_seconds: float, now: float) -> None:
    expires_at, issued_at = _seconds(claims, "exp"), _seconds(claims, "iat")
    # RFC 7519 4.1.4: "on or after", so a token is over at the very second.
    if now - leeway_seconds >= expires_at:
        raise ExpiredTokenError("the token is over", claim="exp", actual=expires_at, expected=now)
    optional = {name: _seconds(claims, name) for name in ("nbf", "auth_time") if name in claims}
    for name, moment in {"iat": issued_at, **optional}.items():
        if moment > now + leeway_seconds:
            raise ImmatureTokenError("the token is not valid yet", claim=name, actual=moment, expected=now)


def _verify_person(claims: Mapping[str, Any], use: TokenUse) -> None:
    """Who the token is about: a person with a username, or a machine, which is its own app client."""
    subject = _text(claims, "sub")
    is_machine = use == "access" and "username" not in claims and subject == claims["client_id"]
    if not is_machine:
        _text(claims, _USERNAME_CLAIM[use])
    groups = claims.get("cognito:groups", [])
    if not isinstance(groups, list | tuple) or not all(_is_text(group) for group in groups):
        raise ClaimError("not a list of names", claim="cognito:groups", actual=groups)
    if not isinstance(claims.get("scope", ""), str):
        raise ClaimError("not a string", claim="scope", actual=claims["scope"])


def _verify_at_hash(claims: Mapping[str, Any], access_token: str | None) -> None:
    """OpenID Connect Core 3.1.3.8: the left half of the access token's SHA-256, where the ID token carries it."""
    if access_token is None or "at_hash" not in claims:
        return
    half = hashlib.sha256(access_token.encode(errors="replace")).digest()[:16]
    if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
        raise ClaimError("not issued with this access token", claim="at_hash", code="at_hash_mismatch")


def _judge_unverified(judge: Callable[[Mapping[str, Any]], None], claims: Mapping[str, Any]) -> None:
    """Refuse, before a key is fetched for it, a token that would be refused with it. Values are not repeated."""
    try:
        judge(claims)
    except ClaimError as error:
        raise error.without_values() from None


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not _is_text(value):
        raise ClaimError("missing, or no text", claim=name, actual=value)
    return str(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value  # PostgreSQL stores no NUL


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A moment in whole seconds (RFC 7519 NumericDate, as Cognito writes it) that datetime can express."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError("missing, or not a number", claim=name, actual=value)
    if not 0 < value < _END_OF_TIME or value != int(value):
        raise ClaimError("not a moment in whole seconds", claim=name, actual=value)
    return value


def _unknown_issuer(issuer: object, pools: Iterable[UserPool]) -> IssuerError:
    """The refusal of a token that no pool here has issued; it names no value but those that follow from `pools`."""
    for pool in pools:
        if issuer in pool.issuer_forms:
            return IssuerError(f"the pool's other issuer form: add {issuer!r} to ISSUER to accept it", claim="iss")
    return IssuerError("from a pool that is not configured here", claim="iss")


def _checked_token_use(token_use: TokenUse | None) -> TokenUse | None:
    if token_use is not None and token_use not in _TOKEN_USES:
        raise ValueError('token_use is "access", "id" or None for either')
    return token_use


def _checked_pools(pools: UserPool | Iterable[UserPool]) -> tuple[UserPool, ...]:
    checked = (pools,) if isinstance(pools, UserPool) else tuple(pools)
    if not checked or not all(pool.client_ids for pool in checked):
        # No client at all would mean every client of the pool, and anyone's who may register one.
        raise ValueError("a verifier needs a user pool, and each pool the app clients that are accepted: client_ids=")
    return checked
