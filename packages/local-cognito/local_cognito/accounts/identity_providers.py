"""Identity providers as values, read from the parameters of CreateIdentityProvider. Does not depend on users or HTTP.

The local Cognito uses OpenID Connect with every provider: a social or SAML provider needs an `oidc_issuer` that
replaces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ServiceError
from ..urls import is_secure_url

SOCIAL_TYPES = ("Google", "Facebook", "LoginWithAmazon", "SignInWithApple")
TYPES = ("OIDC", "SAML", *SOCIAL_TYPES)
# AWS developer guide, "Authorize endpoint": the providers to which `login_hint` is forwarded.
_TAKING_LOGIN_HINTS = frozenset({"OIDC", "Google"})
_ENDPOINTS = ("authorize_url", "token_url", "attributes_url", "jwks_uri")
_DEFAULT_SCOPES = "openid"


@dataclass(frozen=True)
class IdentityProvider:
    """An identity provider of a user pool. `endpoints` maps names of ProviderDetails to URLs that need no discovery.

    `mapping` maps each attribute of the pool to the provider's claim.
    """

    name: str
    type: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    issuer: str
    uses_post: bool
    mapping: Mapping[str, str]
    identifiers: tuple[str, ...]
    endpoints: Mapping[str, str]

    @property
    def takes_login_hint(self) -> bool:
        """Whether `login_hint` is passed on to the provider."""
        return self.type in _TAKING_LOGIN_HINTS


def identity_provider(name: str, config: Mapping[str, Any]) -> IdentityProvider:
    """Return the provider with `config`, the parameters of CreateIdentityProvider."""
    details: Mapping[str, str] = config.get("ProviderDetails") or {}
    mapping: Mapping[str, str] = config.get("AttributeMapping") or {}
    return IdentityProvider(
        name=name,
        type=str(config.get("ProviderType") or "OIDC"),
        client_id=details.get("client_id", ""),
        client_secret=details.get("client_secret", ""),
        # Facebook's scopes are separated by commas.
        scopes=" ".join(details.get("authorize_scopes", _DEFAULT_SCOPES).replace(",", " ").split()),
        issuer=details.get("oidc_issuer", "").rstrip("/"),
        uses_post=details.get("attributes_request_method", "GET").upper() == "POST",
        mapping={attribute: claim for attribute, claim in mapping.items() if attribute != "username"},
        identifiers=tuple(config.get("IdpIdentifiers") or ()),
        endpoints={key: details[key] for key in _ENDPOINTS if details.get(key)},
    )


def require_valid_details(kind: str, details: Mapping[str, Any]) -> None:
    """Raise ServiceError unless `details` are valid for a provider of this type."""
    if kind not in TYPES:
        raise ServiceError("InvalidParameterException", f"ProviderType must be one of: {', '.join(TYPES)}")
    needed = ("client_id", "oidc_issuer", "authorize_scopes", "attributes_request_method") if kind == "OIDC" else ()
    missing = [name for name in needed if not details.get(name)]
    if missing:
        raise ServiceError("InvalidParameterException", f"Missing required provider details: {', '.join(missing)}")
    for name in ("oidc_issuer", *_ENDPOINTS):
        if details.get(name) and not is_secure_url(str(details[name])):
            raise ServiceError(
                "InvalidParameterException", f"{name} must be https (plain http is for loopback hosts only)"
            )
