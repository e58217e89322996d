"""A login's token checked as an identity pool checks it: an ID token of its user pool, in time, for its clients."""

from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from ..refusals import Refused
from ..user_pool_service import Authority
from .identity_pool import IdentityPool

# PyJWT checks the signature alone: the rest has sentences of its own, and the clock is the emulator's.
_SIGNATURE_ALONE: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}


def claims_of_login(raw: str, pool: IdentityPool, authority: Authority) -> Mapping[str, Any]:
    """The claims of an ID token that `pool` takes as a login. Raises Refused, in AWS's sentences."""
    unverified = _decoded(raw, None)
    if unverified.get("iss") != authority.issuer(pool.user_pool_id):
        raise _invalid("Issuer doesn't match providerName")
    claims = _decoded(raw, _key(raw, pool.user_pool_id, authority))
    ends_at, audience = claims.get("exp"), claims.get("aud")
    if claims.get("token_use") != "id" or not isinstance(claims.get("sub"), str) or not isinstance(ends_at, int):
        raise _not_an_id_token()
    if not isinstance(audience, str) or audience not in pool.client_ids:
        raise _invalid("Incorrect token audience.")
    now = int(authority.now())
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


def _key(raw: str, user_pool_id: str, authority: Authority) -> jwt.PyJWK:
    kid = jwt.get_unverified_header(raw).get("kid")
    for jwk in authority.jwks(user_pool_id)["keys"]:
        if jwk["kid"] == kid:
            return jwt.PyJWK(jwk)
    raise _invalid("Can't find the token's key.")


def _not_an_id_token() -> Refused:
    return _invalid("Not a valid OpenId Connect identity token.")


def _invalid(why: str) -> Refused:
    return Refused("NotAuthorizedException", f"Invalid login token. {why}")
