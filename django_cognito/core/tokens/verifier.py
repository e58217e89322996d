"""Verifies Cognito's tokens: structure, then signature, then claims. Knows no users and no settings.

Read it from `TokenVerifier.verify` down. Nothing of a token is believed before its signature has held, but for two
things that choose: `iss` the pool, from those configured, and `kid` the key, from those that this pool publishes.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from ..clock import unix_time
from ..errors import ClaimError, IssuerError, SignatureError, TokenError
from ..user_pool import UserPool, pools_by_issuer
from .claims import ClientIds, Expected, accepted_client, verify_claims
from .jws import MAX_BYTES, decode_jws, decode_segment
from .key_store import KeyStore, KeyStores
from .token import AccessToken, ClientToken, IdToken, TokenUse, token_of
from .verified_cache import KnownToken, KnownTokens

_MAX_KID_CHARS = 256
_MAX_LEEWAY_SECONDS = 60
_MAX_KEPT_HEADERS = 64  # a pool writes one a key
_TOKEN_USES: tuple[TokenUse, ...] = ("access", "id")
# RFC 7519 5.1, RFC 9068 2.1 and 4: media types, so compared without regard to case. Cognito writes no `typ`.
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_TYPES = _ACCESS_TOKEN_TYPES | {"jwt"}
_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())  # RFC 7518 3.3: what RS256 stands for


class _AsTold:
    """The type of "as the verifier was told", which None is not."""


_AS_TOLD = _AsTold()
_Policy = tuple[TokenUse | _AsTold | None, tuple[str, ...] | None]


class TokenVerifier:
    """Verifies the tokens of one user pool or of several, each found by the exact `iss` that its token names.

    `token_use` is what a token must be unless a call says otherwise; None means either and must be said. Tokens longer
    than `max_bytes` are refused unread. Leeway goes both ways. `key_stores` may be shared with other verifiers. The
    `cache_size` tokens verified last are known, and not verified twice; 0 keeps none.

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
        now: Callable[[], float] = unix_time,
    ) -> None:
        self.pools = _checked_pools(pools)
        if not 0 <= leeway_seconds <= _MAX_LEEWAY_SECONDS:
            raise ValueError(f"leeway_seconds is between 0 and {_MAX_LEEWAY_SECONDS}")
        self._leeway_seconds = leeway_seconds
        self._max_bytes = max_bytes
        self._key_stores = key_stores or KeyStores()
        self._by_issuer = {
            issuer: (
                self._key_stores.of(pool),
                Expected(pool, _uses(token_use), ClientIds(pool.client_ids), leeway_seconds),
            )
            for issuer, pool in pools_by_issuer(self.pools).items()
        }
        # Formatted once: a token with a foreign `iss` is refused before its signature is verified, so it must be cheap.
        self._issuer_forms = frozenset(form for pool in self.pools for form in pool.issuer_forms)
        self._known = KnownTokens(cache_size)
        self._now = now

    def verify(
        self,
        raw: object,
        *,
        token_use: TokenUse | _AsTold | None = _AS_TOLD,
        client_ids: Collection[str] | None = None,
        user_pool_ids: Collection[str] | None = None,
        nonce: str | None = None,
        access_token: str | None = None,
        wait: bool = True,
    ) -> AccessToken | IdToken | ClientToken:
        """The token that `raw` encodes, once its signature and every expected claim have held.

        `client_ids` replaces the pool's accepted clients for this call; `user_pool_ids` restricts the verifier's pools
        for this call, and an empty collection accepts no token; `nonce` must then be the token's;
        `access_token` must be the one that an ID token's `at_hash` names, where it has that claim. A known token gives
        the same object again.
        May fetch the pool's keys (at most one request, tried twice); never any other I/O. A token that would be refused
        anyway causes no fetch. Without `wait` there is no I/O at all: for an event loop.

        Raises MalformedTokenError, SignatureError or a ClaimError, in that order of checking (before a key is fetched,
        claims are looked at first); CognitoUnavailableError if keys are needed and cannot be had, which without `wait`
        is a KeysDueError.

        Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 7.2; RFC 8725 3.
        """
        policy = None  # what this call asks for otherwise than the verifier was told
        if client_ids is not None or not isinstance(token_use, _AsTold):
            policy = (token_use, None if client_ids is None else ClientIds(_strings(client_ids)))
        # A login's tokens come once, and are held against what this login alone knows.
        name = self._known.name_of(raw) if nonce is None and access_token is None else None
        known = self._known.get(name)
        pool_ids = None if user_pool_ids is None else _strings(user_pool_ids)
        is_accepted = known is not None and (pool_ids is None or known.token.user_pool_id in pool_ids)
        if known is not None and is_accepted and known.policy == policy and self._holds(known):
            return known.token
        known = self._verified(raw, policy, nonce, access_token, wait, pool_ids)
        if name is not None:
            self._known.keep(name, known)
        return known.token

    def hydrate(self) -> None:
        """Fetch the keys of every pool before the first token comes. Raises CognitoUnavailableError."""
        for pool in self.pools:
            self._key_stores.of(pool).hydrate()

    def load_jwks(self, pool: UserPool, jwks: Mapping[str, Any]) -> None:
        """Pin the keys of `pool`: nothing is ever fetched for it. Raises ValueError for an unusable key set."""
        self._key_stores.of(pool).pin(jwks)

    def _holds(self, known: KnownToken) -> bool:
        """Whether the verdict on a known token is still the same: its times, and its key, which may be withdrawn."""
        _, _, store, kid, key, starts_at, ends_at = known
        now, leeway = self._now(), self._leeway_seconds
        return starts_at - leeway <= now < ends_at + leeway and store.in_hand(kid) is key

    def _expected_of(self, claims: Mapping[str, Any]) -> tuple[KeyStore, Expected]:
        """The keys of the pool that the token names, and what is expected of its claims."""
        issuer = claims.get("iss")
        found = self._by_issuer.get(issuer) if isinstance(issuer, str) else None
        if found is None:
            raise _unknown_issuer(issuer, self._issuer_forms)
        return found

    def _verified(
        self,
        raw: object,
        policy: _Policy | None,
        nonce: str | None,
        access_token: str | None,
        wait: bool,
        pool_ids: tuple[str, ...] | None,
    ) -> KnownToken:
        """The token, once signature and claims have held; before a key is fetched for it, claims are looked at."""
        header, claims, signed, signature = decode_jws(raw, self._max_bytes)
        kid, typ = _read_header(header)
        if typ in _ACCESS_TOKEN_TYPES and claims.get("token_use") == "id":
            raise SignatureError("typ is an access token's, token_use an ID token's")
        store, expected = self._expected_of(claims)
        if pool_ids is not None and expected.pool.user_pool_id not in pool_ids:
            error = IssuerError("from a user pool that is configured and not accepted by this call", claim="iss")
            raise _blamed(error, claims, expected)
        if policy is not None or nonce is not None:
            expected = _narrowed(expected, policy, nonce)
        now = self._now()
        try:
            key = store.in_hand(kid)
            if key is None:
                _verify_worth(claims, expected, now)
                key = store.key(kid, wait=wait)
            # hashlib hashes in half the time that the key would take for it.
            key.verify(signature, hashlib.sha256(signed).digest(), _PADDING, _HASH)
            starts_at, ends_at = verify_claims(claims, expected, now)
            if access_token is not None:
                _verify_at_hash(claims, access_token)
        except InvalidSignature as error:
            raise _blamed(SignatureError("the signature is not the pool's"), claims, expected) from error
        except TokenError as error:
            _blamed(error, claims, expected)
            raise
        return KnownToken(token_of(claims, expected.pool.user_pool_id), policy, store, kid, key, starts_at, ends_at)


def _narrowed(expected: Expected, policy: _Policy | None, nonce: str | None) -> Expected:
    """What one call expects, where it says otherwise than the verifier was told."""
    token_use, client_ids = policy or (_AS_TOLD, None)
    return expected._replace(
        token_uses=expected.token_uses if isinstance(token_use, _AsTold) else _uses(token_use),
        client_ids=expected.client_ids if client_ids is None else client_ids,
        nonce=nonce,
    )


@lru_cache(_MAX_KEPT_HEADERS)
def _read_header(segment: bytes) -> tuple[str, str]:
    """Return `kid` and the lower-case `typ` of a header that Cognito could have written; an absent `typ` is "jwt".

    URLs and keys in the header are never read. Raises MalformedTokenError or SignatureError.
    """
    header = decode_segment(segment)
    if header.get("alg") != "RS256":
        raise SignatureError("alg is not RS256")
    # RFC 7515 4.1.11: names extensions that must be understood, and there are none here; RFC 7797 6: is one.
    if "crit" in header or "b64" in header:
        raise SignatureError("the header asks for an extension, and there are none here")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
        raise SignatureError("no kid of reasonable length")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise SignatureError("typ is none of JWT and at+jwt")
    return kid, typ.lower()


def _blamed(error: TokenError, claims: Mapping[str, Any], expected: Expected) -> TokenError:
    """`error`, which now says whose token is refused."""
    error.user_pool_id = expected.pool.user_pool_id
    error.client_id = accepted_client(claims, expected.client_ids)
    return error


def _verify_at_hash(claims: Mapping[str, Any], access_token: str) -> None:
    """OpenID Connect Core 3.1.3.8: the left half of the access token's SHA-256, where the ID token carries it."""
    if "at_hash" not in claims:
        return
    half = hashlib.sha256(access_token.encode(errors="replace")).digest()[:16]
    if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
        raise ClaimError("not issued with this access token", claim="at_hash", code="at_hash_mismatch")


def _verify_worth(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    """Whether a token is worth a fetch: not if it would be refused with the key too. Values are not repeated."""
    try:
        verify_claims(claims, expected, now)
    except ClaimError as error:
        raise error.without_values() from None


def _unknown_issuer(issuer: object, issuer_forms: frozenset[str]) -> IssuerError:
    """Return the error for an issuer of no configured pool; its message has no value except one of `issuer_forms`."""
    if isinstance(issuer, str) and issuer in issuer_forms:
        return IssuerError(f"the pool's other issuer form: add {issuer!r} to ISSUER to accept it", claim="iss")
    return IssuerError("from a pool that is not configured here", claim="iss")


def _uses(token_use: TokenUse | None) -> tuple[TokenUse, ...]:
    if token_use is None:
        return _TOKEN_USES
    if token_use not in _TOKEN_USES:
        raise ValueError('token_use is "access", "id" or None for either')
    return (token_use,)


def _strings(names: Collection[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _checked_pools(pools: UserPool | Iterable[UserPool]) -> tuple[UserPool, ...]:
    checked = (pools,) if isinstance(pools, UserPool) else tuple(pools)
    if not checked or not all(pool.client_ids for pool in checked):
        # No client at all would mean every client of the pool, and anyone's who may register one.
        raise ValueError("a verifier needs a user pool, and each pool the app clients that are accepted: client_ids=")
    return checked
