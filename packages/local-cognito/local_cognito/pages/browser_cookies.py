"""The two cookies of the hosted UI. Cookies ignore ports: other sites on localhost receive them, so the names are
unique.
"""

import secrets

from flask import request
from werkzeug.wrappers import Response

from .browser_sessions import SESSION_SECONDS

# Binds a form to the browser in which it was shown. It does not identify the user.
_BROWSER_COOKIE = "cognito-emulator-browser"
# Single sign-on, one cookie per pool: a sign-in to another pool does not end this session.
_SESSION_COOKIE = "cognito-emulator-session-{pool_id}"


def browser_of_request() -> str:
    """Return the browser's id from its cookie; empty if it has none."""
    return request.cookies.get(_BROWSER_COOKIE, "")


def new_browser() -> str:
    """Return an unguessable browser id."""
    return secrets.token_urlsafe(32)


def remember_browser(response: Response, browser: str) -> None:
    """Set the cookie with the browser id, until the browser is closed."""
    response.set_cookie(_BROWSER_COOKIE, browser, httponly=True, samesite="Lax")


def session_of_request(pool_id: str) -> str:
    """Return the id of the browser's session with a pool; empty if it has none."""
    return request.cookies.get(_SESSION_COOKIE.format(pool_id=pool_id), "")


def remember_session(response: Response, pool_id: str, name: str) -> None:
    """Set the cookie with the session id for one hour."""
    cookie = _SESSION_COOKIE.format(pool_id=pool_id)
    response.set_cookie(cookie, name, max_age=SESSION_SECONDS, httponly=True, samesite="Lax")


def forget_session(response: Response, pool_id: str) -> None:
    """Delete the cookie of the browser's session with a pool."""
    response.delete_cookie(_SESSION_COOKIE.format(pool_id=pool_id), httponly=True, samesite="Lax")
