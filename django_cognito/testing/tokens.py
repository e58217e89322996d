"""Create tokens of the configured pool in Cognito's form. Must not depend on a request or the database."""

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
    """Return a signed token of the configured pool, which is accepted inside `trusted_keys`. No I/O.

    `alias` is an alias of POOLS; by default the first.

    The `sub` is derived from `username`. An email address is a user of a pool in which users sign in with it: it is the
    claim `email`, and Cognito's username is the `sub`. None is a machine-to-machine client (`client_credentials`),
    which has scopes: `make_token(username=None, scope="orders/read")`.
    `claims` replace those of `token_use` or are added to them; None removes one. Pass a name with a colon as
    `**{"custom:tenant": "acme"}`. `iat` is now, `exp` an hour later. Of two tokens of the same second, the later one
    only removes groups: a test that adds a group to an existing user passes an earlier `iat` to the first token.
    `header` and `key` are for tokens that must be rejected: `header` changes `kid` and `alg` as `claims` do.

    Raises ValueError for an ID token of a machine-to-machine client, which Cognito does not issue.
    """
    if isinstance(groups, str):
        raise TypeError("groups is a list of names")
    settings = get_pool_registry().by_alias[alias] if alias else get_settings()
    payload = _build_claims(settings, token_use, username, claims)
    if groups:
        payload["cognito:groups"] = list(groups)
    signed = f"{_segment({'kid': KID, 'alg': 'RS256'}, header or {})}.{_segment(payload, claims)}"
    signature = (key or signing_key()).sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64url(signature)}"


def _build_claims(
    settings: CognitoSettings, token_use: TokenUse, username: str | None, claims: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the claims of a user's token, or of a machine-to-machine client's if `username` is None."""
    now = int(unix_time())
    times = {"auth_time": now, "iat": now, "exp": now + 3_600}
    common = {"iss": settings.user_pool.issuers[0], "jti": str(uuid.uuid4()), **times, "token_use": token_use}
    if username is None:
        if token_use == "id":
            raise ValueError("a machine has no ID token")
        client_id = claims.get("client_id", settings.client_id)
        return {**common, "sub": client_id, "client_id": client_id, "version": 2}
    common |= {
        "sub": str(uuid.uuid5(_NAMESPACE, username)),
        "origin_jti": str(uuid.uuid5(_NAMESPACE, f"{username}/login")),
        "event_id": str(uuid.uuid4()),
    }
    # AWS developer guide, "Customizing sign-in attributes": with an email address as username, the username is a UUID.
    email, name = f"{username}@example.com", username
    if "@" in username:
        email, name = username, claims.get("sub", common["sub"])
    if token_use == "id":
        profile = {"email": email, "email_verified": True}
        return {**common, "aud": settings.client_id, "cognito:username": name, **profile}
    bound = {"aud": settings.resource} if settings.resource else {}
    scope = " ".join(settings.scopes)
    return {**common, **bound, "client_id": settings.client_id, "username": name, "scope": scope, "version": 2}


def _segment(usual: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    values = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    return _base64url(json.dumps(values, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
