"""The user pools, as the hosted UI and the AWS API use them: the single interface to their state, with one lock.

Does not depend on HTTP. Every public method acquires the lock and may be called from any thread.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from .accounts import tokens
from .accounts.assurance import Assurance, level_names, required_level
from .accounts.client_secrets import LONGEST_SECONDS, SECRET_PATTERN
from .accounts.clients import AppClient
from .accounts.grants import Grant
from .accounts.keys import KeyRing, TokenUse
from .accounts.pools import Pools
from .accounts.token_issuer import TokenIssuer
from .accounts.totp import TotpSecrets
from .accounts.users import User
from .clock import unix_time
from .errors import ServiceError, bad_credentials
from .faults import Faults
from .federation.federated_users import FederatedUsers
from .published_secrets import PublishedSecrets
from .self_service.codes import Codes
from .self_service.mailbox import Mailbox
from .self_service.recovery import Recovery
from .self_service.sign_up import SignUps
from .self_service.verification import Verifications
from .urls import aws_issuer

__all__ = ["AppClient", "IssuerForm", "ServiceError", "User", "UserPoolService"]

IssuerForm = Literal["localhost", "aws"]


class UserPoolService:
    """Users, clients and tokens of all user pools. Raises ServiceError with the names and messages of AWS.

    `origin` is the URL of the local Cognito. `issuer_form` selects the issuer of the tokens: this URL, or the one of
    AWS.
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
        self.federated = FederatedUsers(pools, self.lock, now)
        self.verifications = Verifications(pools, codes)
        self.published_secrets = PublishedSecrets()
        self.faults = Faults()
        self._keys = keys
        self._issuer_form = issuer_form
        self._token_issuer = TokenIssuer(pools, keys, issuer=self.issuer, now=now)
        self.grants = self._token_issuer.grants

    # Pools

    def pool_ids(self) -> tuple[str, ...]:
        """Return the ids of all pools."""
        with self.lock:
            return tuple(pool.id for pool in self.pools)

    def issuer(self, pool_id: str) -> str:
        """Return the `iss` claim of the pool's tokens."""
        if self._issuer_form == "aws":
            return aws_issuer(pool_id)
        return f"{self.origin}/{pool_id}"

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """Return the pool's JWKS. Raises ServiceError if the pool does not exist."""
        with self.lock:
            self.pools.get(pool_id)
            return self._keys.jwks(pool_id)

    def sign(self, pool_id: str, claims: Mapping[str, Any], use: TokenUse) -> str:
        """Return a token with exactly these claims and a valid signature. Raises ServiceError if the pool does not
        exist.
        """
        with self.lock:
            self.pools.get(pool_id)
            return self._keys.of(pool_id)[use].sign(claims)

    def client(self, client_id: str) -> AppClient | None:
        """Return the app client with this id, in any pool, or None."""
        with self.lock:
            return self.pools.client(client_id)

    def clients(self) -> tuple[AppClient, ...]:
        """Return the app clients of all pools."""
        with self.lock:
            return tuple(self.pools.clients())

    def replace_client_secret(self, client_id: str, secret: str, *, keep_former_seconds: float = 0) -> None:
        """Replace the secret of a confidential client at once; the previous one stays valid for `keep_former_seconds`.

        A published secret is replaced in Secrets Manager too.

        Raises ServiceError: `ResourceNotFoundException` for an unknown client, otherwise `InvalidParameterException`.
        """
        with self.lock:
            client = self.pools.client(client_id)
            if client is None:
                raise ServiceError("ResourceNotFoundException", f"User pool client {client_id} does not exist.")
            problem = ""
            if client.secret is None:
                problem = f"User pool client {client.id} is a public client: it has no secret to replace."
            elif not SECRET_PATTERN.fullmatch(secret):
                problem = "secret must be 24 to 64 letters, digits, _ and +"
            elif not 0 <= keep_former_seconds <= LONGEST_SECONDS:  # NaN is rejected too
                problem = f"keep_former_seconds must be between 0 and {LONGEST_SECONDS} (30 days)"
            if problem:
                raise ServiceError("InvalidParameterException", problem)
            self.pools.replace_client_secret(client, secret, keep_former_seconds)
            self.published_secrets.replace(client, secret)

    def rotate_due_secrets(self) -> None:
        """Replace the published secrets whose rotation is due: first at Cognito, then in Secrets Manager."""
        with self.lock:
            for client_id, secret, former_seconds in self.published_secrets.take_due():
                self.replace_client_secret(client_id, secret, keep_former_seconds=former_seconds)

    # Users

    def find_user_by_sub(self, pool_id: str, sub: str) -> User | None:
        """Return the user with this `sub`, or None."""
        with self.lock:
            moto_user = self.pools.find_moto_user_by_sub(pool_id, sub)
            return self.pools.to_user(moto_user) if moto_user else None

    def get_user(self, client: AppClient, username: str) -> User:
        """Return the user who signs in as `username`. Raises ServiceError; the client's setting selects its message."""
        with self.lock:
            moto_user = self.pools.find_moto_user(client.pool_id, username)
            if moto_user is None:
                unknown = ServiceError("UserNotFoundException", "User does not exist.")
                raise bad_credentials() if client.hides_unknown_users else unknown
            return self.pools.to_user(moto_user)

    def check_password(self, client: AppClient, username: str, password: str) -> User:
        """Return the user with this username (or alias) and password. Raises ServiceError.

        A user with `must_change_password` is returned too: the next step is `set_password`.
        """
        with self.lock:
            user = self.get_user(client, username)
            stored_password = self.pools.get_moto_user(user).password
            if not stored_password or not password or stored_password != password:
                raise bad_credentials()
            self.require_able_to_sign_in(user)
            return user

    def require_able_to_sign_in(self, user: User) -> None:
        """Raise ServiceError if the status of the account prevents a sign-in with the correct password."""
        if not user.enabled:
            raise ServiceError("NotAuthorizedException", "User is disabled.")
        if user.status == "UNCONFIRMED":
            raise ServiceError("UserNotConfirmedException", "User is not confirmed.")
        if user.status == "RESET_REQUIRED":
            raise ServiceError("PasswordResetRequiredException", "Password reset required for the user")

    def check_totp(self, user: User, code: str) -> None:
        """Raise ServiceError unless `code` is the user's current code and is used for the first time."""
        with self.lock:
            self.totp.check(user, code)

    def set_password(self, user: User, password: str) -> None:
        """Set a permanent password. Raises ServiceError if it does not conform to the pool's policy."""
        with self.lock:
            self.pools.set_password(user, password)

    def password_of(self, user: User) -> str:
        """Return the user's password. SRP computes its verifier from it."""
        with self.lock:
            return self.pools.get_moto_user(user).password or ""

    # Tokens

    def issue(
        self,
        client: AppClient,
        user: User,
        *,
        scopes: Sequence[str],
        nonce: str | None = None,
        resource: str | None = None,
        auth_time: float | None = None,
        assurance: Assurance | None = None,
    ) -> dict[str, Any]:
        """Return the token endpoint's response for a new sign-in. It has an ID token if `scopes` contains `openid`.

        The tokens have `acr` and `amr` if `assurance` is given, except in the tier Lite.
        """
        moment = self.now() if auth_time is None else auth_time
        with self.lock:
            config = self.pools.get(client.pool_id).extended_config if assurance else {}
            acr = level_names(config).get(assurance.level) if assurance else None
            details = {"nonce": nonce, "resource": resource, "acr": acr, "amr": assurance.amr if assurance else ()}
            grant = self._grant(client, user, tuple(scopes), auth_time=moment, is_from_api=False, **details)
            return self._token_issuer.open(client, grant).oauth_answer()

    def issue_api_tokens(self, client: AppClient, user: User) -> dict[str, Any]:
        """Return the AuthenticationResult of InitiateAuth for a new sign-in."""
        grant = self._grant(client, user, (tokens.ADMIN_SCOPE,), auth_time=self.now(), is_from_api=True)
        with self.lock:
            return self._token_issuer.open(client, grant).api_answer()

    def issue_to_client(self, client: AppClient, scopes: Sequence[str]) -> dict[str, Any]:
        """Return the token endpoint's response to the client credentials grant: an access token only."""
        claims = tokens.machine_claims(client, scopes, issuer=self.issuer(client.pool_id), now=int(self.now()))
        access_token = self.sign(client.pool_id, claims, "access")
        return {"access_token": access_token, "token_type": "Bearer", "expires_in": client.access_token_seconds}

    def refresh(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """Return the token endpoint's response to a refresh. Raises ServiceError("invalid_grant")."""
        try:
            with self.lock:
                return self._token_issuer.refresh(client, refresh_token).oauth_answer()
        except ServiceError as error:
            raise ServiceError("invalid_grant", error.message) from error

    def refresh_at_api(self, client: AppClient, refresh_token: str) -> dict[str, Any]:
        """Return the AuthenticationResult of a refresh. Raises ServiceError with the names of AWS."""
        with self.lock:
            return self._token_issuer.refresh(client, refresh_token).api_answer()

    def revoke(self, client: AppClient, refresh_token: str) -> None:
        """Revoke the refresh token and end its grant. An unknown or already revoked token is no error (RFC 7009 2.2).

        Raises ServiceError: `unsupported_token_type` for another kind of token, `invalid_request` if revocation is
        disabled for the client, `invalid_client` for a token of another client.
        """
        if not client.is_revocable:
            raise ServiceError("invalid_request", "Token revocation is not enabled for this client")
        if refresh_token.count(".") == 2:
            raise ServiceError("unsupported_token_type", "Only refresh tokens can be revoked")
        with self.lock:
            grant = self.grants.grant_of(refresh_token)
            if grant is None:
                return
            if grant.client_id != client.id:
                raise ServiceError("invalid_client", "The token was issued to another client")
            self.grants.end(grant.origin_jti)

    def sign_out_everywhere(self, user: User) -> None:
        """End all grants of the user."""
        with self.lock:
            self.grants.end_all(user.pool_id, user.sub)

    def resolve_access_token(self, access_token: str, *, scope: str) -> tuple[User, Grant]:
        """Return the user and the grant of an access token that Cognito's own APIs accept. Raises ServiceError."""
        with self.lock:
            claims = self._token_issuer.claims_of(access_token)
            grant = self.grants.live(claims.get("origin_jti", ""))
            pool_id = str(claims.get("iss", "")).rpartition("/")[2]
            user = self.find_user_by_sub(pool_id, str(claims.get("sub", "")))
            if user is None and "username" in claims:  # a machine-to-machine token has none
                raise ServiceError("UserNotFoundException", "User does not exist.")
            if grant is None or user is None or not user.enabled:
                raise ServiceError("NotAuthorizedException", "Access Token has been revoked")
            if scope not in claims["scope"].split():
                raise ServiceError("NotAuthorizedException", "Access Token does not have required scopes")
            return user, grant

    def user_info(self, access_token: str) -> dict[str, str]:
        """Return the userInfo response for an access token with the scope `openid`. Raises
        ServiceError("invalid_token").
        """
        with self.lock:
            try:
                user, grant = self.resolve_access_token(access_token, scope="openid")
            except ServiceError as error:
                raise ServiceError("invalid_token", error.message) from error
            client = self.pools.client(grant.client_id)
            if client is None:
                raise ServiceError("invalid_token", "The client does not exist any more")
            return tokens.user_info(user, client, grant.scopes)

    def required_level(self, client: AppClient, acr_values: Sequence[str]) -> int:
        """Return the level that a sign-in must reach for `acr_values`; 0 if any level is sufficient."""
        with self.lock:
            return required_level(self.pools.get(client.pool_id).extended_config, acr_values)

    def _grant(
        self, client: AppClient, user: User, scopes: tuple[str, ...], *, auth_time: float, **details: Any
    ) -> Grant:
        return Grant(
            pool_id=client.pool_id,
            client_id=client.id,
            sub=user.sub,
            scopes=scopes,
            auth_time=int(auth_time),
            expires_at=self.now() + client.refresh_token_seconds,
            **details,
        )
