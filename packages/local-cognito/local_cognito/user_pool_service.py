"""The user pools as the hosted UI and the AWS API need them: the only door to their state, behind one lock.

Knows no HTTP. Every public method takes the lock and may be called from any thread.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from .accounts import tokens
from .accounts.assurance import Assurance, least_level, level_names
from .accounts.client_secrets import LONGEST_SECONDS, SECRET_PATTERN
from .accounts.clients import AppClient
from .accounts.grants import Grant
from .accounts.keys import KeyRing, TokenUse
from .accounts.mint import Mint
from .accounts.people import Person
from .accounts.pools import Pools
from .accounts.totp import TotpSecrets
from .addresses import aws_issuer
from .clock import unix_time
from .federation.federated_people import FederatedPeople
from .refusals import Refused, bad_credentials
from .self_service.codes import Codes
from .self_service.mailbox import Mailbox
from .self_service.recovery import Recovery
from .self_service.sign_up import SignUps
from .self_service.verification import Verifications

__all__ = ["AppClient", "Authority", "IssuerForm", "Person", "Refused"]

IssuerForm = Literal["localhost", "aws"]


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
        now: Callable[[], float] = unix_time,
        mailbox: Mailbox | None = None,
    ) -> None:
        self.pools = pools
        self.origin = origin
        self.now = now
        self.totp = TotpSecrets(now)
        self.lock = threading.RLock()
        self.mailbox = mailbox or Mailbox()
        codes, key = Codes(self.mailbox, now), secrets.token_bytes(32)
        self.sign_ups = SignUps(pools, codes, self.lock, key)
        self.recovery = Recovery(pools, codes, self.lock, key)
        self.federated = FederatedPeople(pools, self.lock, now)
        self.verifications = Verifications(pools, codes)
        self._keys = keys
        self._issuer_form = issuer_form
        self._mint = Mint(pools, keys, issuer=self.issuer, now=now)
        self.grants = self._mint.grants

    # Pools

    def pool_ids(self) -> tuple[str, ...]:
        """The ids of all pools."""
        with self.lock:
            return tuple(pool.id for pool in self.pools)

    def issuer(self, pool_id: str) -> str:
        """The pool's issuer, as its tokens name it."""
        if self._issuer_form == "aws":
            return aws_issuer(pool_id)
        return f"{self.origin}/{pool_id}"

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """The pool's key document. Raises Refused for an unknown pool."""
        with self.lock:
            self.pools.get(pool_id)
            return self._keys.jwks(pool_id)

    def sign(self, pool_id: str, claims: Mapping[str, Any], use: TokenUse) -> str:
        """A token with exactly these claims and a good signature of the pool. Raises Refused for an unknown pool."""
        with self.lock:
            self.pools.get(pool_id)
            return self._keys.of(pool_id)[use].sign(claims)

    def client(self, client_id: str) -> AppClient | None:
        """The app client of that id, whichever pool it belongs to."""
        with self.lock:
            return self.pools.client(client_id)

    def replace_client_secret(self, client_id: str, secret: str, *, keep_former_seconds: float = 0) -> None:
        """Give a confidential client another secret, valid at once; the present one stays valid for a while.

        Raises Refused: `ResourceNotFoundException` for an unknown client, else `InvalidParameterException`.
        """
        with self.lock:
            client = self.pools.client(client_id)
            if client is None:
                raise Refused("ResourceNotFoundException", f"User pool client {client_id} does not exist.")
            if problem := _replacement_problem(client, secret, keep_former_seconds):
                raise Refused("InvalidParameterException", problem)
            self.pools.replace_client_secret(client, secret, keep_former_seconds)

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
        scopes: Sequence[str],
        nonce: str | None = None,
        resource: str | None = None,
        auth_time: float | None = None,
        assurance: Assurance | None = None,
    ) -> dict[str, Any]:
        """A token endpoint's answer to a new sign-in; an ID token is in it if `openid` is among the scopes.

        The tokens say what was proved where `assurance` is given, except in the tier Lite.
        """
        moment = self.now() if auth_time is None else auth_time
        acr = self._level_name(client.pool_id, assurance) if assurance else None
        asked = {"nonce": nonce, "resource": resource, "acr": acr, "amr": assurance.amr if assurance else ()}
        grant = self._grant(client, person, tuple(scopes), auth_time=moment, is_from_api=False, **asked)
        with self.lock:
            return self._mint.open(client, grant).oauth_answer()

    def issue_to_api(self, client: AppClient, person: Person) -> dict[str, Any]:
        """InitiateAuth's AuthenticationResult for a new sign-in."""
        grant = self._grant(client, person, (tokens.ADMIN_SCOPE,), auth_time=self.now(), is_from_api=True)
        with self.lock:
            return self._mint.open(client, grant).api_answer()

    def issue_to_client(self, client: AppClient, scopes: Sequence[str]) -> dict[str, Any]:
        """A token endpoint's answer to an app client that asks for itself: an access token alone."""
        claims = tokens.machine_claims(client, scopes, issuer=self.issuer(client.pool_id), now=int(self.now()))
        access_token = self.sign(client.pool_id, claims, "access")
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": client.access_token_seconds}

    def refresh(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """A token endpoint's answer to a refresh. Raises Refused("invalid_grant")."""
        try:
            with self.lock:
                return self._mint.refresh(client, refresh_token).oauth_answer()
        except Refused as error:
            raise Refused("invalid_grant", error.message) from error

    def refresh_at_api(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """The AuthenticationResult of a refresh. Raises Refused with AWS's names."""
        with self.lock:
            return self._mint.refresh(client, refresh_token).api_answer()

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
            claims = self._mint.claims_of(access_token)
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

    def least_level(self, client: AppClient, acr_values: Sequence[str]) -> int:
        """The level that a sign-in must reach for `acr_values`; 0 where any will do."""
        with self.lock:
            return least_level(self.pools.get(client.pool_id).extended_config, acr_values)

    def _level_name(self, pool_id: str, assurance: Assurance) -> str | None:
        with self.lock:
            return level_names(self.pools.get(pool_id).extended_config).get(assurance.level)

    def _grant(
        self, client: AppClient, person: Person, scopes: tuple[str, ...], *, auth_time: float, **details: Any
    ) -> Grant:
        return Grant(
            pool_id=client.pool_id,
            client_id=client.id,
            sub=person.sub,
            scopes=scopes,
            auth_time=int(auth_time),
            expires_at=self.now() + client.refresh_token_seconds,
            **details,
        )


def _replacement_problem(client: AppClient, secret: str, keep_former_seconds: float) -> str:
    """Return what prevents the replacement of the client's secret; empty if nothing does."""
    if client.secret is None:
        return f"User pool client {client.id} is a public client: it has no secret to replace."
    if not SECRET_PATTERN.fullmatch(secret):
        return "secret must be 24 to 64 letters, digits, _ and +"
    if not 0 <= keep_former_seconds <= LONGEST_SECONDS:  # nor is NaN
        return f"keep_former_seconds must be between 0 and {LONGEST_SECONDS} (30 days)"
    return ""
