"""Identity providers as values, read from what CreateIdentityProvider was told. Knows neither people nor HTTP.

The local Cognito speaks OpenID Connect to every provider: a social or SAML one needs an `oidc_issuer` that stands in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django_cognito.core.user_pool import is_secure_url

from ..refusals import Refused

SOCIAL_TYPES = ("Google", "Facebook", "LoginWithAmazon", "SignInWithApple")
TYPES = ("OIDC", "SAML", *SOCIAL_TYPES)
# AWS developer guide, "Authorize endpoint": whom `login_hint` is forwarded to.
_TAKING_LOGIN_HINTS = frozenset({"OIDC", "Google"})
_ADDRESSES = ("authorize_url", "token_url", "attributes_url", "jwks_uri")
_DEFAULT_SCOPES = "openid"


@dataclass(frozen=True)
class IdentityProvider:
    """Somebody else who signs people in. `addresses` are endpoints that discovery need not find.

    `mapping` gives the pool's attributes, each with the provider's claim that it comes from.
    """

    name: str
    type: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    issuer: str
    asks_by_post: bool
    mapping: Mapping[str, str]
    identifiers: tuple[str, ...]
    addresses: Mapping[str, str]

    @property
    def takes_login_hint(self) -> bool:
        """Whether the name that the app knows is handed on."""
        return self.type in _TAKING_LOGIN_HINTS


def identity_provider(name: str, config: Mapping[str, Any]) -> IdentityProvider:
    """The provider that `config`, in the words of CreateIdentityProvider, describes."""
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
        asks_by_post=details.get("attributes_request_method", "GET").upper() == "POST",
        mapping={attribute: claim for attribute, claim in mapping.items() if attribute != "username"},
        identifiers=tuple(config.get("IdpIdentifiers") or ()),
        addresses={each: details[each] for each in _ADDRESSES if details.get(each)},
    )


def require_sound_details(kind: str, details: Mapping[str, Any]) -> None:
    """Nothing, if a provider of that type can be made of `details`. Raises Refused."""
    if kind not in TYPES:
        raise Refused("InvalidParameterException", f"ProviderType must be one of: {', '.join(TYPES)}")
    needed = ("client_id", "oidc_issuer", "authorize_scopes", "attributes_request_method") if kind == "OIDC" else ()
    missing = [name for name in needed if not details.get(name)]
    if missing:
        raise Refused("InvalidParameterException", f"Missing required provider details: {', '.join(missing)}")
    for name in ("oidc_issuer", *_ADDRESSES):
        if details.get(name) and not is_secure_url(str(details[name])):
            raise Refused("InvalidParameterException", f"{name} must be https (plain http is for loopback hosts only)")
