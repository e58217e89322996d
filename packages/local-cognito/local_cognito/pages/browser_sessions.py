"""The state of the hosted UI: pending sign-ins, browser sessions and authorization codes.

All of it is in memory and expires. Does not depend on HTTP and checks no credentials.
"""

import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, Literal, TypeVar

from flask import Flask

from ..accounts.assurance import PASSWORD, Assurance
from .authorization_request import AuthorizationRequest, s256_challenge
from .explanations import Explanation, shorten_value

# AWS developer guide, "Managed login": a pending sign-in and a code expire after five minutes, the page for a new
# password after eight. A browser session expires one hour after the interactive sign-in; using it does not extend it.
LOGIN_SECONDS = 300
CODE_SECONDS = 300
RESET_SECONDS = 480
SESSION_SECONDS = 3600
# Enough for any test run. Without a limit, a loop that opens the login page would exhaust the memory.
_CAPACITY = 10_000

Value = TypeVar("Value")
Step = Literal["password", "new-password", "totp", "sign-up", "confirm", "forgot", "reset"]


class ExpiringStore(Generic[Value]):
    """Values with unguessable names that expire. If there are more than `capacity`, the oldest is removed first."""

    def __init__(self, lifetime_seconds: float, now: Callable[[], float], capacity: int = _CAPACITY) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._now = now
        self._capacity = capacity
        self._items: dict[str, tuple[float, Value]] = {}
        self._lock = Lock()

    def put(self, value: Value, name: str = "", lifetime_seconds: float | None = None) -> str:
        """Store `value` and return its name: a new one unless given. It expires after `lifetime_seconds` or the
        default.
        """
        lifetime_seconds = self._lifetime_seconds if lifetime_seconds is None else lifetime_seconds
        name = name or secrets.token_urlsafe(32)
        with self._lock:
            self._items.pop(name, None)  # a name that is used again becomes the most recent one
            # Nearly all values have the same lifetime, so they expire about in the order of insertion.
            for oldest in list(self._items):
                if len(self._items) < self._capacity and self._alive(self._items[oldest]) is not None:
                    break
                del self._items[oldest]
            self._items[name] = (self._now() + lifetime_seconds, value)
        return name

    def get(self, name: str) -> Value | None:
        """Return the value unless it has expired."""
        with self._lock:
            return self._alive(self._items.get(name))

    def change(self, name: str, how: Callable[[Value], Value]) -> Value | None:
        """Replace the value by `how(value)` and return it, or None. Its expiry does not change."""
        with self._lock:
            item = self._items.get(name)
            value = self._alive(item)
            if item is None or value is None:
                return None
            changed = how(value)
            self._items[name] = (item[0], changed)
            return changed

    def take(self, name: str) -> Value | None:
        """Remove the value and return it. Of several concurrent callers, at most one gets it."""
        with self._lock:
            return self._alive(self._items.pop(name, None))

    def _alive(self, item: tuple[float, Value] | None) -> Value | None:
        return item[1] if item is not None and self._now() < item[0] else None


@dataclass(frozen=True)
class PendingSignIn:
    """A pending sign-in in one browser: its authorization request, its step, and its user after the password was
    checked.
    """

    request: AuthorizationRequest
    browser: str = field(repr=False)
    csrf_token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    step: Step = "password"
    username: str = ""
    sub: str = ""
    notice: str = ""
    wrong_codes: int = 0

    def is_of(self, browser: str, csrf_token: str) -> bool:
        """Return whether a form was shown for this sign-in in this browser."""
        same_browser = hmac.compare_digest(self.browser.encode(), browser.encode())
        return hmac.compare_digest(self.csrf_token.encode(), csrf_token.encode()) and same_browser


@dataclass(frozen=True)
class BrowserSession:
    """A user who signed in to a pool in this browser; `auth_time` is in seconds of Unix time.

    `provider` is the identity provider of the sign-in, empty for the pool itself. `nonce` was sent to that provider.
    """

    pool_id: str
    sub: str
    auth_time: int
    assurance: Assurance = PASSWORD
    provider: str = ""
    nonce: str = field(repr=False, default="")


@dataclass(frozen=True)
class AuthorizationCode:
    """The sign-in and the authorization request of a code."""

    request: AuthorizationRequest
    session: BrowserSession

    def explain_mismatch(self, client_id: str, redirect_uri: str, code_verifier: str | None) -> Explanation | None:
        """Return what does not match the authorization request, or None (RFC 6749 4.1.3, RFC 7636 4.6)."""
        request = self.request
        if client_id != request.client.id:
            return Explanation(
                f"The code was issued to the app client {request.client.id}, not to {client_id}.",
                "Use the same client_id for the authorization request and the token request.",
            )
        if redirect_uri != request.redirect_uri:
            return Explanation(
                f"redirect_uri {shorten_value(redirect_uri)} is not that of the authorization request.",
                "Send the same redirect_uri in both requests.",
                registered=(request.redirect_uri,),
                registered_label="Authorization request",
            )
        challenge = None if code_verifier is None else s256_challenge(code_verifier)
        if challenge == request.code_challenge:
            return None
        # A verifier without a challenge is rejected too: the code belongs to another request (RFC 9700 4.8.2).
        if request.code_challenge is None:
            problem = "code_verifier was sent, but the authorization request had no code_challenge."
        else:
            problem = "code_verifier is missing." if code_verifier is None else "code_verifier is a different one."
        return Explanation(problem, "Send the code_verifier that belongs to the code_challenge of the same sign-in.")


class BrowserSessions:
    """The three stores of one hosted UI. Thread-safe."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.pending: ExpiringStore[PendingSignIn] = ExpiringStore(LOGIN_SECONDS, now)
        self.signed_in: ExpiringStore[BrowserSession] = ExpiringStore(SESSION_SECONDS, now)
        self.codes: ExpiringStore[AuthorizationCode] = ExpiringStore(CODE_SECONDS, now)

    def new_code(self, request: AuthorizationRequest, session: BrowserSession) -> str:
        """Return a single-use code for `request`. It is a UUID, as Cognito's codes are."""
        return self.codes.put(AuthorizationCode(request, session), name=str(uuid.uuid4()))


_EXTENSION = "cognito_browser_sessions"


def sessions_of(app: Flask, now: Callable[[], float]) -> BrowserSessions:
    """Return the stores that the pages and the token endpoint of one Flask app share; created on the first call."""
    if _EXTENSION not in app.extensions:
        app.extensions.setdefault(_EXTENSION, BrowserSessions(now))  # concurrent first calls return the same stores
    sessions: BrowserSessions = app.extensions[_EXTENSION]
    return sessions
