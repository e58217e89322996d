"""Silent sign-ins (`prompt=none`): whether to try one, and what a failure means. Must not read the session."""

from collections.abc import Mapping

from django.http import HttpRequest
from django.utils.http import urlencode

from ..core.errors import CognitoError, SignInError
from .browser_mark import BrowserMark

SILENT_PARAM = "unseen"  # in the login URL's query: the browser must return to the page in any case
ATTEMPTED = BrowserMark("cognito_silent_", 600)  # a silent sign-in in the last ten minutes, which prevents another
_IN_VAIN = ("silent_sign_in", "no")  # in a page's query: this browser does not store cookies
# OpenID Connect Core 3.1.2.6: the user would have to interact. Cognito uses only the first.
LOGIN_REQUIRED_ERRORS = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)


def is_worth_trying(request: HttpRequest) -> bool:
    """Return whether this browser has had no silent sign-in in the last ten minutes. Reads a cookie."""
    name, value = _IN_VAIN
    return request.GET.get(name) != value and not ATTEMPTED.is_set(request)


def no_cookie_redirect(request: HttpRequest, next_url: str) -> str | None:
    """Return the URL of the original page if the browser did not store the cookie; otherwise None.

    Without cookies no sign-in can be completed, and the page would redirect the browser to the login in a loop.
    """
    if SILENT_PARAM not in request.GET or ATTEMPTED.is_set(request) or not next_url:
        return None
    return f"{next_url}{'&' if '?' in next_url else '?'}{urlencode([_IN_VAIN])}"


def is_silent(authorize_params: Mapping[str, str]) -> bool:
    """Return whether a sign-in with these parameters has no user interaction."""
    return authorize_params.get("prompt") == "none"


def is_login_required_error(authorize_params: Mapping[str, str], error: CognitoError) -> bool:
    """Return whether a silent sign-in failed because the user has no session at Cognito. That is expected."""
    return is_silent(authorize_params) and isinstance(error, SignInError) and error.oauth_error in LOGIN_REQUIRED_ERRORS
