"""Signing in at the hosted UI, with the browser alone or as an app that wants tokens (RFC 6749 4.1, RFC 7636)."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import requests

from demo.seed import SeededPerson

from .browser import TIMEOUT_SECONDS, Browser
from .page import LostError, Page
from .world import World


def sign_in(browser: Browser, world: World, person: SeededPerson, *, to: str = "/me/") -> Page:
    """Go to a page of the site that asks to sign in, do so, and arrive there."""
    return give_password(browser, browser.open(world.site + to), person)


def give_password(browser: Browser, page: Page, person: SeededPerson, *, password: str = "", stop_at: str = "") -> Page:
    """Fill in the hosted UI's first form."""
    values = {"username": person.username, "password": password or person.password}
    return browser.submit(page, page.form(*values), values, stop_at=stop_at)


def give_code(browser: Browser, page: Page, code: str) -> Page:
    """Fill in the form that asks for an authenticator app's code."""
    return browser.submit(page, page.form("code"), {"code": code})


def wrong_code(totp: pyotp.TOTP) -> str:
    """Six digits that are not the code of now, of just before, or of just after."""
    near = {totp.at(datetime.now(UTC), counter_offset=offset) for offset in range(-2, 3)}
    return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)


def asks_for_password(page: Page) -> bool:
    """Whether the page is the hosted UI's first form."""
    return page.has_form("username", "password")


def tokens(world: World, person: SeededPerson) -> dict[str, Any]:
    """The tokens of a new sign-in at the site's client, fetched as an app of its own would."""
    verifier, browser = secrets.token_urlsafe(48), Browser()
    page = browser.open(f"{world.cognito}/oauth2/authorize?{urlencode(_request(world, verifier))}")
    landed = give_password(browser, page, person, stop_at=world.callback)
    code = parse_qs(urlsplit(landed.url).query).get("code")
    if not code:
        raise LostError(f"the hosted UI gave {person.username} no code")
    return _exchange(world, code[0], verifier)


def _request(world: World, verifier: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code",
        "client_id": world.web.id,
        "redirect_uri": world.callback,
        "scope": "openid email profile",
        "state": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _exchange(world: World, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "client_id": world.web.id,
        "redirect_uri": world.callback,
        "code": code,
        "code_verifier": verifier,
    }
    answer = requests.post(f"{world.cognito}/oauth2/token", data=form, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    given: dict[str, Any] = answer.json()
    return given
