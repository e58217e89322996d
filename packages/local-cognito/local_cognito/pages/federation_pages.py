"""To a provider and back: the redirect that begins a sign-in there, and `/oauth2/idpresponse` that ends it.

Shows no page of its own. Each way is good once, and in the browser alone that set out on it.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..accounts.assurance import FEDERATED
from ..accounts.identity_providers import IdentityProvider
from ..accounts.people import Person
from ..federation.failures import FederationFailed
from ..federation.provider_client import ProviderClient
from ..refusals import Refused
from ..user_pool_service import Authority
from .attempts import finished
from .authorization_request import AuthorizationRequest
from .browser_cookies import browser_of_request, new_browser, remember_browser
from .browser_sessions import LOGIN_SECONDS, BrowserSession, Shelf, sessions_of
from .page import error_page

CALLBACK_PATH = "/oauth2/idpresponse"
# The most that is handed on of what a provider says of its own failure.
_DESCRIPTION_MOST_CHARACTERS = 200


@dataclass(frozen=True)
class _WayOut:
    """A browser that has gone to a provider: what for, and what must come back with it."""

    request: AuthorizationRequest
    provider: IdentityProvider
    browser: str = field(repr=False)
    addresses: Mapping[str, str]
    nonce: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(48))


class FederationPages:
    """The sign-ins through providers of one local Cognito."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._client = ProviderClient(authority.now)
        self._ways: Shelf[_WayOut] = Shelf(LOGIN_SECONDS, authority.now)
        self._latest_states: Shelf[str] = Shelf(LOGIN_SECONDS, authority.now)

    def add_to(self, blueprint: Blueprint) -> None:
        """Give `blueprint` the address that providers lead back to."""
        blueprint.add_url_rule(CALLBACK_PATH, view_func=self.come_back)

    def set_out(self, asked: AuthorizationRequest, provider: IdentityProvider) -> AnyResponse:
        """To the provider, or back to the app where it cannot be found."""
        try:
            addresses = self._client.addresses(provider)
        except FederationFailed as failed:
            return _tell(asked, failed)
        way = _WayOut(asked, provider, browser_of_request() or new_browser(), addresses)
        state = self._ways.put(way)
        self._latest_states.put(state, name=way.browser)
        response = redirect(_address(way, state, self._callback))
        remember_browser(response, way.browser)
        return response

    def come_back(self) -> AnyResponse:
        """To the app: with a code of ours, or with what has failed. Who never set out from here gets a page."""
        way = self._ways.take(self._state())
        if way is None or way.browser != browser_of_request():
            return error_page("provider_answer")
        try:
            person = self._person(way)
        except FederationFailed as failed:
            return _tell(way.request, failed)
        return self._finish(way, person)

    @property
    def _callback(self) -> str:
        return self._authority.origin + CALLBACK_PATH

    def _state(self) -> str:
        """The state that has come back. Some providers say no without one: it is the browser's latest way, then."""
        if "state" not in request.args and "error" in request.args:
            return self._latest_states.take(browser_of_request()) or ""
        return request.args.get("state", "")

    def _person(self, way: _WayOut) -> Person:
        """Whom the provider has signed in, as somebody of the pool. Raises FederationFailed."""
        _require_success(way)
        claims = self._client.claims(
            way.provider,
            way.addresses,
            code=request.args["code"],
            verifier=way.verifier,
            nonce=way.nonce,
            callback=self._callback,
        )
        try:
            person = self._authority.federated.sign_in(way.request.client.pool_id, way.provider, claims)
            self._authority.require_able_to_sign_in(person)
        except Refused as refused:
            error = "invalid_request" if refused.code == "invalid_request" else "access_denied"
            raise FederationFailed(refused.message, error) from refused
        return person

    def _finish(self, way: _WayOut, person: Person) -> AnyResponse:
        asked = way.request
        session = BrowserSession(
            asked.client.pool_id,
            person.sub,
            auth_time=int(self._authority.now()),
            assurance=FEDERATED,
            provider=way.provider.name,
            nonce=way.nonce,
        )
        return finished(self._authority, sessions_of(current_app, self._authority.now), asked, session)


def _address(way: _WayOut, state: str, callback: str) -> str:
    """Where the browser goes; what the app has asked of its person is asked of the provider's too."""
    asked, provider = way.request, way.provider
    challenge = base64.urlsafe_b64encode(hashlib.sha256(way.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": callback,
        "scope": provider.scopes,
        "state": state,
        "nonce": way.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if asked.prompts:
        query["prompt"] = " ".join(sorted(asked.prompts))
    if asked.login_hint and provider.takes_login_hint:
        query["login_hint"] = asked.login_hint
    address = way.addresses.get("authorize_url", "")
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _require_success(way: _WayOut) -> None:
    """Nothing, if the provider has sent a code of its own. Raises FederationFailed."""
    issuer = request.args.get("iss")
    if issuer is not None and issuer.rstrip("/") != way.provider.issuer:  # RFC 9207 2.4
        raise FederationFailed("Bad iss in the provider's response")
    if error := request.args.get("error"):
        described = request.args.get("error_description", "") or f"{way.provider.name} Error - {error}"
        is_denied = error == "access_denied"
        raise FederationFailed(
            described[:_DESCRIPTION_MOST_CHARACTERS], "access_denied" if is_denied else "invalid_request"
        )
    if not request.args.get("code"):
        raise FederationFailed(f"{way.provider.name} Error - no code in the response")


def _tell(asked: AuthorizationRequest, failed: FederationFailed) -> Response | AnyResponse:
    return redirect(asked.answer(error=failed.error, error_description=failed.description))
