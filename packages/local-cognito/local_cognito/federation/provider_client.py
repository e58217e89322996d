"""What is asked of a provider: where everything is, tokens for a code, its keys, what it says of a person.

Knows no browser and no pool. Every call has a deadline, and goes to an address that the provider's configuration, or
the discovery document of its issuer, names: https, or plain http to this machine.
Source: OpenID Connect Discovery 4; OpenID Connect Core 3.1.3, 5.3; AWS developer guide, "OIDC providers".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.core.http.client import Http, Response
from django_cognito.core.user_pool import is_secure_url

from ..accounts.identity_providers import IdentityProvider
from .failures import FederationFailed
from .id_tokens import verified_claims

_TIMEOUT_SECONDS = 5.0
_MAX_BYTES = 262_144
_OK = 200
# What a discovery document calls the addresses that a provider's details may give.
_DISCOVERED = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "attributes_url": "userinfo_endpoint",
    "jwks_uri": "jwks_uri",
}
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)

Addresses = Mapping[str, str]


class ProviderClient:
    """The local Cognito's side of OpenID Connect. Raises FederationFailed in Cognito's words."""

    def __init__(self, now: Callable[[], float], http: Http | None = None) -> None:
        self._now = now
        self._http = http or Http(timeout_seconds=_TIMEOUT_SECONDS, max_bytes=_MAX_BYTES)

    def addresses(self, provider: IdentityProvider) -> Addresses:
        """The provider's endpoints, by the names that its details have for them."""
        if not provider.issuer:
            raise FederationFailed(f"{provider.name} has no oidc_issuer: here every provider speaks OpenID Connect")
        if _DISCOVERED.keys() <= provider.addresses.keys():
            return provider.addresses
        document = self._discovery(provider)
        if document.get("issuer") != provider.issuer and document.get("issuer") != f"{provider.issuer}/":
            raise FederationFailed("Bad issuer in the discovery document")
        found = {name: document.get(word) for name, word in _DISCOVERED.items()}
        texts = {name: value for name, value in found.items() if isinstance(value, str)}
        return {**texts, **provider.addresses}

    def claims(
        self, provider: IdentityProvider, addresses: Addresses, *, code: str, verifier: str, nonce: str, callback: str
    ) -> dict[str, Any]:
        """What the provider says of the person who has brought `code`: of the ID token and its userInfo."""
        tokens = self._tokens(provider, addresses, code=code, verifier=verifier, callback=callback)
        keys = self._json("error_description=Timeout in calling jwks uri", addresses, "jwks_uri")
        claims = verified_claims(str(tokens.get("id_token")), keys, provider, nonce=nonce, now=self._now())
        told = self._user_info(provider, addresses, tokens)
        if told and told.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2
            raise FederationFailed("Bad sub in the userInfo response")
        raws = {name: tokens[name] for name in ("access_token", "id_token") if name in tokens}
        return {**claims, **told, **raws}

    def _discovery(self, provider: IdentityProvider) -> Mapping[str, Any]:
        address = f"{provider.issuer}/.well-known/openid-configuration"
        return self._json("Timeout occurred in calling IdP discovery endpoint", {"discovery": address}, "discovery")

    def _tokens(
        self, provider: IdentityProvider, addresses: Addresses, *, code: str, verifier: str, callback: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "client_id": provider.client_id,
            "code_verifier": verifier,
            **({"client_secret": provider.client_secret} if provider.client_secret else {}),
        }
        slow = "Timeout occurred in calling IdP token endpoint"
        answer = self._ask(slow, addresses, "token_url", method="POST", data=form)
        if answer.status == _OK:
            return _object(answer, f"{provider.name} Error - {answer.status} error getting token")
        reason = _code(answer) if provider.type == "Google" else ""
        raise FederationFailed(f"{provider.name} Error - {answer.status} {reason or 'error getting token'}")

    def _user_info(
        self, provider: IdentityProvider, addresses: Addresses, tokens: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The provider's userInfo; nothing from a provider that has none."""
        if "attributes_url" not in addresses or not isinstance(tokens.get("access_token"), str):
            return {}
        method = "POST" if provider.asks_by_post else "GET"
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        slow = "Timeout occurred in calling IdP user info endpoint"
        answer = self._ask(slow, addresses, "attributes_url", method=method, headers=headers)
        failed = f"{provider.name} Error - {answer.status} error getting user info"
        if answer.status != _OK:
            raise FederationFailed(failed)
        return _object(answer, failed)

    def _json(self, slow: str, addresses: Addresses, name: str) -> Mapping[str, Any]:
        answer = self._ask(slow, addresses, name)
        if answer.status != _OK:
            raise FederationFailed(slow)
        return _object(answer, slow)

    def _ask(self, slow: str, addresses: Addresses, name: str, *, method: str = "GET", **sent: Any) -> Response:
        """The answer at one of the addresses; `slow` is what is said where none comes."""
        address = addresses.get(name, "")
        if not is_secure_url(address):
            raise FederationFailed(f"The provider's {name} is neither https nor on this machine")
        try:
            return self._http.request(method, address, **sent)
        except (CognitoUnavailableError, ValueError) as error:
            raise FederationFailed(slow) from error


def _object(answer: Response, failed: str) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise FederationFailed(failed) from error
    if not isinstance(found, dict):
        raise FederationFailed(failed)
    return found


def _code(answer: Response) -> str:
    """The error's code, where the body is an OAuth error: nothing else of it is handed on."""
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return error if isinstance(error, str) and _WORD.fullmatch(error) else ""
