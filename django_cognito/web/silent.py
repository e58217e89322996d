"""Silent sign-ins (`prompt=none`): whether one is worth trying, and what a failed one means. Reads no session."""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import urlencode

from ..core.errors import CognitoError, SignInError

SILENT_PARAM = "unseen"  # in a login's query: a page sent the browser, which is to come back to it in any case
_COOKIE = "cognito_silent_"  # and the name of the session cookie: cookies ignore ports, as of two local sites
_IN_VAIN = ("silent_sign_in", "no")  # in a page's query: this browser keeps no cookies
_PAUSE_SECONDS = 600  # after that Cognito is asked again
# OpenID Connect Core 3.1.2.6: the user would have to be asked something. Cognito sends the first.
_NOBODY = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})


def is_worth_trying(request: HttpRequest) -> bool:
    """Return whether this browser was not asked silently in the last ten minutes. Reads a cookie."""
    name, value = _IN_VAIN
    return request.GET.get(name) != value and not request.COOKIES.get(_cookie())


def no_cookie_redirect(request: HttpRequest, next_url: str) -> str | None:
    """Return the URL of the page for a browser that it sent here, and that did not keep the cookie; else None.

    Without cookies no sign-in can be completed, and the page would send the browser here again and again.
    """
    if SILENT_PARAM not in request.GET or request.COOKIES.get(_cookie()) or not next_url:
        return None
    return f"{next_url}{'&' if '?' in next_url else '?'}{urlencode([_IN_VAIN])}"


def is_login_required_error(authorize_params: Mapping[str, str], error: CognitoError) -> bool:
    """Return whether a silent sign-in found no user signed in at Cognito: an answer, and no failure."""
    is_silent = authorize_params.get("prompt") == "none"
    return is_silent and isinstance(error, SignInError) and error.oauth_error in _NOBODY


def mark_attempted(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set the cookie that says that this browser was asked silently, or need not be."""
    response.set_cookie(
        _cookie(),
        "1",
        max_age=_PAUSE_SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _cookie() -> str:
    return f"{_COOKIE}{settings.SESSION_COOKIE_NAME}"
