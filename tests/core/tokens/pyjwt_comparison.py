"""Verify one case with this package and with PyJWT, under one policy. Needs no pytest: the fuzz targets use it too."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple
from unittest import mock

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import ClaimError, TokenError
from django_cognito.core.tokens.jwks import KeySet

NOW = 1_800_000_000
POOL_ID = "eu-west-1_AbCdEfGhI"
ISSUERS = UserPool(POOL_ID).issuer_forms
# PyJWT's errors, and Python's errors that PyJWT does not catch for some unusual tokens and key sets.
_REFUSALS = (
    jwt.PyJWTError,
    UnsupportedAlgorithm,
    AttributeError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Policy:
    """What a site expects. `overrides` is what one call expects instead."""

    client_ids: tuple[str, ...] = ("1webclient",)
    issuers: tuple[str, ...] = ISSUERS[:1]
    leeway_seconds: float = 10
    token_use: Any = "access"
    resource: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A token, the JWKS of its pool, and the policy."""

    raw: Any
    jwks: Any
    policy: Policy = Policy()

    def verifier(self, now: Any = lambda: NOW, cache_size: int = 0) -> TokenVerifier:
        """Return a verifier of the policy, without keys."""
        policy = self.policy
        pool = UserPool(POOL_ID, policy.client_ids, issuer=policy.issuers, resource=policy.resource)
        return TokenVerifier(
            pool,
            token_use=policy.token_use,
            leeway_seconds=policy.leeway_seconds,
            cache_size=cache_size,
            now=now,
        )


class Verdict(NamedTuple):
    """A refusal or a token."""

    message: str = ""
    kind: str = ""
    code: str = ""
    claim: str = ""
    pool_and_client: tuple[str, str] = ("", "")
    token: tuple[str, str, str] | None = None


def package_verdict(case: Case) -> Verdict:
    """Return this package's verdict. Exceptions that are not its own are passed on."""
    verifier = case.verifier()
    try:
        verifier.load_jwks(verifier.pools[0], case.jwks)
    except ValueError as error:
        return Verdict(f"keys: {error}", "ValueError")
    return verdict_of(verifier, case)


def verdict_of(verifier: TokenVerifier, case: Case) -> Verdict:
    """Return the verdict of a verifier that has its keys."""
    try:
        token = verifier.verify(case.raw, **case.policy.overrides)
    except TokenError as error:
        claim = error.claim if isinstance(error, ClaimError) else ""
        pool_and_client = error.user_pool_id, error.client_id
        return Verdict(error.args[0], type(error).__name__, error.code, claim, pool_and_client)
    # Compare texts, so that 1, 1.0 and True differ. Reading an attribute must never fail.
    attributes = {name: getattr(token, name) for name in dir(token) if not name.startswith("_")}
    return Verdict(token=(type(token).__name__, token.user_pool_id, repr(attributes)))


def reason(case: Case, verdict: Verdict) -> str:
    """Return why this package refuses: with the claim's name, or with the reason why the key was skipped."""
    if verdict.code in ("unknown_key", "invalid_signature"):
        kid = jwt.get_unverified_header(case.raw)["kid"]
        if kid and (problem := dict(KeySet(case.jwks).skipped).get(kid)):
            return f"key: {problem}"
    return f"{verdict.claim}: {verdict.message}" if verdict.claim else verdict.message


def pyjwt_accepts(case: Case) -> bool:
    """Return PyJWT's verdict, extended by Cognito's rules (AWS developer guide, "Verifying JSON web tokens")."""
    try:
        keys = list(pyjwks_keys(case.jwks, jwt.get_unverified_header(case.raw)["kid"]))
    except _REFUSALS:
        return False
    return any(_pyjwt_accepts_with(key, case.raw, case.policy) for key in keys)


def _pyjwt_accepts_with(key: jwt.PyJWK, raw: Any, policy: Policy) -> bool:
    options: Any = {"require": ["exp", "iat", "iss", "sub"], "verify_aud": False, "enforce_minimum_key_length": True}
    try:
        claims = jwt.decode(raw, key, ["RS256"], options, issuer=list(policy.issuers), leeway=policy.leeway_seconds)
        return _has_expected_claims(claims, policy) and _has_accepted_client(raw, claims, policy)
    except _REFUSALS:
        return False


@contextmanager
def pyjwt_at(now: float = NOW) -> Iterator[None]:
    """Set the time of PyJWT, which has no parameter for it."""

    class Moment(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Moment":
            return cls.fromtimestamp(now, tz or UTC)

    with mock.patch.object(jwt.api_jwt, "datetime", Moment):
        yield


def pyjwks_keys(document: Any, kid: str) -> Iterator[jwt.PyJWK]:
    """Yield all keys with that `kid`: PyJWKSet returns the first, but a `kid` may occur twice (RFC 7517 4.5).

    Each key is read in a set of its own: an error of PyJWKSet (an unhashable `alg`) must not hide the others.
    """
    for member in document["keys"]:
        with suppress(*_REFUSALS):
            yield jwt.PyJWKSet.from_dict({"keys": [member]})[kid]


def _has_expected_claims(claims: Mapping[str, Any], policy: Policy) -> bool:
    overrides = policy.overrides
    token_use = overrides.get("token_use", policy.token_use)
    if claims.get("token_use") not in (("access", "id") if token_use is None else (token_use,)):
        return False
    if overrides.get("nonce") is not None and claims.get("nonce") != overrides["nonce"]:
        return False
    if overrides.get("access_token") is None or "at_hash" not in claims:
        return True
    left_half = hashlib.sha256(overrides["access_token"].encode()).digest()[:16]
    return bool(claims["at_hash"] == base64.urlsafe_b64encode(left_half).decode().rstrip("="))


def _has_accepted_client(raw: str, claims: Mapping[str, Any], policy: Policy) -> bool:
    client_ids = policy.overrides.get("client_ids")
    accepted = list(policy.client_ids if client_ids is None else client_ids)
    if claims["token_use"] == "id":
        return _has_audience(raw, accepted)
    client_id = claims.get("client_id")
    if not isinstance(client_id, str) or client_id not in accepted:
        return False
    is_client_token = "username" not in claims and claims["sub"] == client_id
    if not policy.resource or (is_client_token and "aud" not in claims):
        return True
    return _has_audience(raw, [policy.resource])


def _has_audience(raw: str, audience: list[str]) -> bool:
    jwt.decode(raw, options={"verify_signature": False, "verify_aud": True}, audience=audience)
    return True
