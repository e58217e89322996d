"""The `state` of a pending sign-in: encrypted for the authorization request, decrypted at the callback.

Must not depend on requests or sessions: the secret of the cookie is passed in.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import string
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from ..core.base64url import decode_base64url, encode_base64url
from ..core.errors import SignInError
from ..core.hosted_ui import SignInSecrets
from ..core.tracebacks import clear_frame_locals
from ..encryption import DecryptionError, decrypt, encrypt
from ..web import sign_in_cookies

# Never the key of stored tokens: anonymous requests must not encrypt under it.
_PURPOSE = b"django_cognito.login.state"
_VERSION = 3
_MAX_CHARS = 1_536
_SECRET_BYTES, _SALT_BYTES = 32, 16
_DIGITS = string.digits + string.ascii_lowercase
_ID = re.compile(r"[0-9a-z]{12}")
# The fields of a pending sign-in in its state, in this order, after the version.
_FIELDS = (
    "alias",
    "client_id",
    "next_url",
    "authorize_params",
    "started_at",
    "attempt",
    "links_to",
    "session_digest",
    "salt",
    "secret_digest",
    "page",
    "is_idp_initiated",
    "is_remembered",
)


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that a browser has started and not yet completed: the content of its `state`.

    `alias` is the alias in POOLS with which it started, `client_id` that of its app client. `next_url` is the page
    after the sign-in, `authorize_params` are the authorization request parameters of the login's query. `links_to` is
    the primary key of the user to whom the account is to be linked; `session_digest` identifies the session that
    started the link; both are empty for a plain sign-in. `started_at` is in seconds since 1970. `page` is a page of the
    hosted UI (`flow.PAGES`). `is_idp_initiated` is set if the identity provider, not the user, caused the sign-in.
    `is_remembered` is set if the user chose a session that outlives the browser.
    """

    alias: str
    client_id: str
    next_url: str = ""
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    links_to: str = ""
    session_digest: str = field(default="", repr=False)
    attempt: int = 1
    started_at: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: new_id())
    salt: str = field(default_factory=lambda: encode_base64url(os.urandom(_SALT_BYTES)), repr=False)
    secret_digest: str = field(default="", repr=False)
    page: str = "login"
    is_idp_initiated: bool = False
    is_remembered: bool = False

    @property
    def is_expired(self) -> bool:
        """Whether the sign-in has taken longer than LIFETIME_SECONDS."""
        return time.time() - self.started_at > sign_in_cookies.LIFETIME_SECONDS

    @property
    def needs_confirmation(self) -> bool:
        """Whether the user must confirm the account before the session starts.

        The identity provider caused the sign-in, and Cognito may have used a session of another user.
        """
        return self.is_idp_initiated and self.authorize_params.get("prompt") != "login"

    @property
    def needs_new_sign_in(self) -> bool:
        """Whether the user must have signed in after the request: an earlier session at Cognito may be another user's.

        That is so to link an account, and if the identity provider caused the sign-in.
        """
        return bool(self.links_to) or (self.is_idp_initiated and not self.needs_confirmation)

    def next_attempt(self) -> Self:
        """Return a new pending sign-in for the same request, with the next attempt number."""
        return type(self)(
            alias=self.alias,
            client_id=self.client_id,
            next_url=self.next_url,
            authorize_params=self.authorize_params,
            page=self.page,
            is_idp_initiated=self.is_idp_initiated,
            is_remembered=self.is_remembered,
            attempt=self.attempt + 1,
        )

    def has_secret(self, secret: bytes) -> bool:
        """Return whether `secret` is the one with which the sign-in started. Constant time."""
        return hmac.compare_digest(_digest(secret), self.secret_digest)

    def nonce(self, secret: bytes) -> str:
        """Return the nonce of the authorization request: neither the secret nor the state alone yields it."""
        return _derive(secret, "nonce", self.salt)

    def code_verifier(self, secret: bytes) -> str:
        """Return the PKCE code verifier (RFC 7636 4.1: 43 characters), derived as the nonce is."""
        return _derive(secret, "verifier", self.salt)


def new_secret() -> bytes:
    """Return a new random secret of 32 bytes: only the browser that starts the sign-in gets it, in a cookie."""
    return os.urandom(_SECRET_BYTES)


@clear_frame_locals
def seal_state(pending: PendingSignIn, secret: bytes) -> SignInSecrets:
    """Return the state, the nonce and the code verifier of a sign-in that starts with `secret`.

    A `next_url` that would make the state longer than 1,536 characters is left out.
    Raises SignInError (code "invalid_parameter") if the authorization request parameters alone are too long.
    """
    bound = replace(pending, secret_digest=_digest(secret))
    state = _sealed(bound)
    if len(state) > _MAX_CHARS:
        state = _sealed(replace(bound, next_url=""))
    if len(state) > _MAX_CHARS:
        message = f"the authorization request parameters are too long for a state of {_MAX_CHARS} characters"
        raise SignInError(message, code="invalid_parameter")
    return SignInSecrets(state=state, nonce=bound.nonce(secret), code_verifier=bound.code_verifier(secret))


@clear_frame_locals
def open_state(state: str) -> PendingSignIn:
    """Return the pending sign-in that `state` contains. It may belong to another browser, or have expired.

    Raises SignInError (code "state_unknown") if this site did not encrypt it with SECRET_KEY or one of its fallbacks.
    """
    sign_in_id, _, payload = state.partition(".")
    plaintext = None
    if len(state) <= _MAX_CHARS and _ID.fullmatch(sign_in_id):
        with suppress(DecryptionError, ValueError):
            plaintext = decrypt(decode_base64url(payload), associated_data=sign_in_id.encode(), purpose=_PURPOSE)
    version, *values = [None] if plaintext is None else json.loads(plaintext)
    if version != _VERSION:  # None, or the version of another release
        # Not chained: the cause quotes the state.
        raise SignInError("this site did not create the state", code="state_unknown")
    return PendingSignIn(id=sign_in_id, **dict(zip(_FIELDS, values, strict=True)))


def digest_session_key(secret: bytes, session_key: str) -> str:
    """Return a digest of a session's key, keyed by the sign-in's secret."""
    return _derive(secret, "session", session_key)


def _sealed(pending: PendingSignIn) -> str:
    values = [_VERSION, *(getattr(pending, name) for name in _FIELDS)]
    plaintext = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{pending.id}.{encode_base64url(encrypt(plaintext, associated_data=pending.id.encode(), purpose=_PURPOSE))}"


def is_id(value: str) -> bool:
    """Return whether `value` has the form of an id."""
    return _ID.fullmatch(value) is not None


def new_id() -> str:
    """Return the time in base 36, so that ids sort by age, and six random characters."""
    seconds, characters = int(time.time()), ""
    for _ in range(6):
        seconds, digit = divmod(seconds, 36)
        characters = _DIGITS[digit] + characters
    return characters + "".join(secrets.choice(_DIGITS) for _ in range(6))


def _derive(secret: bytes, purpose: str, context: str) -> str:
    return encode_base64url(hmac.digest(secret, f"{purpose}{context}".encode(), "sha256"))


def _digest(secret: bytes) -> str:
    return encode_base64url(hashlib.sha256(secret).digest())
