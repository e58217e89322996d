"""The verification of a provider's ID token. No I/O: keys and time are passed in.

Source: OpenID Connect Core 3.1.3.7.
"""

import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from ..accounts.identity_providers import IdentityProvider
from .failures import FederationFailed

# Only algorithms with public keys: with HS256, anyone with the client secret could sign.
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_LEEWAY_SECONDS = 60
# PyJWT checks signature, issuer and audience: the times are checked by the clock that is passed in.
_BY_OUR_CLOCK: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "require": ["iss", "sub", "aud", "exp", "iat"],
}


def verify_id_token(
    raw: str, keys: Mapping[str, Any], provider: IdentityProvider, *, nonce: str, now: float
) -> dict[str, Any]:
    """Verify the provider's ID token of this sign-in and return its claims. Raises FederationFailed."""
    try:
        # The key with the header's `kid`; without a `kid`, the only key (OpenID Connect Core 10.1).
        kid = jwt.get_unverified_header(raw).get("kid")
        usable = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.public_key_use in (None, "sig")]
        matching = [key for key in usable if kid is None or key.key_id == kid]
        if len(matching) != 1:
            raise jwt.InvalidKeyError("no such key")
        claims: dict[str, Any] = jwt.decode(
            raw,
            matching[0],
            algorithms=list(_ALGORITHMS),
            audience=provider.client_id,
            issuer=[provider.issuer, f"{provider.issuer}/"],
            options=_BY_OUR_CLOCK,
        )
    except jwt.InvalidIssuerError as error:
        raise FederationFailed("Bad id_token issuer") from error
    except jwt.InvalidAudienceError as error:
        raise FederationFailed("Bad id_token audience") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise FederationFailed("Invalid id_token") from error
    _require_valid_claims(claims, provider, nonce=nonce, now=now)
    return claims


def _require_valid_claims(claims: Mapping[str, Any], provider: IdentityProvider, *, nonce: str, now: float) -> None:
    """Check that the token has not expired and is for this authorization request and this client."""
    expires_at, issued_at = claims["exp"], claims["iat"]
    if not all(isinstance(moment, int | float) and not isinstance(moment, bool) for moment in (expires_at, issued_at)):
        raise FederationFailed("Invalid id_token")
    if now >= expires_at + _LEEWAY_SECONDS:
        raise FederationFailed("Expired id_token")
    if issued_at > now + _LEEWAY_SECONDS:
        raise FederationFailed("Invalid id_token")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise FederationFailed("Bad id_token nonce")
    audience = claims["aud"]
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise FederationFailed("Bad id_token audience")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise FederationFailed("Invalid id_token")
