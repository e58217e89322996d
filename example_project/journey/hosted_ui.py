"""Sign-in at the hosted UI: in a browser, or as an app that requests tokens (RFC 6749 4.1, RFC 7636)."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import requests

from demo.seed import SeedUser

from .browser import TIMEOUT_SECONDS, Browser
from .context import Context
from .page import Page, UnexpectedPageError


def sign_in(browser: Browser, context: Context, user: SeedUser, *, path: str = "/me/") -> Page:
    """Open a page of the site that requires a sign-in, sign in and return that page."""
    return submit_password(browser, browser.open(context.site + path), user)


def submit_password(browser: Browser, page: Page, user: SeedUser, *, password: str = "", stop_at: str = "") -> Page:
    """Submit the sign-in form of the hosted UI."""
    values = {"username": user.username, "password": password or user.password}
    return browser.submit(page, page.get_form(*values), values, stop_at=stop_at)


def submit_code(browser: Browser, page: Page, code: str) -> Page:
    """Submit the form for a code: of an authenticator app, or from an email."""
    return browser.submit(page, page.get_form("code"), {"code": code})


def get_wrong_code(totp: pyotp.TOTP) -> str:
    """Return six digits that are not a code of the current or an adjacent time step."""
    valid_codes = {totp.at(datetime.now(UTC), counter_offset=offset) for offset in range(-2, 3)}
    return next(code for code in (f"{number:06}" for number in range(10)) if code not in valid_codes)


def is_sign_in_page(page: Page) -> bool:
    """Return whether the page has the sign-in form of the hosted UI."""
    return page.has_form("username", "password")


def fetch_tokens(context: Context, user: SeedUser) -> dict[str, Any]:
    """Sign in at the site's app client and return the response of the token endpoint, as a separate app would."""
    verifier, browser = secrets.token_urlsafe(48), Browser()
    page = browser.open(f"{context.cognito}/oauth2/authorize?{urlencode(_authorize_params(context, verifier))}")
    callback_page = submit_password(browser, page, user, stop_at=context.callback_url)
    code = parse_qs(urlsplit(callback_page.url).query).get("code")
    if not code:
        raise UnexpectedPageError(f"the hosted UI returned no code for {user.username}")
    return _exchange_code(context, code[0], verifier)


def _authorize_params(context: Context, verifier: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code",
        "client_id": context.web_client.id,
        "redirect_uri": context.callback_url,
        "scope": "openid email profile",
        "state": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _exchange_code(context: Context, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "client_id": context.web_client.id,
        "redirect_uri": context.callback_url,
        "code": code,
        "code_verifier": verifier,
    }
    response = requests.post(f"{context.cognito}/oauth2/token", data=form, timeout=TIMEOUT_SECONDS)
    response.raise_for_status()
    tokens: dict[str, Any] = response.json()
    return tokens
