"""App clients as values, read from the parameters of CreateUserPoolClient. Does not depend on users or tokens."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ServiceError
from .identity_providers import IdentityProvider

_UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
# AWS API reference, CreateUserPoolClient, ExplicitAuthFlows: the default of a client that names none.
_DEFAULT_AUTH_FLOWS = ("ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH")
_LEGACY_AUTH_FLOWS = {"ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH"}
# What AWS calls the pool itself among the providers.
OWN_PROVIDER = "COGNITO"
_DEFAULT_REFRESH_DAYS = 30
_DEFAULT_TOKEN_HOURS = 1


@dataclass(frozen=True)
class AppClient:
    """An app client of a user pool. `secret` is None for a public client; an empty `readable` means all attributes.

    `has_own_users` is whether users of the pool itself may use the sign-in pages; `providers` are the identity
    providers.
    """

    id: str
    name: str
    pool_id: str
    secret: str | None = field(repr=False)
    callback_urls: tuple[str, ...]
    logout_urls: tuple[str, ...]
    scopes: tuple[str, ...]
    flows: tuple[str, ...]
    auth_flows: frozenset[str]
    access_token_seconds: int
    id_token_seconds: int
    refresh_token_seconds: int
    session_seconds: int
    hides_unknown_users: bool
    is_revocable: bool
    rotates: bool
    rotation_grace_seconds: int
    readable: frozenset[str]
    has_own_users: bool = True
    providers: tuple[IdentityProvider, ...] = ()
    former_secrets: tuple[str, ...] = field(default=(), repr=False)

    def has_secret(self, secret: str) -> bool:
        """Return whether `secret` is the client's secret or a previous one that is still valid; empty for a public
        client.
        """
        return _is_one_of(
            secret.encode(), (candidate.encode() for candidate in (self.secret or "", *self.former_secrets))
        )

    def provider(self, name: str) -> IdentityProvider | None:
        """Return the client's identity provider with this name, or None."""
        return next((candidate for candidate in self.providers if candidate.name == name), None)

    def provider_of(self, identifier: str) -> IdentityProvider | None:
        """Return the client's identity provider with this identifier (an email domain, for example), or None."""
        return next((candidate for candidate in self.providers if identifier in candidate.identifiers), None)

    def require_secret_hash(self, username: str, secret_hash: str | None) -> None:
        """Raise ServiceError unless `secret_hash` is the secret hash of `username`. A public client needs none.

        Source: AWS developer guide, "Computing secret hash values".
        """
        if self.secret is None:
            return
        if not secret_hash:
            raise ServiceError(
                "NotAuthorizedException", f"Client {self.id} is configured with secret but SECRET_HASH was not received"
            )
        message = (username + self.id).encode()
        digests = (
            hmac.digest(candidate.encode(), message, hashlib.sha256)
            for candidate in (self.secret, *self.former_secrets)
        )
        if not _is_one_of(secret_hash.encode(), (base64.b64encode(digest) for digest in digests)):
            raise ServiceError("NotAuthorizedException", f"Unable to verify secret hash for client {self.id}")

    def require_secret(self, secret: str | None) -> None:
        """Raise ServiceError unless `secret` is the client's secret. A public client needs none."""
        if self.secret is not None and not self.has_secret(secret or ""):
            raise ServiceError("NotAuthorizedException", f"Unable to verify secret for client {self.id}")

    def require_auth_flow(self, flow: str) -> None:
        """Raise ServiceError unless the authentication flow is enabled for the client."""
        if _LEGACY_AUTH_FLOWS.get(flow, flow) not in self.auth_flows:
            raise ServiceError("InvalidParameterException", f"{flow} flow not enabled for this client")


def app_client(
    client_id: str,
    pool_id: str,
    secret: str | None,
    config: Mapping[str, Any],
    providers: Iterable[IdentityProvider] = (),
    former_secrets: tuple[str, ...] = (),
) -> AppClient:
    """Return the app client with `config`, the parameters of CreateUserPoolClient.

    `providers` are those of its pool.
    """
    rotation = config.get("RefreshTokenRotation") or {}
    supported = config.get("SupportedIdentityProviders") or (OWN_PROVIDER,)
    may_use_hosted_ui = bool(config.get("AllowedOAuthFlowsUserPoolClient"))
    return AppClient(
        id=client_id,
        name=str(config.get("ClientName") or client_id),
        pool_id=pool_id,
        secret=secret,
        callback_urls=tuple(config.get("CallbackURLs") or ()),
        logout_urls=tuple(config.get("LogoutURLs") or ()),
        scopes=tuple(config.get("AllowedOAuthScopes") or ()),
        flows=tuple(config.get("AllowedOAuthFlows") or ()) if may_use_hosted_ui else (),
        auth_flows=_read_auth_flows(config),
        access_token_seconds=_lifetime(config, "AccessToken", "hours", _DEFAULT_TOKEN_HOURS),
        id_token_seconds=_lifetime(config, "IdToken", "hours", _DEFAULT_TOKEN_HOURS),
        refresh_token_seconds=_lifetime(config, "RefreshToken", "days", _DEFAULT_REFRESH_DAYS),
        session_seconds=int(config.get("AuthSessionValidity") or 3) * 60,
        hides_unknown_users=config.get("PreventUserExistenceErrors") == "ENABLED",
        is_revocable=bool(config.get("EnableTokenRevocation", True)),
        rotates=rotation.get("Feature") == "ENABLED",
        rotation_grace_seconds=int(rotation.get("RetryGracePeriodSeconds") or 0),
        readable=frozenset(config.get("ReadAttributes") or ()),
        has_own_users=OWN_PROVIDER in supported,
        providers=tuple(provider for provider in providers if provider.name in supported),
        former_secrets=former_secrets,
    )


def _is_one_of(value: bytes, expected: Iterable[bytes]) -> bool:
    """Compare with all of `expected` in constant time: the time does not depend on which one matches."""
    return sum(hmac.compare_digest(value, candidate) for candidate in expected) > 0


def _read_auth_flows(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the enabled flows under the names of InitiateAuth (AWS API reference, ExplicitAuthFlows)."""
    flow_names = config.get("ExplicitAuthFlows") or _DEFAULT_AUTH_FLOWS
    plain = (flow.removeprefix("ALLOW_") for flow in flow_names)
    return frozenset(_LEGACY_AUTH_FLOWS.get(flow, flow) for flow in plain)


def _lifetime(config: Mapping[str, Any], token: str, default_unit: str, default: int) -> int:
    """Return a token's lifetime in seconds; 0 and None mean the default (AWS API reference, CreateUserPoolClient)."""
    value = config.get(f"{token}Validity")
    if not value:
        return default * _UNIT_SECONDS[default_unit]
    unit = (config.get("TokenValidityUnits") or {}).get(token) or default_unit
    return int(value) * _UNIT_SECONDS[unit]
