"""The HTTP client of an identity provider: discovery, tokens, keys and userInfo.

Does not depend on browsers or pools. Every request has a timeout. Its URL comes from the provider's configuration or
from the discovery document of its issuer, and is https, or http to this machine.

Source: OpenID Connect Discovery 4; OpenID Connect Core 3.1.3, 5.3; AWS developer guide, "OIDC providers".
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..accounts.identity_providers import IdentityProvider
from ..urls import is_secure_url
from .failures import FederationFailed
from .http_client import TIMEOUT_SECONDS, Response, send_request
from .id_tokens import verify_id_token

_OK = 200
# The names of the endpoints in ProviderDetails, and their names in a discovery document.
_DISCOVERED = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "attributes_url": "userinfo_endpoint",
    "jwks_uri": "jwks_uri",
}
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)

Endpoints = Mapping[str, str]


class ProviderClient:
    """The local Cognito as an OpenID Connect client. Raises FederationFailed with the messages of Cognito."""

    def __init__(self, now: Callable[[], float], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._now = now
        self._timeout_seconds = timeout_seconds

    def endpoints(self, provider: IdentityProvider) -> Endpoints:
        """Return the provider's endpoints by the names of ProviderDetails."""
        if not provider.issuer:
            raise FederationFailed(f"{provider.name} has no oidc_issuer: every provider needs one here")
        if _DISCOVERED.keys() <= provider.endpoints.keys():
            return provider.endpoints
        url = f"{provider.issuer}/.well-known/openid-configuration"
        document = self._json("Timeout occurred in calling IdP discovery endpoint", {"discovery": url}, "discovery")
        if document.get("issuer") != provider.issuer and document.get("issuer") != f"{provider.issuer}/":
            raise FederationFailed("Bad issuer in the discovery document")
        endpoints = {name: document.get(word) for name, word in _DISCOVERED.items()}
        texts = {name: value for name, value in endpoints.items() if isinstance(value, str)}
        return {**texts, **provider.endpoints}

    def claims(
        self, provider: IdentityProvider, endpoints: Endpoints, *, code: str, verifier: str, nonce: str, callback: str
    ) -> dict[str, Any]:
        """Redeem `code` and return the claims of the ID token and, if the provider has that endpoint, of userInfo."""
        tokens = self._redeem_code(provider, endpoints, code=code, verifier=verifier, callback=callback)
        keys = self._json("error_description=Timeout in calling jwks uri", endpoints, "jwks_uri")
        claims = verify_id_token(str(tokens.get("id_token")), keys, provider, nonce=nonce, now=self._now())
        user_info: Mapping[str, Any] = {}
        if "attributes_url" in endpoints and isinstance(tokens.get("access_token"), str):
            method = "POST" if provider.uses_post else "GET"
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            slow = "Timeout occurred in calling IdP user info endpoint"
            answer = self._ask(slow, endpoints, "attributes_url", method=method, headers=headers)
            failed = f"{provider.name} Error - {answer.status} error getting user info"
            if answer.status != _OK:
                raise FederationFailed(failed)
            user_info = _object(answer, failed)
        if user_info and user_info.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2
            raise FederationFailed("Bad sub in the userInfo response")
        raws = {name: tokens[name] for name in ("access_token", "id_token") if name in tokens}
        return {**claims, **user_info, **raws}

    def _redeem_code(
        self, provider: IdentityProvider, endpoints: Endpoints, *, code: str, verifier: str, callback: str
    ) -> Mapping[str, Any]:
        """Return the token response. Of an error response, only an OAuth error code of Google is passed on."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "client_id": provider.client_id,
            "code_verifier": verifier,
            **({"client_secret": provider.client_secret} if provider.client_secret else {}),
        }
        slow = "Timeout occurred in calling IdP token endpoint"
        answer = self._ask(slow, endpoints, "token_url", method="POST", data=form)
        if answer.status == _OK:
            return _object(answer, f"{provider.name} Error - {answer.status} error getting token")
        error: Any = None
        if provider.type == "Google":
            with suppress(ValueError, KeyError, TypeError):
                error = answer.json()["error"]
        reason = error if isinstance(error, str) and _WORD.fullmatch(error) else "error getting token"
        raise FederationFailed(f"{provider.name} Error - {answer.status} {reason}")

    def _json(self, slow: str, endpoints: Endpoints, name: str) -> Mapping[str, Any]:
        answer = self._ask(slow, endpoints, name)
        if answer.status != _OK:
            raise FederationFailed(slow)
        return _object(answer, slow)

    def _ask(self, slow: str, endpoints: Endpoints, name: str, *, method: str = "GET", **sent: Any) -> Response:
        """Return the response of one of the endpoints. Raises FederationFailed, with `slow` if none arrives."""
        url = endpoints.get(name, "")
        if not is_secure_url(url):
            raise FederationFailed(f"The provider's {name} is neither https nor on this machine")
        try:
            return send_request(method, url, timeout_seconds=self._timeout_seconds, **sent)
        except (OSError, ValueError) as error:
            raise FederationFailed(slow) from error


def _object(answer: Response, failed: str) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError as error:
        raise FederationFailed(failed) from error
    if not isinstance(document, dict):
        raise FederationFailed(failed)
    return document
