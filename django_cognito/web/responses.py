"""What an error of ours is to whoever asked: status, code, sentence, headers. Said once, for every door.

Refused (401, 403) and unavailable (503) never swap places. The sentences are fixed: nothing of the error's own message,
which is for operators, leaves the house.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from ..core.errors import CognitoError, CognitoUnavailableError, CredentialsError, TokenError

CHALLENGE = "Bearer"
_INVALID_TOKEN = 'Bearer error="invalid_token"'  # RFC 6750 3.1: only where a token was sent
_SENTENCES: Mapping[str, Any] = {
    "malformed_token": _("The token is not a token of Amazon Cognito."),
    "refresh_token": _("This is a refresh token; send an access token."),
    "token_expired": _("The token has expired; renew it and try again."),
    "token_not_yet_valid": _("The token is not valid yet; check the clock of whoever issued it."),
    "wrong_resource": _("The token is not for this API."),
    "wrong_token_use": _("An access token stands where an ID token is due, or the other way round."),
    "token_mismatch": _("The two tokens are not of one sign-in."),
    "at_hash_mismatch": _("The two tokens were not issued together."),
    "user_inactive": _("This account is disabled."),
    "user_unknown": _("This account is not known here."),
    "not_signed_in": _("AWS allows this to those who are signed in."),
    "person_required": _("AWS allows this to people; a machine has no credentials here."),
    "id_token_required": _("Send your ID token too, in the header X-Cognito-Id-Token."),
    "not_authenticated": _("Sign in, or send a token."),
    "group_required": _("Your groups do not allow this."),
    "scope_required": _("The token's scopes do not allow this."),
    "session_required": _("This page requires a signed-in browser session; it accepts no bearer tokens."),
    "cognito_unavailable": _("The sign-in service cannot be reached right now; try again in a moment."),
}
_REFUSED = _("The token is not accepted.")
_NOT_ALLOWED = _("AWS does not allow this.")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer in the making: JSON and DRF render it alike."""

    status: int
    code: str
    sentence: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body: `detail` for people, `code` for programs."""
        return {"detail": self.sentence, "code": self.code}


def answer_to(error: CognitoError) -> Answer:
    """The answer to `error`: 401 with a challenge, 403, or 503 with Retry-After."""
    if isinstance(error, CognitoUnavailableError):
        sentence = _SENTENCES["cognito_unavailable"]
        return Answer(503, error.code, sentence, {"Retry-After": str(error.retry_after)})
    if isinstance(error, TokenError):
        return Answer(401, error.code, _SENTENCES.get(error.code, _REFUSED), {"WWW-Authenticate": _INVALID_TOKEN})
    if isinstance(error, CredentialsError):
        return Answer(403, error.code, _SENTENCES.get(error.code, _NOT_ALLOWED))
    return Answer(400, error.code, _("The sign-in did not succeed."))


def not_authenticated() -> Answer:
    """The answer to nobody where somebody is due: 401 with a bare challenge, since no token was sent."""
    return Answer(401, "not_authenticated", _SENTENCES["not_authenticated"], {"WWW-Authenticate": CHALLENGE})


def forbidden(code: str, *, scopes: tuple[str, ...] = ()) -> Answer:
    """The answer to somebody without the right that `code` names: 403; a missing scope is named (RFC 6750 3.1)."""
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'
    return Answer(403, code, _SENTENCES[code], {"WWW-Authenticate": challenge} if scopes else {})


def json_response(answer: Answer) -> JsonResponse:
    """`answer` as JSON that nobody stores."""
    response = JsonResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    response["Cache-Control"] = "no-store"
    return response
