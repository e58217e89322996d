"""The page "Continue as NAME (E-MAIL)?", between the code of a sign-in and its session.

The verified tokens are in the form, encrypted and bound to a cookie of this browser: there is no session and no row
before the user has confirmed. Must not decide which sign-ins need a confirmation.
"""

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_script_prefix

from ..core.base64url import decode_base64url, encode_base64url
from ..core.errors import SignInError
from ..core.hosted_ui import TokenSet
from ..core.tracebacks import clear_frame_locals
from ..encryption import DecryptionError, decrypt, encrypt
from ..web import sign_in_cookies
from ..web.security_headers import set_security_headers
from .flow import RedeemedSignIn
from .state import PendingSignIn, is_id, new_id, new_secret, open_state

# Never the key of stored tokens or of states: anonymous requests must not encrypt under the first, and a state is no
# confirmation.
_PURPOSE = b"django_cognito.login.confirmation"
_LIFETIME_SECONDS = 300
_MAX_SHOWN_CHARS = 100


@clear_frame_locals
def render_page(request: HttpRequest, sign_in: RedeemedSignIn) -> HttpResponse:
    """Return the page that names the account and asks whether to continue. Sets the cookie that its form needs."""
    confirmation_id, cookie_secret = new_id(), new_secret()
    values = [
        int(time.time()),
        request.GET["state"],
        encode_base64url(sign_in.secret),
        asdict(sign_in.tokens),
    ]
    associated_data = _associated_data(confirmation_id, cookie_secret)
    sealed = encrypt(json.dumps(values).encode(), associated_data=associated_data, purpose=_PURPOSE)
    profile = sign_in.profile
    claims = profile.claims if profile is not None else {}
    # Users can write their name and an unverified email, so a page with these alone could name the victim.
    verified_email = profile.email if profile is not None and profile.email_verified else ""
    context = {
        "sealed": f"{confirmation_id}.{encode_base64url(sealed)}",
        "name": _shown(claims.get("name"))
        or _shown(claims.get("preferred_username"))
        or _shown(sign_in.token.username),
        "email": _shown(verified_email or sign_in.token.username),
        "home": get_script_prefix(),
    }
    response = render(request, "django_cognito/confirm_sign_in.html", context)
    sign_in_cookies.set_secret(request, response, confirmation_id, cookie_secret)
    # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check rejects.
    return set_security_headers(response, referrer_policy="strict-origin")


@clear_frame_locals
def open_form(request: HttpRequest) -> tuple[PendingSignIn, bytes, TokenSet]:
    """Return the sign-in that the user confirmed, its secret and its tokens. The cookie can be used once.

    Raises SignInError: code "state_unknown" if this browser does not have the cookie or the form was changed,
    "state_expired" if the page is older than five minutes.
    """
    confirmation_id, _, payload = request.POST.get("sealed", "").partition(".")
    plaintext = cookie_secret = None
    if is_id(confirmation_id):
        cookie_secret = sign_in_cookies.take_secret(request, confirmation_id, lambda _: True)
    if cookie_secret is not None:
        associated_data = _associated_data(confirmation_id, cookie_secret)
        with suppress(DecryptionError, ValueError):
            plaintext = decrypt(decode_base64url(payload), associated_data=associated_data, purpose=_PURPOSE)
    if plaintext is None:
        raise SignInError("this browser has no sign-in to confirm", code="state_unknown")
    created_at, state, secret, tokens = json.loads(plaintext)
    if time.time() - created_at > _LIFETIME_SECONDS:
        raise SignInError("the sign-in was not confirmed in time", code="state_expired")
    return open_state(state), decode_base64url(secret), TokenSet(**tokens)


def _shown(claim: object) -> str:
    """Return the claim without characters that change how the text around it is shown, such as bidi controls."""
    return "".join(filter(str.isprintable, claim))[:_MAX_SHOWN_CHARS] if isinstance(claim, str) else ""


def _associated_data(confirmation_id: str, cookie_secret: bytes) -> bytes:
    return f"{confirmation_id}.{hashlib.sha256(cookie_secret).hexdigest()}".encode()
