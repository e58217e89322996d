"""The user pools as the hosted UI and the AWS API need them: the only door to their state, behind one lock.

Knows no HTTP. Every public method takes the lock and may be called from any thread.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import jwt
from jwt.types import Options

from ..core.pool import UserPool
from . import tokens
from .clients import AppClient
from .grants import Grant, Grants
from .keys import KeyRing
from .people import Person
from .pools import Pools
from .refusals import Refused, bad_credentials
from .totp import TotpSecrets

__all__ = ["AppClient", "Authority", "IssuerForm", "Person", "Refused"]

IssuerForm = Literal["localhost", "aws"]
# PyJWT checks the signature alone: the times are checked by the clock that was handed in.
_BY_OUR_CLOCK: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["exp", "scope"]}


class Authority:
    """Who is who, who may in, and what they get. Raises Refused with AWS's names and sentences.

    `origin` is where the local Cognito is reached; `issuer_form` whether tokens name it, or AWS as real ones do.
    """

    def __init__(
        self,
        pools: Pools,
        keys: KeyRing,
        *,
        origin: str,
        issuer_form: IssuerForm = "localhost",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pools = pools
        self.keys = keys
        self.origin = origin
        self.now = now
        self.grants = Grants(now)
        self.totp = TotpSecrets(now)
        self.lock = threading.RLock()
        self._issuer_form = issuer_form

    # Pools

    def pool_ids(self) -> tuple[str, ...]:
        """The ids of all pools."""
        with self.lock:
            return tuple(pool.id for pool in self.pools)

    def issuer(self, pool_id: str) -> str:
        """The pool's issuer, as its tokens name it."""
        if self._issuer_form == "aws":
            return UserPool(pool_id).issuers[0]
        return f"{self.origin}/{pool_id}"

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """The pool's key document. Raises Refused for an unknown pool."""
        with self.lock:
            self.pools.get(pool_id)
            return self.keys.jwks(pool_id)

    def client(self, client_id: str) -> AppClient | None:
        """The app client of that id, whichever pool it belongs to."""
        with self.lock:
            return self.pools.client(client_id)

    # People

    def person(self, pool_id: str, sub: str) -> Person | None:
        """The person with that `sub`."""
        with self.lock:
            user = self.pools.user_by_sub(pool_id, sub)
            return self.pools.person(user) if user else None

    def find_person(self, client: AppClient, username: str) -> Person:
        """The person who signs in as `username`. Raises Refused, in the words that the client allows."""
        with self.lock:
            user = self.pools.user(client.pool_id, username)
            if user is None:
                unknown = Refused("UserNotFoundException", "User does not exist.")
                raise bad_credentials() if client.hides_unknown_people else unknown
            return self.pools.person(user)

    def check_password(self, client: AppClient, username: str, password: str) -> Person:
        """The person whose username, or alias where the pool has them, and password these are.

        One who `must_change_password` is let through: the next step is `set_password`. Raises Refused.
        """
        with self.lock:
            person = self.find_person(client, username)
            known = self.pools.get_user(person).password
            if not known or not password or known != password:
                raise bad_credentials()
            self.require_able_to_sign_in(person)
            return person

    def require_able_to_sign_in(self, person: Person) -> None:
        """Nothing, if the state of the account lets a person with the right password go on. Raises Refused."""
        if not person.enabled:
            raise Refused("NotAuthorizedException", "User is disabled.")
        if person.status == "UNCONFIRMED":
            raise Refused("UserNotConfirmedException", "User is not confirmed.")
        if person.status == "RESET_REQUIRED":
            raise Refused("PasswordResetRequiredException", "Password reset required for the user")

    def check_totp(self, person: Person, code: str) -> None:
        """Nothing, if `code` is the person's, now, for the first time. Raises Refused."""
        with self.lock:
            self.totp.check(person, code)

    def set_password(self, person: Person, password: str) -> None:
        """Give the person a password of their own choice. Raises Refused if the pool's policy forbids it."""
        with self.lock:
            self.pools.set_password(person, password)

    def password_of(self, person: Person) -> str:
        """The person's password, for the verifier of SRP."""
        with self.lock:
            return self.pools.get_user(person).password or ""

    # Tokens

    def issue(
        self,
        client: AppClient,
        person: Person,
        *,
        scopes: tuple[str, ...] | list[str],
        nonce: str | None = None,
        auth_time: float | None = None,
    ) -> dict[str, Any]:
        """A token endpoint's answer to a new sign-in; an ID token is in it if `openid` is among the scopes."""
        grant = self._grant(client, person, tuple(scopes), auth_time=auth_time, nonce=nonce)
        return _oauth_answer(self._open(client, grant), grant, client)

    def issue_to_api(self, client: AppClient, person: Person) -> dict[str, Any]:
        """InitiateAuth's AuthenticationResult for a new sign-in."""
        grant = self._grant(client, person, (tokens.ADMIN_SCOPE,), is_from_api=True)
        return _api_answer(self._open(client, grant), client)

    def refresh(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """A token endpoint's answer to a refresh. Raises Refused("invalid_grant")."""
        try:
            grant, issued = self._refresh(client, refresh_token)
        except Refused as error:
            raise Refused("invalid_grant", error.message) from error
        return _oauth_answer(issued, grant, client)

    def refresh_at_api(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """The AuthenticationResult of a refresh. Raises Refused with AWS's names."""
        return _api_answer(self._refresh(client, refresh_token)[1], client)

    def revoke(self, client: AppClient, refresh_token: str) -> None:
        """End the sign-in behind a refresh token; one that is unknown, or ended, is fine (RFC 7009 2.2).

        Raises Refused: `unsupported_token_type` for another kind of token, `invalid_request` where the client
        has revocation switched off, `invalid_client` for another client's token.
        """
        if not client.is_revocable:
            raise Refused("invalid_request", "Token revocation is not enabled for this client")
        if refresh_token.count(".") == 2:
            raise Refused("unsupported_token_type", "Only refresh tokens can be revoked")
        with self.lock:
            grant = self.grants.grant_of(refresh_token)
            if grant is None:
                return
            if grant.client_id != client.id:
                raise Refused("invalid_client", "The token was issued to another client")
            self.grants.end(grant.origin_jti)

    def sign_out_everywhere(self, person: Person) -> None:
        """End all of a person's sign-ins."""
        with self.lock:
            self.grants.end_all(person.pool_id, person.sub)

    def holder(self, access_token: str, *, scope: str) -> tuple[Person, Grant]:
        """The person and the grant behind an access token that Cognito's own APIs still take. Raises Refused."""
        with self.lock:
            claims = self._verified(access_token)
            grant = self.grants.live(claims.get("origin_jti", ""))
            person = self.person(grant.pool_id, grant.sub) if grant else None
            if grant is None or person is None or not person.enabled:
                raise Refused("NotAuthorizedException", "Access Token has been revoked")
            if scope not in claims["scope"].split():
                raise Refused("NotAuthorizedException", "Access Token does not have required scopes")
            return person, grant

    def user_info(self, access_token: str) -> dict[str, str]:
        """What userInfo answers for an access token with the scope `openid`. Raises Refused("invalid_token")."""
        with self.lock:
            try:
                person, grant = self.holder(access_token, scope="openid")
            except Refused as error:
                raise Refused("invalid_token", error.message) from error
            client = self.pools.client(grant.client_id)
            if client is None:
                raise Refused("invalid_token", "The client does not exist any more")
            return tokens.user_info(person, client, grant.scopes)

    def _grant(
        self,
        client: AppClient,
        person: Person,
        scopes: tuple[str, ...],
        *,
        is_from_api: bool = False,
        auth_time: float | None = None,
        nonce: str | None = None,
    ) -> Grant:
        now = self.now()
        return Grant(
            pool_id=client.pool_id,
            client_id=client.id,
            sub=person.sub,
            scopes=scopes,
            auth_time=int(now if auth_time is None else auth_time),
            expires_at=now + client.refresh_token_seconds,
            is_from_api=is_from_api,
            nonce=nonce,
        )

    def _open(self, client: AppClient, grant: Grant) -> dict[str, str]:
        with self.lock:
            issued = self._sign(client, grant)
            return {**issued, "refresh_token": self.grants.open(grant)}

    def _refresh(self, client: AppClient, refresh_token: str) -> tuple[Grant, dict[str, str]]:
        with self.lock:
            grant = self.grants.redeem(refresh_token, client.id, client.rotation_grace_seconds)
            issued = self._sign(client, grant)
            rotated = {"refresh_token": self.grants.rotate(refresh_token)} if client.rotates else {}
            return grant, {**issued, **rotated}

    def _sign(self, client: AppClient, grant: Grant) -> dict[str, str]:
        """An access and an ID token by what the pool says of the person now."""
        person = self.person(grant.pool_id, grant.sub)
        if person is None or not person.enabled:
            raise Refused("NotAuthorizedException", "User is disabled." if person else "User does not exist.")
        keys, issuer, now = self.keys.of(grant.pool_id), self.issuer(grant.pool_id), int(self.now())
        access = keys["access"].sign(tokens.access_claims(person, client, grant, issuer=issuer, now=now))
        claims = tokens.id_claims(person, client, grant, issuer=issuer, now=now, access_token=access)
        return {"access_token": access, "id_token": keys["id"].sign(claims)}

    def _verified(self, access_token: str) -> dict[str, Any]:
        """The claims of an access token of any pool here, if its signature holds and it has time left."""
        try:
            kid = jwt.get_unverified_header(access_token).get("kid")
            key = next(key for pool in self.pools if (key := self.keys.of(pool.id)["access"]).kid == kid)
            claims = jwt.decode(access_token, key.private.public_key(), algorithms=["RS256"], options=_BY_OUR_CLOCK)
        except (jwt.PyJWTError, StopIteration) as error:
            raise Refused("NotAuthorizedException", "Invalid Access Token") from error
        if claims.get("token_use") != "access":
            raise Refused("NotAuthorizedException", "Invalid Access Token")
        if self.now() >= claims["exp"]:
            raise Refused("NotAuthorizedException", "Access Token has expired")
        return claims


def _oauth_answer(issued: dict[str, str], grant: Grant, client: AppClient) -> dict[str, Any]:
    withheld = () if "openid" in grant.scopes else ("id_token",)
    answer = {name: raw for name, raw in issued.items() if name not in withheld}
    return {**answer, "token_type": "Bearer", "expires_in": client.access_token_seconds}


def _api_answer(issued: dict[str, str], client: AppClient) -> dict[str, Any]:
    names = {"access_token": "AccessToken", "id_token": "IdToken", "refresh_token": "RefreshToken"}
    answer = {names[name]: raw for name, raw in issued.items()}
    return {**answer, "ExpiresIn": client.access_token_seconds, "TokenType": "Bearer"}
