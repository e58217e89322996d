"""The validation of a login as an identity pool does it: an ID token of its user pool, not expired, for its clients."""

from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .identity_pool import IdentityPool

# PyJWT only checks the signature: the other checks have AWS's messages and use the emulator's clock.
_SIGNATURE_ALONE: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}


def claims_of_login(raw: str, pool: IdentityPool, service: UserPoolService) -> Mapping[str, Any]:
    """Return the claims of an ID token that `pool` accepts as a login. Raises ServiceError with the messages of AWS."""
    unverified = _decoded(raw, None)
    if unverified.get("iss") != service.issuer(pool.user_pool_id):
        raise _invalid("Issuer doesn't match providerName")
    kid = jwt.get_unverified_header(raw).get("kid")
    jwk = next((jwk for jwk in service.jwks(pool.user_pool_id)["keys"] if jwk["kid"] == kid), None)
    if jwk is None:
        raise _invalid("Can't find the token's key.")
    claims = _decoded(raw, jwt.PyJWK(jwk))
    ends_at, audience = claims.get("exp"), claims.get("aud")
    if claims.get("token_use") != "id" or not isinstance(claims.get("sub"), str) or not isinstance(ends_at, int):
        raise _not_an_id_token()
    if not isinstance(audience, str) or audience not in pool.client_ids:
        raise _invalid("Incorrect token audience.")
    now = int(service.now())
    if now >= ends_at:
        raise _invalid(f"Token expired: {ends_at} >= {now}")
    return claims


def _decoded(raw: str, key: jwt.PyJWK | None) -> dict[str, Any]:
    options: Options = {**_SIGNATURE_ALONE, "verify_signature": key is not None}
    try:
        return dict(jwt.decode(raw, key or "", algorithms=["RS256"], options=options))
    except jwt.InvalidSignatureError as error:
        raise _invalid("Token signature invalid.") from error
    except jwt.PyJWTError as error:
        raise _not_an_id_token() from error


def _not_an_id_token() -> ServiceError:
    return _invalid("Not a valid OpenId Connect identity token.")


def _invalid(why: str) -> ServiceError:
    return ServiceError("NotAuthorizedException", f"Invalid login token. {why}")
