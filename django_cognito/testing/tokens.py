"""Tokens of the configured pool, as Cognito writes them, from cryptography alone."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from ..conf import get_settings
from ..core import TokenUse
from .keys import KID, signing_key

_NAMESPACE = uuid.UUID("6e0f9f0e-6d6c-4a51-9f4b-6f5f6a0c8d11")


def make_token(
    *,
    token_use: TokenUse = "access",
    username: str = "alice",
    groups: tuple[str, ...] | list[str] = (),
    header: Mapping[str, Any] | None = None,
    key: RSAPrivateKey | None = None,
    **claims: Any,
) -> str:
    """A signed token of the configured pool: accepted while `trusted_keys` is open. No I/O.

    `claims` are added to those of `token_use`, and replace them; None takes one away. Names with a colon are given as
    `**{"custom:tenant": "acme"}`. `header` and `key` are for tokens that must be refused. The `sub` follows from
    `username`, so that one name is one person; `iat` is now, `exp` an hour later.
    """
    merged = {**_claims(token_use, username), **({"cognito:groups": list(groups)} if groups else {}), **claims}
    said = {name: value for name, value in merged.items() if value is not None}
    signed = f"{_segment(header or {'kid': KID, 'alg': 'RS256'})}.{_segment(said)}"
    signature = (key or signing_key()).sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64url(signature)}"


def _claims(token_use: TokenUse, username: str) -> dict[str, Any]:
    settings, now = get_settings(), int(time.time())
    sub = str(uuid.uuid5(_NAMESPACE, username))
    common = {
        "sub": sub,
        "iss": settings.user_pool.issuers[0],
        "origin_jti": str(uuid.uuid5(_NAMESPACE, f"{username}/login")),
        "event_id": str(uuid.uuid4()),
        "jti": str(uuid.uuid4()),
        "token_use": token_use,
        "auth_time": now,
        "iat": now,
        "exp": now + 3_600,
    }
    if token_use == "id":
        profile = {"email": f"{username}@example.com", "email_verified": True}
        return {**common, "aud": settings.client_id, "cognito:username": username, **profile}
    scope = " ".join(settings.scopes)
    return {**common, "client_id": settings.client_id, "username": username, "scope": scope, "version": 2}


def _segment(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
