"""Sign-ins that nobody sees (`prompt=none`): whether one is worth trying, and what comes of those that fail."""

import time

from django.http import HttpRequest

from ..core.errors import CognitoError, SignInError
from .pending import PendingSignIn

_SESSION_KEY = "_cognito_silent_at"
_PAUSE_SECONDS = 600  # who was asked about is so again after that
# OpenID Connect Core 3.1.2.6: somebody would have to be asked something. Cognito says the first.
_NOBODY = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})


def is_worth_trying(request: HttpRequest) -> bool:
    """Whether this browser has not been asked about in the last ten minutes. Reads the session."""
    return time.time() - float(request.session.get(_SESSION_KEY, 0)) > _PAUSE_SECONDS


def is_nobody(begun: PendingSignIn | None, error: CognitoError) -> bool:
    """Whether a silent sign-in has found that nobody is signed in at Cognito: an answer, and no failure."""
    is_silent = begun is not None and begun.asked.get("prompt") == "none"
    return is_silent and isinstance(error, SignInError) and error.oauth_error in _NOBODY


def remember(request: HttpRequest) -> None:
    """Remember that this browser was asked about, or need not be. Writes the session."""
    request.session[_SESSION_KEY] = time.time()
