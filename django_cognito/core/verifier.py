"""Verifies Cognito's tokens: structure, then signature, then claims. Knows no users and no settings.

Read it from `TokenVerifier.verify` down. Nothing of a token is believed before its signature has held, but for two
things that choose: `iss` the pool, from those configured, and `kid` the key, from those that this pool publishes.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from .claims import Expected, accepted_client, verify_claims
from .compact import MAX_BYTES, Parts, take_apart
from .errors import ClaimError, IssuerError, SignatureError, TokenError
from .key_store import KeyStores
from .known_tokens import KnownToken, KnownTokens
from .pool import UserPool, pools_by_issuer
from .token import AccessToken, ClientToken, IdToken, TokenUse, token_of

_MAX_KID_CHARS = 256
_MAX_LEEWAY_SECONDS = 60
_TOKEN_USES: tuple[TokenUse, ...] = ("access", "id")
_PADDING, _HASH = PKCS1v15(), SHA256()  # RFC 7518 3.3: what RS256 stands for


class _AsTold:
    """The type of "as the verifier was told", which None is not."""


_AS_TOLD = _AsTold()


class TokenVerifier:
    """Verifies the tokens of one user pool or of several, each found by the exact `iss` that its token names.

    `token_use` is what a token must be unless a call says otherwise; None means either and must be said. Tokens longer
    than `max_bytes` are refused unread. Leeway goes both ways. `key_stores` may be shared with other verifiers. The
    `cache_size` tokens used last are known, and not verified twice; 0 keeps none.

    Raises ValueError where there is no pool, two pools have an issuer in common, or a pool does not say which app
    clients it accepts; for a leeway beyond 60 s.
    """

    def __init__(
        self,
        pools: UserPool | Iterable[UserPool],
        *,
        token_use: TokenUse | None = "access",
        leeway_seconds: float = 10,
        max_bytes: int = MAX_BYTES,
        cache_size: int = 1_000,
        key_stores: KeyStores | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pools = _checked_pools(pools)
        if not 0 <= leeway_seconds <= _MAX_LEEWAY_SECONDS:
            raise ValueError(f"leeway_seconds is between 0 and {_MAX_LEEWAY_SECONDS}")
        self._leeway_seconds = leeway_seconds
        self._max_bytes = max_bytes
        self._key_stores = key_stores or KeyStores()
        self._expected_from = {
            issuer: Expected(pool, _uses(token_use), pool.client_ids, leeway_seconds)
            for issuer, pool in pools_by_issuer(self.pools).items()
        }
        self._known = KnownTokens(cache_size)
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
        `access_token` must be the one that an ID token's `at_hash` names, where it has that claim. A known token gives
        the same object again.
        May fetch the pool's keys (at most one request, tried twice); never any other I/O. A token that would be refused
        anyway causes no fetch.

        Raises MalformedTokenError, SignatureError or a ClaimError, in that order of checking (before a key is fetched,
        claims are looked at first); CognitoUnavailableError if keys are needed and cannot be had.

        Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 7.2; RFC 8725 3.
        """
        policy = (token_use, client_ids if client_ids is None else _strings(client_ids))
        # A login's tokens come once, and are held against what this login alone knows.
        name = self._known.name_of(raw) if nonce is None and access_token is None else None
        known = self._known.find(name)
        if known is not None and known.policy == policy and self._holds(known):
            return known.token
        parts = take_apart(raw, self._max_bytes)
        kid = _verify_header(parts.header)
        expected = self._expected(parts.claims, *policy, nonce)
        try:
            known = self._verified(parts, kid, expected, policy)
            _verify_at_hash(parts.claims, access_token)
        except TokenError as error:
            error.user_pool_id = expected.pool.user_pool_id
            error.client_id = accepted_client(parts.claims, expected.client_ids)
            raise
        self._known.keep(name, known)
        return known.token

    def needs_fetch(self, raw: object) -> bool:
        """Whether `verify(raw)` may have to wait for keys; then call it off the event loop. No I/O; never raises."""
        known = self._known.find(self._known.name_of(raw))
        if known is not None:
            return not known.store.has(known.kid)
        try:
            parts = take_apart(raw, self._max_bytes)
            kid = _verify_header(parts.header)
            return not self._key_stores.of(self._expected_of(parts.claims).pool).has(kid)
        except TokenError:
            return False

    def hydrate(self) -> None:
        """Fetch the keys of every pool before the first token comes. Raises CognitoUnavailableError."""
        for pool in self.pools:
            self._key_stores.of(pool).hydrate()

    def load_jwks(self, pool: UserPool, jwks: Mapping[str, Any]) -> None:
        """Pin the keys of `pool`: nothing is ever fetched for it. Raises ValueError for an unusable key set."""
        self._key_stores.of(pool).pin(jwks)

    def _holds(self, known: KnownToken) -> bool:
        """Whether the verdict on a known token is still the same: its times, and its key, which may be withdrawn."""
        now, leeway = self._now(), self._leeway_seconds
        is_in_time = known.starts_at <= now + leeway and now - leeway < known.ends_at
        return is_in_time and known.store.in_hand(known.kid) is known.key

    def _expected(
        self,
        claims: Mapping[str, Any],
        token_use: TokenUse | _AsTold | None,
        client_ids: tuple[str, ...] | None,
        nonce: str | None,
    ) -> Expected:
        expected = self._expected_of(claims)
        if not isinstance(token_use, _AsTold):
            expected = expected._replace(token_uses=_uses(token_use))
        if client_ids is not None:
            expected = expected._replace(client_ids=client_ids)
        return expected if nonce is None else expected._replace(nonce=nonce)

    def _expected_of(self, claims: Mapping[str, Any]) -> Expected:
        issuer = claims.get("iss")
        expected = self._expected_from.get(issuer) if isinstance(issuer, str) else None
        if expected is None:
            raise _unknown_issuer(issuer, self.pools)
        return expected

    def _verified(self, parts: Parts, kid: str, expected: Expected, policy: Any) -> KnownToken:
        """The token, once signature and claims have held; before a key is fetched for it, claims are looked at."""
        now = self._now()
        store = self._key_stores.of(expected.pool)
        key = store.in_hand(kid)
        if key is None:
            _judge_unverified(parts.claims, expected, now)
            key = store.key(kid)
        _verify_signature(parts, key)
        starts_at, ends_at = verify_claims(parts.claims, expected, now)
        token = token_of(parts.claims, expected.pool.user_pool_id)
        return KnownToken(token, policy, store, kid, key, starts_at, ends_at)


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


def _verify_at_hash(claims: Mapping[str, Any], access_token: str | None) -> None:
    """OpenID Connect Core 3.1.3.8: the left half of the access token's SHA-256, where the ID token carries it."""
    if access_token is None or "at_hash" not in claims:
        return
    half = hashlib.sha256(access_token.encode(errors="replace")).digest()[:16]
    if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
        raise ClaimError("not issued with this access token", claim="at_hash", code="at_hash_mismatch")


def _judge_unverified(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    """Refuse, before a key is fetched for it, a token that would be refused with it. Values are not repeated."""
    try:
        verify_claims(claims, expected, now)
    except ClaimError as error:
        raise error.without_values() from None


def _unknown_issuer(issuer: object, pools: Iterable[UserPool]) -> IssuerError:
    """The refusal of a token that no pool here has issued; it names no value but those that follow from `pools`."""
    for pool in pools:
        if issuer in pool.issuer_forms:
            return IssuerError(f"the pool's other issuer form: add {issuer!r} to ISSUER to accept it", claim="iss")
    return IssuerError("from a pool that is not configured here", claim="iss")


def _uses(token_use: TokenUse | None) -> tuple[TokenUse, ...]:
    if token_use is None:
        return _TOKEN_USES
    if token_use not in _TOKEN_USES:
        raise ValueError('token_use is "access", "id" or None for either')
    return (token_use,)


def _strings(client_ids: Collection[str]) -> tuple[str, ...]:
    return (client_ids,) if isinstance(client_ids, str) else tuple(client_ids)


def _checked_pools(pools: UserPool | Iterable[UserPool]) -> tuple[UserPool, ...]:
    checked = (pools,) if isinstance(pools, UserPool) else tuple(pools)
    if not checked or not all(pool.client_ids for pool in checked):
        # No client at all would mean every client of the pool, and anyone's who may register one.
        raise ValueError("a verifier needs a user pool, and each pool the app clients that are accepted: client_ids=")
    return checked
