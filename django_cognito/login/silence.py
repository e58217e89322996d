"""Sign-ins that nobody sees (`prompt=none`): whether one is worth trying, and what comes of those that fail."""

import time
from collections.abc import Mapping

from django.http import HttpRequest
from django.utils.http import urlencode

from ..core.errors import CognitoError, SignInError

UNSEEN = "unseen"  # in a login's query: a page sent the browser, which is to come back to it in any case
_SESSION_KEY = "_cognito_silent_at"
_IN_VAIN = ("silent_sign_in", "no")  # in a page's query: this browser keeps no cookies
_PAUSE_SECONDS = 600  # who was asked about is so again after that
# OpenID Connect Core 3.1.2.6: somebody would have to be asked something. Cognito says the first.
_NOBODY = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})


def is_worth_trying(request: HttpRequest) -> bool:
    """Whether this browser has not been asked about in the last ten minutes. Reads the session."""
    name, value = _IN_VAIN
    return request.GET.get(name) != value and not _is_remembered(request)


def in_vain(request: HttpRequest, next_url: str) -> str | None:
    """The way back for a browser that a page sent here a moment ago, and that kept no cookie since; else None.

    Without a session nothing can be signed in, and the page would send it here again and again.
    """
    if UNSEEN not in request.GET or _is_remembered(request) or not next_url:
        return None
    return f"{next_url}{'&' if '?' in next_url else '?'}{urlencode([_IN_VAIN])}"


def is_nobody(asked: Mapping[str, str], error: CognitoError) -> bool:
    """Whether a sign-in that asked that has silently found nobody signed in at Cognito: an answer, and no failure."""
    return is_silent(asked) and isinstance(error, SignInError) and error.oauth_error in _NOBODY


def is_silent(asked: Mapping[str, str]) -> bool:
    """Whether a sign-in that asks Cognito that is one that nobody sees."""
    return asked.get("prompt") == "none"


def remember(request: HttpRequest) -> None:
    """Remember that this browser was asked about, or need not be. Writes the session."""
    request.session[_SESSION_KEY] = time.time()


def _is_remembered(request: HttpRequest) -> bool:
    return time.time() - float(request.session.get(_SESSION_KEY, 0)) <= _PAUSE_SECONDS
