"""Tokens of the configured pool, as Cognito writes them, from cryptography alone."""

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from ..conf.loading import get_pool_registry, get_settings
from ..conf.schema import CognitoSettings
from ..core import TokenUse
from ..core.clock import unix_time
from .keys import KID, signing_key

_NAMESPACE = uuid.UUID("6e0f9f0e-6d6c-4a51-9f4b-6f5f6a0c8d11")


def make_token(
    *,
    token_use: TokenUse = "access",
    username: str | None = "alice",
    groups: Sequence[str] = (),
    header: Mapping[str, Any] | None = None,
    key: RSAPrivateKey | None = None,
    alias: str = "",
    **claims: Any,
) -> str:
    """A signed token of the configured pool: accepted while `trusted_keys` is open. No I/O.

    Where the site has several, `alias` names one of POOLS; by default it is the first.

    One `username` is one person: the `sub` follows from it. None is a machine (`client_credentials`), which has
    scopes: `make_token(username=None, scope="orders/read")`.
    `claims` are added to those of `token_use`, and replace them; None takes one away. Names with a colon are changes as
    `**{"custom:tenant": "acme"}`. `iat` is now, `exp` an hour later; of two tokens of the same second the later one
    takes groups away and gives none, so a test that gives a known person a group says an earlier `iat` first.
    `header` and `key` are for tokens that must be refused: `header` adds to and replaces `kid` and `alg` likewise.
    """
    if isinstance(groups, str):
        raise TypeError("groups is a list of names")
    settings = get_pool_registry().by_alias[alias] if alias else get_settings()
    payload = _person(settings, token_use, username) if username is not None else _machine(settings, token_use, claims)
    if groups:
        payload["cognito:groups"] = list(groups)
    signed = (
        f"{_segment({'kid': KID, 'alg': 'RS256'}, header or {})}.{_segment({**_common(settings), **payload}, claims)}"
    )
    signature = (key or signing_key()).sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64url(signature)}"


def _common(settings: CognitoSettings) -> dict[str, Any]:
    now = int(unix_time())
    times = {"auth_time": now, "iat": now, "exp": now + 3_600}
    return {"iss": settings.user_pool.issuers[0], "jti": str(uuid.uuid4()), **times}


def _person(settings: CognitoSettings, token_use: TokenUse, username: str) -> dict[str, Any]:
    common = {
        "sub": str(uuid.uuid5(_NAMESPACE, username)),
        "origin_jti": str(uuid.uuid5(_NAMESPACE, f"{username}/login")),
        "event_id": str(uuid.uuid4()),
        "token_use": token_use,
    }
    if token_use == "id":
        profile = {"email": f"{username}@example.com", "email_verified": True}
        return {**common, "aud": settings.client_id, "cognito:username": username, **profile}
    bound = {"aud": settings.resource} if settings.resource else {}
    scope = " ".join(settings.scopes)
    return {**common, **bound, "client_id": settings.client_id, "username": username, "scope": scope, "version": 2}


def _machine(settings: CognitoSettings, token_use: TokenUse, claims: Mapping[str, Any]) -> dict[str, Any]:
    if token_use == "id":
        raise ValueError("a machine has no ID token")
    client_id = claims.get("client_id", settings.client_id)
    return {"sub": client_id, "client_id": client_id, "token_use": token_use, "version": 2}


def _segment(usual: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    values = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return _base64url(json.dumps(values, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
