"""Issue, refresh and verify tokens from grants, keys and claims. The caller holds the lock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt.types import Options

from ..errors import ServiceError
from . import tokens
from .clients import AppClient
from .grants import Grant, Grants
from .keys import KeyRing
from .pools import Pools
from .users import User

# PyJWT only checks the signature: the times are checked by the clock that is passed in.
_BY_OUR_CLOCK: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["exp", "scope"]}


@dataclass(frozen=True)
class Issued:
    """The tokens of a sign-in or refresh, as the OAuth endpoint and the AWS API return them.

    Without rotation, a refresh returns no refresh token.
    """

    grant: Grant
    lifetime: int
    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)

    def oauth_answer(self) -> dict[str, Any]:
        """Return the token endpoint's response. It has an ID token if the scope `openid` was granted."""
        id_token = {"id_token": self.id_token} if "openid" in self.grant.scopes else {}
        refresh_token = {"refresh_token": self.refresh_token} if self.refresh_token else {}
        common = {"access_token": self.access_token, "token_type": "Bearer", "expires_in": self.lifetime}
        return {**common, **id_token, **refresh_token}

    def api_answer(self) -> dict[str, Any]:
        """Return the AuthenticationResult of the AWS API."""
        refresh_token = {"RefreshToken": self.refresh_token} if self.refresh_token else {}
        tokens = {"AccessToken": self.access_token, "IdToken": self.id_token, **refresh_token}
        return {**tokens, "ExpiresIn": self.lifetime, "TokenType": "Bearer"}


class TokenIssuer:
    """The issuer of the tokens of all pools. Raises ServiceError with the names and messages of AWS."""

    def __init__(self, pools: Pools, keys: KeyRing, *, issuer: Callable[[str], str], now: Callable[[], float]) -> None:
        self._pools = pools
        self._keys = keys
        self._issuer = issuer
        self._now = now
        self.grants = Grants(now)

    def open(self, client: AppClient, grant: Grant) -> Issued:
        """Return the tokens of a new sign-in."""
        access_token, id_token = self._sign(client, grant)
        refresh_token = self.grants.open(grant)
        return Issued(grant, client.access_token_seconds, access_token, id_token, refresh_token)

    def refresh(self, client: AppClient, refresh_token: str) -> Issued:
        """Return new tokens for a refresh token, with a new refresh token if the client rotates them.

        For a disabled or deleted user the error is about the user, although the token was revoked too.
        """
        owner = self.grants.grant_of(refresh_token)
        if owner is not None and owner.client_id == client.id:
            self._find_user(owner)
        grant = self.grants.redeem(refresh_token, client.id, client.rotation_grace_seconds)
        access_token, id_token = self._sign(client, grant)
        rotated = self.grants.rotate(refresh_token) if client.rotates else None
        return Issued(grant, client.access_token_seconds, access_token, id_token, rotated)

    def claims_of(self, access_token: str) -> dict[str, Any]:
        """Verify an access token of any pool and return its claims."""
        try:
            kid = jwt.get_unverified_header(access_token).get("kid")
            key = next(key for pool in self._pools if (key := self._keys.of(pool.id)["access"]).kid == kid)
            claims = jwt.decode(access_token, key.private.public_key(), algorithms=["RS256"], options=_BY_OUR_CLOCK)
        except (jwt.PyJWTError, StopIteration) as error:
            raise ServiceError("NotAuthorizedException", "Invalid Access Token") from error
        if claims.get("token_use") != "access":
            raise ServiceError("NotAuthorizedException", "Invalid Access Token")
        if self._now() >= claims["exp"]:
            raise ServiceError("NotAuthorizedException", "Access Token has expired")
        return claims

    def _sign(self, client: AppClient, grant: Grant) -> tuple[str, str]:
        """Return an access token and an ID token with the current claims of the user."""
        user, issuer, now = self._find_user(grant), self._issuer(grant.pool_id), int(self._now())
        keys = self._keys.of(grant.pool_id)
        access_token = keys["access"].sign(tokens.access_claims(user, client, grant, issuer=issuer, now=now))
        claims = tokens.id_claims(user, client, grant, issuer=issuer, now=now, access_token=access_token)
        return access_token, keys["id"].sign(claims)

    def _find_user(self, grant: Grant) -> User:
        moto_user = self._pools.find_moto_user_by_sub(grant.pool_id, grant.sub)
        if moto_user is None or not moto_user.enabled:
            raise ServiceError("NotAuthorizedException", "User is disabled." if moto_user else "User does not exist.")
        return self._pools.to_user(moto_user)
