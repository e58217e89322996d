"""Verify Cognito's tokens: structure, then signature, then claims. Must not depend on users or settings.

Before the signature is verified, only two values of a token are used: `iss` selects a configured pool, and `kid`
selects a key of this pool's JWKS.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from ..clock import unix_time
from ..errors import ClaimError, IssuerError, SignatureError, TokenError
from ..http.client import Http
from ..user_pool import UserPool, pools_by_issuer
from .claims import ClientIds, Expected, find_accepted_client, verify_claims
from .jws import MAX_BYTES, decode_jws, decode_segment
from .key_store import KeyStore, KeyStores
from .token import AccessToken, ClientToken, IdToken, TokenUse, build_token
from .verified_cache import CacheEntry, VerifiedTokenCache

_MAX_KID_CHARS = 256
_MAX_LEEWAY_SECONDS = 60
_MIN_SIGNATURE_BYTES = 256  # RFC 7518 3.3: keys of RS256 have at least 2,048 bits
_MAX_CACHED_HEADERS = 64  # a pool has one header for each key
_TOKEN_USES: tuple[TokenUse, ...] = ("access", "id")
# RFC 7519 5.1, RFC 9068 2.1 and 4: media types, so compared without regard to case. Cognito writes no `typ`.
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_TYPES = _ACCESS_TOKEN_TYPES | {"jwt"}
_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())  # RFC 7518 3.3: RS256


class Unset(Enum):
    """The type of `UNSET`: an argument that was not passed. None is a value of its own: either token use."""

    UNSET = "unset"


UNSET = Unset.UNSET
_Policy = tuple[TokenUse | Unset | None, tuple[str, ...] | None]


class TokenVerifier:
    """Verifies the tokens of one user pool or of several; the exact `iss` of a token selects the pool.

    `token_use` is the expected token use if a call does not pass one; None accepts both. Tokens longer than `max_bytes`
    are rejected before they are decoded. The leeway applies to both ends of the validity. `key_stores` may be shared
    with other verifiers. The `cache_size` tokens verified last are cached; 0 caches none.

    Raises ValueError if there is no pool, two pools have the same issuer, a pool has no accepted app clients, or the
    leeway is greater than 60 seconds.
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
        self.pools = (pools,) if isinstance(pools, UserPool) else tuple(pools)
        if not self.pools or not all(pool.client_ids for pool in self.pools):
            # An empty `client_ids` must not mean every app client of the pool.
            raise ValueError("a verifier needs a user pool, and each pool its accepted app clients: client_ids=")
        if not 0 <= leeway_seconds <= _MAX_LEEWAY_SECONDS:
            raise ValueError(f"leeway_seconds is between 0 and {_MAX_LEEWAY_SECONDS}")
        self._leeway_seconds = leeway_seconds
        self._max_bytes = max_bytes
        insecure_hosts = frozenset(host for pool in self.pools for host in pool.insecure_hosts)
        self._key_stores = key_stores or KeyStores(http=Http(insecure_hosts=insecure_hosts))
        self._by_issuer = {
            issuer: (
                self._key_stores.for_pool(pool),
                Expected(pool, _token_uses(token_use), ClientIds(pool.client_ids), leeway_seconds),
            )
            for issuer, pool in pools_by_issuer(self.pools).items()
        }
        # Computed once: a token with a foreign `iss` is rejected before its signature is verified, so it must be cheap.
        self._issuers = tuple(self._by_issuer)
        self._issuer_forms = frozenset(form for pool in self.pools for form in pool.issuer_forms)
        self._cache = VerifiedTokenCache(cache_size)
        self._now = now

    def verify(
        self,
        raw: object,
        *,
        token_use: TokenUse | Unset | None = UNSET,
        client_ids: Collection[str] | None = None,
        user_pool_ids: Collection[str] | None = None,
        nonce: str | None = None,
        access_token: str | None = None,
        wait: bool = True,
    ) -> AccessToken | IdToken | ClientToken:
        """Verify `raw` and return the token; for a cached token, the same object.

        For this call, `client_ids` replaces the pool's accepted clients and `user_pool_ids` restricts the verifier's
        pools; an empty collection accepts no token. If passed, `nonce` must be the token's, and `access_token` must
        match the `at_hash` of an ID token that has this claim.
        May fetch the pool's JWKS (one request, tried at most twice), but not for a token whose claims are rejected; no
        other I/O. Without `wait` there is no I/O: for an event loop.

        Raises MalformedTokenError, SignatureError or a ClaimError, checked in that order (claims first if a key must be
        fetched); CognitoUnavailableError if keys are needed and cannot be fetched, which without `wait` is a
        KeyFetchRequiredError.

        Source: AWS developer guide, "Verifying JSON web tokens"; RFC 7519 7.2; RFC 8725 3.
        """
        policy = None  # the parameters of this call that differ from the verifier's
        if client_ids is not None or token_use is not UNSET:
            policy = (token_use, None if client_ids is None else ClientIds(_strings(client_ids)))
        # The tokens of a sign-in come once, and `nonce` and `access_token` are verified for this sign-in only.
        key = self._cache.cache_key(raw) if nonce is None and access_token is None else None
        entry = self._cache.get(key)
        pool_ids = None if user_pool_ids is None else _strings(user_pool_ids)
        is_accepted = entry is not None and (pool_ids is None or entry.token.user_pool_id in pool_ids)
        if entry is not None and is_accepted and entry.policy == policy and self._is_still_valid(entry):
            return entry.token
        entry = self._verify_new(raw, policy, nonce, access_token, wait, pool_ids)
        if key is not None:
            self._cache.add(key, entry)
        return entry.token

    def hydrate(self) -> None:
        """Fetch the keys of every pool before the first request. Raises CognitoUnavailableError."""
        for pool in self.pools:
            self._key_stores.for_pool(pool).hydrate()

    def load_jwks(self, pool: UserPool, jwks: Mapping[str, Any]) -> None:
        """Pin the keys of `pool`: they are never fetched. Raises ValueError for an unusable key set."""
        self._key_stores.for_pool(pool).pin(jwks)

    def _is_still_valid(self, entry: CacheEntry) -> bool:
        """Return whether a cached token has not expired and its key is still in the JWKS."""
        _, _, store, kid, key, starts_at, ends_at = entry
        now, leeway = self._now(), self._leeway_seconds
        return starts_at - leeway <= now < ends_at + leeway and store.get_cached_key(kid) is key

    def _select_pool(
        self, claims: Mapping[str, Any], policy: _Policy | None, nonce: str | None, pool_ids: tuple[str, ...] | None
    ) -> tuple[KeyStore, Expected]:
        """Return the keys of the pool with the token's issuer, and the claims that this call expects.

        Raises IssuerError if no such pool is configured, or not accepted by the call. It has no unverified value.
        """
        issuer = claims.get("iss")
        selected = self._by_issuer.get(issuer) if isinstance(issuer, str) else None
        if selected is None:
            if isinstance(issuer, str) and issuer in self._issuer_forms:
                message = f"the pool's other issuer form: add {issuer!r} to ISSUER to accept it"
            else:
                message = "from a user pool that is not configured"
            raise IssuerError(message, claim="iss", expected=self._issuers, unverified=issuer)
        store, expected = selected
        if pool_ids is not None and expected.pool.user_pool_id not in pool_ids:
            message = "from a user pool that is configured and not accepted by this call"
            error = IssuerError(message, claim="iss", unverified=issuer)
            raise _with_token_details(error, claims, expected)
        token_use, client_ids = policy or (UNSET, None)
        if token_use is not UNSET:
            expected = expected._replace(token_uses=_token_uses(token_use))
        if client_ids is not None:
            expected = expected._replace(client_ids=client_ids)
        return store, (expected if nonce is None else expected._replace(nonce=nonce))

    def _verify_new(
        self,
        raw: object,
        policy: _Policy | None,
        nonce: str | None,
        access_token: str | None,
        wait: bool,
        pool_ids: tuple[str, ...] | None,
    ) -> CacheEntry:
        """Verify a token that is not cached: its structure, its pool, its signature and its claims."""
        header, claims, signed, signature = decode_jws(raw, self._max_bytes)
        kid, typ = _read_header(header)
        if typ in _ACCESS_TOKEN_TYPES and claims.get("token_use") == "id":
            raise SignatureError("typ is an access token's, token_use an ID token's")
        store, expected = self._select_pool(claims, policy, nonce, pool_ids)
        now = self._now()
        try:
            key = store.get_cached_key(kid)
            if key is None:
                try:
                    verify_claims(claims, expected, now)  # first, so that a token with invalid claims causes no fetch
                except ClaimError as error:
                    raise error.without_values() from None  # the values are not verified yet
                key = store.get_key(kid, wait=wait)
            # hashlib takes half the time of `cryptography` to hash.
            key.verify(signature, hashlib.sha256(signed).digest(), _PADDING, _HASH)
            starts_at, ends_at = verify_claims(claims, expected, now)
            if access_token is not None:
                _verify_at_hash(claims, access_token)
        except InvalidSignature as error:
            # The end of a token is lost if it is copied from a terminal or stored in a column that is too short.
            is_cut = len(signature) < _MIN_SIGNATURE_BYTES
            message = "the signature is too short: the token was cut" if is_cut else "the signature is not the pool's"
            raise _with_token_details(SignatureError(message), claims, expected) from error
        except TokenError as error:
            _with_token_details(error, claims, expected)
            raise
        return CacheEntry(build_token(claims, expected.pool.user_pool_id), policy, store, kid, key, starts_at, ends_at)


@lru_cache(_MAX_CACHED_HEADERS)
def _read_header(segment: bytes) -> tuple[str, str]:
    """Return `kid` and the lower-case `typ` of a header that Cognito could have written; an absent `typ` is "jwt".

    URLs and keys in the header are never read. Raises MalformedTokenError or SignatureError.
    """
    header = decode_segment(segment)
    if header.get("alg") != "RS256":
        raise SignatureError("alg is not RS256")
    # RFC 7515 4.1.11: lists extensions that must be supported, and none is; RFC 7797 6: `b64` is one.
    if "crit" in header or "b64" in header:
        raise SignatureError("the header requires an extension; none is supported")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
        raise SignatureError("no kid of reasonable length")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise SignatureError("typ is neither JWT nor at+jwt")
    return kid, typ.lower()


def _with_token_details(error: TokenError, claims: Mapping[str, Any], expected: Expected) -> TokenError:
    """Return `error` with the pool and the app client of the rejected token."""
    error.user_pool_id = expected.pool.user_pool_id
    error.client_id = find_accepted_client(claims, expected.client_ids)
    return error


def _verify_at_hash(claims: Mapping[str, Any], access_token: str) -> None:
    """OpenID Connect Core 3.1.3.8: `at_hash`, if present, is the left half of the access token's SHA-256."""
    if "at_hash" not in claims:
        return
    half = hashlib.sha256(access_token.encode(errors="replace")).digest()[:16]
    if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
        raise ClaimError("not issued with this access token", claim="at_hash", code="at_hash_mismatch")


def _token_uses(token_use: TokenUse | None) -> tuple[TokenUse, ...]:
    if token_use is None:
        return _TOKEN_USES
    if token_use not in _TOKEN_USES:
        raise ValueError('token_use is "access", "id" or None for either')
    return (token_use,)


def _strings(names: Collection[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
