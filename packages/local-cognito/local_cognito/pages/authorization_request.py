"""The authorization request: parsed and validated. No I/O; does not depend on browsers or users.

Source: AWS developer guide, "Authorize endpoint"; RFC 6749 4.1; RFC 7636 4.3; OpenID Connect Core 3.1.2.1; RFC 8707 2.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from ..accounts.clients import OWN_PROVIDER, AppClient
from ..accounts.identity_providers import IdentityProvider
from .explanations import Explanation, explain_redirect_uri
from .parameter_checks import Parameters, find_problem, requested_provider, split_words


class UnusableRequest(Exception):  # noqa: N818 - not a programming error: the response is a page
    """The client or its redirect URI is not registered, so there is no redirect. `code` selects the error page.

    `explanation` is what the page shows of the request and of the registered values.
    """

    def __init__(self, code: str, explanation: Explanation | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.explanation = explanation


class RejectedRequest(Exception):  # noqa: N818 - not a programming error: the response is a redirect
    """The request is invalid. `url` is the client's redirect URI with the error in the query.

    `explanation` is None if the error is a regular result, such as `login_required`.
    """

    def __init__(self, error: str, url: str, explanation: Explanation | None = None) -> None:
        super().__init__(error)
        self.code = error
        self.url = url
        self.explanation = explanation


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
        return self.client.has_own_users and self.wants_provider in ("", OWN_PROVIDER)

    @property
    def providers(self) -> tuple[IdentityProvider, ...]:
        """The providers that the login page offers."""
        return () if self.wants_provider else self.client.providers

    def answer(self, **parameters: str) -> str:
        """Return the redirect URI with `parameters` and the request's `state`."""
        return _answer(self.redirect_uri, self.state, parameters)

    def rejected(self, error: str, explanation: Explanation | None = None) -> RejectedRequest:
        """Return the exception that redirects to the app with `error`."""
        return RejectedRequest(error, self.answer(error=error), explanation)

    def accepts_sign_in(self, *, auth_time: float, now: float, provider: str = "") -> bool:
        """Return whether an existing sign-in satisfies `max_age`, `prompt` and `identity_provider`."""
        if self.wants_provider and self.wants_provider != (provider or OWN_PROVIDER):
            return False
        is_recent = self.max_age_seconds is None or now - auth_time <= self.max_age_seconds
        return is_recent and "login" not in self.prompts


def read_request(parameters: Parameters, find_client: Callable[[str], AppClient | None]) -> AuthorizationRequest:
    """Return the validated authorization request.

    Raises UnusableRequest, or RejectedRequest if the redirect URI is valid.
    """
    for name in ("client_id", "redirect_uri"):
        if (count := len(parameters.getlist(name))) != 1:
            explanation = Explanation(f"{name} was sent {count} times.", f"Send {name} exactly once.")
            raise UnusableRequest("invalid_request", explanation)
    client = find_client(parameters["client_id"])
    if client is None:
        raise UnusableRequest("invalid_client")
    redirect_uri, state = parameters["redirect_uri"], parameters.get("state")
    if redirect_uri not in client.callback_urls:  # character by character: RFC 9700 4.1.3
        raise UnusableRequest("redirect_mismatch", explain_redirect_uri(redirect_uri, client))
    if problem := find_problem(parameters, client):
        url = _answer(redirect_uri, state, {"error": problem.error})
        raise RejectedRequest(problem.error, url, problem.explanation)
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scopes=split_words(parameters, "scope") or client.scopes,
        state=state,
        nonce=parameters.get("nonce"),
        resource=parameters.get("resource"),
        code_challenge=parameters.get("code_challenge"),
        prompts=frozenset(split_words(parameters, "prompt")),
        max_age_seconds=parameters.get("max_age", type=int),
        login_hint=parameters.get("login_hint", ""),
        acr_values=split_words(parameters, "acr_values"),
        wants_provider=requested_provider(parameters, client) or "",
    )


def s256_challenge(code_verifier: str) -> str:
    """Return the code challenge of a code verifier by the method S256 (RFC 7636 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def _answer(redirect_uri: str, state: str | None, parameters: Mapping[str, str]) -> str:
    """Return `redirect_uri` with the parameters added to its query (RFC 6749 3.1.2)."""
    echoed = parameters if state is None else {**parameters, "state": state}
    joint = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{joint}{urlencode(echoed, quote_via=quote)}"
