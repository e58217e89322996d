"""The response of a hosted UI page, with the security headers of a login page. Contains no sign-in logic."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, make_response, render_template, request

from .explanations import Explanation, shown_parameters

_PLAIN_HOST = re.compile(r"[\w.-]+(:\d+)?", re.ASCII)

# The status, heading and text of each error page. The texts contain no value of the request; an explanation does.
_ERRORS: dict[str, tuple[int, str, str]] = {
    "invalid_request": (
        400,
        "Invalid authorization request",
        "client_id and redirect_uri are required, each exactly once.",
    ),
    "invalid_client": (
        400,
        "Unknown app client",
        "No user pool of this local Cognito has the app client in client_id.",
    ),
    "redirect_mismatch": (
        400,
        "Redirect URI mismatch",
        "redirect_uri is not exactly one of the app client's callback URLs.",
    ),
    "logout_mismatch": (
        400,
        "Sign-out URL mismatch",
        "logout_uri is not exactly one of the app client's sign-out URLs. You are still signed in.",
    ),
    "login_ended": (
        400,
        "This sign-in has expired or was already used",
        "A sign-in must be completed within five minutes and only once. Nothing was changed.",
    ),
    "too_many_codes": (
        400,
        "Too many wrong codes",
        "This sign-in was stopped to protect the account. You can start again with your password.",
    ),
    "sign_up_closed": (
        400,
        "Sign-up is disabled",
        "Only an administrator can create users in this user pool.",
    ),
    "provider_answer": (
        400,
        "Unexpected response of an identity provider",
        "This browser started no sign-in with the identity provider, or more than five minutes ago.",
    ),
    "post_only": (
        405,
        "Token endpoint",
        "The token endpoint accepts POST requests of apps only.",
    ),
    "forged_form": (
        403,
        "The form was rejected",
        "It was not submitted from a page of this browser (CSRF check). Allow cookies for this site.",
    ),
}
_UNKNOWN_ERROR = (400, "Something went wrong", "Nothing was changed.")


def render_page(template: str, *, leads_to: str = "", status: int = 200, **context: Any) -> Response:
    """Render a template. Its forms may only submit to this origin and, after redirects, to the origin of `leads_to`."""
    response = make_response(render_template(f"hosted_ui/{template}", **context), status)
    response.headers["Content-Security-Policy"] = content_security_policy(leads_to)
    return response


def error_page(code: str, restart: str = "", explanation: Explanation | None = None) -> Response:
    """Return the error page for `code`, with a link to start again if `restart` is given.

    With an explanation, the page also shows the parameters of the request that are not secret.
    """
    status, title, text = _ERRORS.get(code, _UNKNOWN_ERROR)
    known_code = code if code in _ERRORS else "unknown_error"
    shown: dict[str, Any] = {}
    if explanation:
        shown = {"explanation": explanation, "parameters": shown_parameters(request.args)}
    return render_page("error.html", status=status, title=title, text=text, code=known_code, restart=restart, **shown)


def content_security_policy(leads_to: str = "") -> str:
    """Return the Content-Security-Policy of a page whose form ends, after redirects, at `leads_to`.

    Browsers apply `form-action` to redirects after a form too, so it must contain the app's origin.
    """
    form_action = "'self'"
    if leads_to:
        # The origin, or only the scheme if CSP cannot express the origin (custom schemes, IPv6).
        parts = urlsplit(leads_to)
        is_plain = parts.scheme in {"http", "https"} and _PLAIN_HOST.fullmatch(parts.netloc)
        form_action += f" {parts.scheme}://{parts.netloc}" if is_plain else f" {parts.scheme}:"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )


def set_security_headers(response: Response) -> Response:
    """Set the security headers of the hosted UI and return the response."""
    response.headers.setdefault("Content-Security-Policy", content_security_policy())
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer: with it, browsers send `Origin: null` with the pages' own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def format_time(seconds: float) -> str:
    """Return Unix time as text in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def same_query(path: str, **more: str) -> str:
    """Return `path` with the query of the current request (except `attempt`) and `more`."""
    parameters = [(name, value) for name, value in request.args.items(multi=True) if name != "attempt"]
    return f"{path}?{urlencode([*parameters, *more.items()])}"
