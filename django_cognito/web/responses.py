"""The HTTP responses to errors of the package: status, code, sentence and headers, the same at every entry point.

401 and 403 (rejected) and 503 (unavailable) are never exchanged. The sentences are those of the catalogue: the error's
own message is for operators and is not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings as django_settings
from django.http import JsonResponse
from django.utils.http import urlencode

from ..core.errors import CognitoError, CognitoUnavailableError, CredentialsError, TokenError, TokenUseError
from ..sessions.step_up import SignInRequirement
from ..users import UserRefusedError
from ..users.rejected_tokens import describe_claim
from .error_catalogue import (
    CATALOGUE,
    FAILED_SIGN_IN,
    REFUSED_CREDENTIALS,
    REJECTED_TOKEN,
    UNAVAILABLE,
    WRONG_TOKEN_USE,
    ErrorEntry,
)
from .login_url import find_login_url

CHALLENGE = "Bearer"
_INVALID_TOKEN = 'Bearer error="invalid_token"'  # RFC 6750 3.1: only if a token was sent


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The parts of an HTTP error response, which Django and DRF render alike."""

    status: int
    code: str
    sentence: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    debug: str = ""
    login_url: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)  # further members of the body

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body: `detail` for developers, `code` for programs; with 401 the login's path, if there is one.

        With DEBUG it also has the values that differ.
        """
        login_url = (self.login_url or find_login_url()) if self.status == 401 else ""
        members = {"detail": self.sentence, "code": self.code, "login_url": login_url, "debug": self.debug}
        members |= self.details
        return {name: value for name, value in members.items() if value or name in ("detail", "code")}


def error_response_for(error: CognitoError) -> ErrorResponse:
    """Return the response to `error`: 401 with a challenge, 403, 503 with Retry-After, or 400.

    The status follows from the error's class, the sentence from its code, or from a USER_ADAPTER's own error.
    """
    if isinstance(error, CognitoUnavailableError):
        return ErrorResponse(503, error.code, UNAVAILABLE.sentence, {"Retry-After": str(error.retry_after)})
    if isinstance(error, TokenError):
        headers = {"WWW-Authenticate": _INVALID_TOKEN}
        debug = describe_claim(error) if django_settings.DEBUG else ""
        return ErrorResponse(401, error.code, _get_token_sentence(error), headers, debug)
    if isinstance(error, CredentialsError):
        return ErrorResponse(403, error.code, _get_sentence(error.code, REFUSED_CREDENTIALS))
    return ErrorResponse(400, error.code, FAILED_SIGN_IN.sentence)


def _get_token_sentence(error: TokenError) -> Any:
    if isinstance(error, UserRefusedError):
        return error.sentence
    if isinstance(error, TokenUseError):
        # The type may be unverified: it selects one of two fixed sentences.
        token_use = error.unverified if error.actual is None else error.actual
        if isinstance(token_use, str) and token_use in WRONG_TOKEN_USE:
            return WRONG_TOKEN_USE[token_use]
    return _get_sentence(error.code, REJECTED_TOKEN)


def _get_sentence(code: str, default: ErrorEntry) -> Any:
    return CATALOGUE.get(code, default).sentence or default.sentence


def not_authenticated(login_url: str = "") -> ErrorResponse:
    """Return the response to an anonymous request: 401 with a challenge without `error`, since no token was sent."""
    sentence = CATALOGUE["not_authenticated"].sentence
    return ErrorResponse(401, "not_authenticated", sentence, {"WWW-Authenticate": CHALLENGE}, login_url=login_url)


def forbidden_response(code: str, *, scopes: tuple[str, ...] = ()) -> ErrorResponse:
    """Return the 403 response for a right that the user lacks; it names the missing scopes (RFC 6750 3.1)."""
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return ErrorResponse(403, code, CATALOGUE[code].sentence, {"WWW-Authenticate": challenge} if scopes else {})


def insufficient_authentication(requirement: SignInRequirement, login_url: str = "") -> ErrorResponse:
    """Return the response to an API whose user must sign in again: 401 with the requirement (RFC 9470 3).

    `login_url` is the step-up URL with the requirement. A client with a token of its own sends the parameters of the
    challenge to Cognito itself.
    """
    code, params = "insufficient_user_authentication", requirement.params
    challenge = ", ".join(f'{name}="{value}"' for name, value in {"error": code, **params}.items())
    details = {name: int(value) if name == "max_age" else value for name, value in params.items()}
    login_url = login_url or find_login_url(urlencode(params), "step_up")
    headers = {"WWW-Authenticate": f"Bearer {challenge}"}
    return ErrorResponse(401, code, CATALOGUE[code].sentence, headers, login_url=login_url, details=details)


def json_response(error_response: ErrorResponse) -> JsonResponse:
    """Return `error_response` as JSON that no cache stores."""
    response = JsonResponse(error_response.body, status=error_response.status, headers=dict(error_response.headers))
    response["Cache-Control"] = "no-store"
    return response
