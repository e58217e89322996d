"""Sign-in through an identity provider: the redirect to it, and its callback `/oauth2/idpresponse`.

Each redirect is valid once and only in the browser that started it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from flask import Blueprint, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.assurance import FEDERATED
from ..accounts.identity_providers import IdentityProvider
from ..accounts.users import User
from ..errors import ServiceError
from ..federation.failures import FederationFailed
from ..federation.provider_client import ProviderClient
from ..user_pool_service import UserPoolService
from .attempts import redirect_to_app
from .authorization_request import AuthorizationRequest, s256_challenge
from .browser_cookies import browser_of_request, new_browser, remember_browser
from .browser_sessions import LOGIN_SECONDS, BrowserSession, ExpiringStore, sessions_of
from .page import error_page

CALLBACK_PATH = "/oauth2/idpresponse"
# Maximum length of a provider's error text that is passed on.
_DESCRIPTION_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class _ProviderSignIn:
    """A pending sign-in at a provider: its authorization request, and the values that the callback must match."""

    request: AuthorizationRequest
    provider: IdentityProvider
    browser: str = field(repr=False)
    endpoints: Mapping[str, str]
    nonce: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(48))


class FederationPages:
    """The sign-ins through identity providers of one local Cognito."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self._client = ProviderClient(service.now)
        self._pending: ExpiringStore[_ProviderSignIn] = ExpiringStore(LOGIN_SECONDS, service.now)
        self._recent_states: ExpiringStore[str] = ExpiringStore(LOGIN_SECONDS, service.now)

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the callback URL to `blueprint`."""
        blueprint.add_url_rule(CALLBACK_PATH, view_func=self.handle_callback)

    def redirect_to_provider(
        self, authorization_request: AuthorizationRequest, provider: IdentityProvider
    ) -> AnyResponse:
        """Redirect to the provider, or to the app with an error if discovery fails."""
        try:
            endpoints = self._client.endpoints(provider)
        except FederationFailed as failed:
            return _redirect_with_error(authorization_request, failed)
        pending = _ProviderSignIn(authorization_request, provider, browser_of_request() or new_browser(), endpoints)
        state = self._pending.put(pending)
        self._recent_states.put(state, name=pending.browser)
        response = redirect(_authorization_url(pending, state, self._callback))
        remember_browser(response, pending.browser)
        return response

    def handle_callback(self) -> AnyResponse:
        """Redirect to the app with a code or an error.

        Return the error page if this browser started no such sign-in.
        """
        state = request.args.get("state", "")
        if "state" not in request.args and "error" in request.args:
            # Some providers send errors without a state: then it is the browser's most recent one.
            state = self._recent_states.take(browser_of_request()) or ""
        pending = self._pending.take(state)
        if pending is None or pending.browser != browser_of_request():
            return error_page("provider_answer")
        try:
            user = self._sign_in(pending)
        except FederationFailed as failed:
            return _redirect_with_error(pending.request, failed)
        session = BrowserSession(
            pending.request.client.pool_id,
            user.sub,
            auth_time=int(self._service.now()),
            assurance=FEDERATED,
            provider=pending.provider.name,
            nonce=pending.nonce,
        )
        return redirect_to_app(self._service, sessions_of(current_app, self._service.now), pending.request, session)

    @property
    def _callback(self) -> str:
        return self._service.origin + CALLBACK_PATH

    def _sign_in(self, pending: _ProviderSignIn) -> User:
        """Verify the provider's response and return the federated user. Raises FederationFailed."""
        _require_success(pending)
        claims = self._client.claims(
            pending.provider,
            pending.endpoints,
            code=request.args["code"],
            verifier=pending.verifier,
            nonce=pending.nonce,
            callback=self._callback,
        )
        try:
            user = self._service.federated.sign_in(pending.request.client.pool_id, pending.provider, claims)
            self._service.require_able_to_sign_in(user)
        except ServiceError as refused:
            error = "invalid_request" if refused.code == "invalid_request" else "access_denied"
            raise FederationFailed(refused.message, error) from refused
        return user


def _authorization_url(pending: _ProviderSignIn, state: str, callback: str) -> str:
    """Return the provider's authorization URL, with the prompts and the login hint of the app's request."""
    authorization_request, provider = pending.request, pending.provider
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": callback,
        "scope": provider.scopes,
        "state": state,
        "nonce": pending.nonce,
        "code_challenge": s256_challenge(pending.verifier),
        "code_challenge_method": "S256",
    }
    if authorization_request.prompts:
        query["prompt"] = " ".join(sorted(authorization_request.prompts))
    if authorization_request.login_hint and provider.takes_login_hint:
        query["login_hint"] = authorization_request.login_hint
    url = pending.endpoints.get("authorize_url", "")
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _require_success(pending: _ProviderSignIn) -> None:
    """Raise FederationFailed unless the provider itself (RFC 9207 2.4) returned a code and no error."""
    issuer = request.args.get("iss")
    if issuer is not None and issuer.rstrip("/") != pending.provider.issuer:  # RFC 9207 2.4
        raise FederationFailed("Bad iss in the provider's response")
    if error := request.args.get("error"):
        described = request.args.get("error_description", "") or f"{pending.provider.name} Error - {error}"
        is_denied = error == "access_denied"
        raise FederationFailed(
            described[:_DESCRIPTION_MOST_CHARACTERS], "access_denied" if is_denied else "invalid_request"
        )
    if not request.args.get("code"):
        raise FederationFailed(f"{pending.provider.name} Error - no code in the response")


def _redirect_with_error(authorization_request: AuthorizationRequest, failed: FederationFailed) -> AnyResponse:
    return redirect(authorization_request.answer(error=failed.error, error_description=failed.description))
