"""The authorization request: parsed and validated. No I/O; does not depend on browsers or users.

Source: AWS developer guide, "Authorize endpoint"; RFC 6749 4.1; RFC 7636 4.3; OpenID Connect Core 3.1.2.1; RFC 8707 2.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from werkzeug.datastructures import MultiDict

from ..accounts.clients import AppClient
from ..accounts.identity_providers import IdentityProvider

Parameters = MultiDict[str, str]

# RFC 7636 4.2: the base64url text of a SHA-256 digest, without padding.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_RESPONSE_TYPES = frozenset({"code", "token"})
_PROMPTS = frozenset({"none", "login", "select_account", "consent"})
# AWS developer guide, "Resource binding": https, http to localhost, or a scheme of the app's own.
_RESOURCE = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#:\s]+)[^#\s]*", re.ASCII)
# What AWS calls the pool itself among the providers.
_OWN = "COGNITO"
_NEEDS_OPENID = frozenset({"email", "phone", "profile"})


class UnusableRequest(Exception):  # noqa: N818 - not a programming error: the response is a page
    """The client or its redirect URI is not registered, so there is no redirect. `code` selects the error page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RejectedRequest(Exception):  # noqa: N818 - not a programming error: the response is a redirect
    """The request is invalid. `url` is the client's redirect URI with the error in the query."""

    def __init__(self, error: str, url: str) -> None:
        super().__init__(error)
        self.url = url


@dataclass(frozen=True)
class AuthorizationRequest:
    """A valid authorization request."""

    client: AppClient
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    resource: str | None
    code_challenge: str | None
    prompts: frozenset[str]
    max_age_seconds: int | None
    login_hint: str
    acr_values: tuple[str, ...] = ()
    wants_provider: str = ""

    @property
    def provider(self) -> IdentityProvider | None:
        """The provider that needs no login page: the requested one, or the only one of a client without own users."""
        client = self.client
        if not self.wants_provider and not client.has_own_users and len(client.providers) == 1:
            return client.providers[0]
        return client.provider(self.wants_provider)

    @property
    def takes_password(self) -> bool:
        """Whether users of the pool itself may sign in."""
        return self.client.has_own_users and self.wants_provider in ("", _OWN)

    @property
    def providers(self) -> tuple[IdentityProvider, ...]:
        """The providers that the login page offers."""
        return () if self.wants_provider else self.client.providers

    def answer(self, **parameters: str) -> str:
        """Return the redirect URI with `parameters` and the request's `state`."""
        return _answer(self.redirect_uri, self.state, parameters)

    def rejected(self, error: str) -> RejectedRequest:
        """Return the exception that redirects to the app with `error`."""
        return RejectedRequest(error, self.answer(error=error))

    def accepts_sign_in(self, *, auth_time: float, now: float, provider: str = "") -> bool:
        """Return whether an existing sign-in satisfies `max_age`, `prompt` and `identity_provider`."""
        if self.wants_provider and self.wants_provider != (provider or _OWN):
            return False
        is_recent = self.max_age_seconds is None or now - auth_time <= self.max_age_seconds
        return is_recent and "login" not in self.prompts


def read_request(parameters: Parameters, find_client: Callable[[str], AppClient | None]) -> AuthorizationRequest:
    """Return the validated authorization request.

    Raises UnusableRequest, or RejectedRequest if the redirect URI is valid.
    """
    if any(len(parameters.getlist(name)) != 1 for name in ("client_id", "redirect_uri")):
        raise UnusableRequest("invalid_request")
    client = find_client(parameters["client_id"])
    if client is None:
        raise UnusableRequest("invalid_client")
    redirect_uri, state = parameters["redirect_uri"], parameters.get("state")
    if redirect_uri not in client.callback_urls:  # character by character: RFC 9700 4.1.3
        raise UnusableRequest("redirect_mismatch")
    if error := _find_error(parameters, client):
        raise RejectedRequest(error, _answer(redirect_uri, state, {"error": error}))
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scopes=_words(parameters, "scope") or client.scopes,
        state=state,
        nonce=parameters.get("nonce"),
        resource=parameters.get("resource"),
        code_challenge=parameters.get("code_challenge"),
        prompts=frozenset(_words(parameters, "prompt")),
        max_age_seconds=parameters.get("max_age", type=int),
        login_hint=parameters.get("login_hint", ""),
        acr_values=_words(parameters, "acr_values"),
        wants_provider=_wanted_provider(parameters, client) or "",
    )


def s256_challenge(code_verifier: str) -> str:
    """Return the code challenge of a code verifier by the method S256 (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def _find_error(parameters: Parameters, client: AppClient) -> str | None:
    """Return the OAuth error code of the first problem, or None."""
    if any(len(values) != 1 for _, values in parameters.lists()):  # RFC 6749 3.1: no parameter is repeated
        return "invalid_request"
    if parameters.get("response_type") not in _RESPONSE_TYPES:
        return "invalid_request"
    pkce = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    # RFC 7636 4.3: PKCE is absent, or S256 with both parameters.
    if pkce != (None, None) and (pkce[1] != "S256" or not _S256_CHALLENGE.fullmatch(pkce[0] or "")):
        return "invalid_request"
    prompts = frozenset(_words(parameters, "prompt"))
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):  # OpenID Connect Core 3.1.2.1
        return "invalid_request"
    if "max_age" in parameters and not _SECONDS.fullmatch(parameters["max_age"]):
        return "invalid_request"
    if not _has_valid_resource(parameters):
        return "invalid_request"
    if parameters["response_type"] != "code" or "code" not in client.flows:
        return "unauthorized_client"
    if _wanted_provider(parameters, client) is None:
        return "invalid_request"
    scopes = frozenset(_words(parameters, "scope"))
    if scopes - frozenset(client.scopes) or (scopes & _NEEDS_OPENID and "openid" not in scopes):
        return "invalid_scope"
    return None


def _has_valid_resource(parameters: Parameters) -> bool:
    """Return whether the resource is a URL without a fragment (RFC 8707 2).

    Cognito's error for it is not documented.
    """
    if not parameters.get("resource"):
        return True
    match = _RESOURCE.fullmatch(parameters["resource"])
    return match is not None and (match["scheme"] != "http" or match["host"] == "localhost")


def _wanted_provider(parameters: Parameters, client: AppClient) -> str | None:
    """Return the name of the requested provider; empty if none is requested, None if the client does not have it."""
    if name := parameters.get("identity_provider"):
        is_known = client.has_own_users if name == _OWN else client.provider(name) is not None
        return name if is_known else None
    if identifier := parameters.get("idp_identifier"):
        provider = client.provider_of(identifier)
        return provider.name if provider else None
    return ""


def _words(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Return the space-separated words of a parameter in order, without duplicates."""
    return tuple(dict.fromkeys(parameters.get(name, "").split()))


def _answer(redirect_uri: str, state: str | None, parameters: Mapping[str, str]) -> str:
    """Return `redirect_uri` with the parameters added to its query (RFC 6749 3.1.2)."""
    echoed = parameters if state is None else {**parameters, "state": state}
    joint = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{joint}{urlencode(echoed, quote_via=quote)}"
