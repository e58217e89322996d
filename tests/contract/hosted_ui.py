"""Sign in at the hosted UI with Chromium: classic hosted UI and managed login.

The callback URL is on this machine and nothing listens there: the parameters are those of Chromium's request to it.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Error, Page, Request

from tests.support.chromium import running_chromium

CALLBACK_URL = "http://localhost:19632/contract/callback/"
_TIMEOUT_MILLISECONDS = 120_000


@dataclass(frozen=True)
class SignInResult:
    """The callback's query parameters, the code verifier, and lifetimes in seconds (not of session cookies)."""

    params: Mapping[str, str]
    code_verifier: str
    cookie_seconds: Mapping[str, float]


class Browser:
    """Chromium, a context manager. Each sign-in has new cookies."""

    def __init__(self, domain: str) -> None:
        self._domain = domain
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._chromium = self._resources.enter_context(running_chromium())
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._resources.close()

    def sign_in(self, client_id: str, username: str, password: str, **params: str) -> SignInResult:
        """Open the authorization URL, fill in the sign-in form, and return the parameters of the callback."""
        verifier = secrets.token_urlsafe(48)
        with self._open_page() as page:
            page.goto(self._build_url(client_id, verifier, params))
            with page.expect_request(_is_callback, timeout=_TIMEOUT_MILLISECONDS) as callback:
                _fill_form(page, username, password)
            query = dict(parse_qsl(urlsplit(callback.value.url).query))
            now = time.time()
            cookies = page.context.cookies(self._domain)
            expiry = {cookie["name"]: cookie["expires"] - now for cookie in cookies if cookie["expires"] > 0}
            return SignInResult(query, verifier, expiry)

    def open(self, client_id: str, **params: str) -> str:
        """Open the authorization URL without a session; return the URL at which the browser arrives."""
        with self._open_page() as page:
            callbacks: list[str] = []
            page.on("request", lambda request: callbacks.append(request.url) if _is_callback(request) else None)
            with suppress(Error):  # nothing listens at the callback URL
                page.goto(self._build_url(client_id, secrets.token_urlsafe(48), params))
            return callbacks[0] if callbacks else page.url

    @contextmanager
    def _open_page(self) -> Iterator[Page]:
        context = self._chromium.new_context()
        context.set_default_timeout(_TIMEOUT_MILLISECONDS)
        try:
            yield context.new_page()
        finally:
            context.close()

    def _build_url(self, client_id: str, verifier: str, params: Mapping[str, str]) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK_URL,
            "scope": "openid email profile",
            "state": "a-state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._domain}/oauth2/authorize?{urlencode({**query, **params})}"


def _is_callback(request: Request) -> bool:
    return request.url.startswith(CALLBACK_URL)


def _fill_form(page: Page, username: str, password: str) -> None:
    """Fill in the form. Managed login asks for the password on a second page."""
    # The classic hosted UI has two copies of its form, of which one is visible.
    name_field = page.locator("input[name=username]:visible").first
    password_field = page.locator("input[type=password]:visible").first
    name_field.fill(username)
    if not password_field.is_visible():
        name_field.press("Enter")
        password_field.wait_for(timeout=_TIMEOUT_MILLISECONDS)
    password_field.fill(password)
    password_field.press("Enter")
