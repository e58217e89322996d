"""What an error response of Cognito means, and which of its words a log may show. No I/O.

The redirect to the callback and the token endpoint use the same words. Must not depend on either.
Source: RFC 6749 4.1.2.1 and 5.2; AWS developer guide, "Redirect and authorization endpoint", "Lambda triggers".
"""

import re
from typing import Any

from .http.client import Response

# Cognito fails the first federated sign-in of a user whom a pre sign-up trigger links to an existing one, and the
# second succeeds. From public reports; AWS does not document it.
ALREADY_LINKED = "Already found an entry for username"
_TRIGGERS = (
    "PreSignUp|PostConfirmation|PreAuthentication|PostAuthentication|PreTokenGeneration|UserMigration|CustomMessage"
    "|DefineAuthChallenge|CreateAuthChallenge|VerifyAuthChallengeResponse|InboundFederation"
    "|CustomSMSSender|CustomEmailSender"
)
_TRIGGER_REFUSED = re.compile(rf"(?:{_TRIGGERS}) failed with error\b")
_TRIGGER_FAILED = re.compile(rf"(?:{_TRIGGERS}) invocation failed\b")  # a timeout or a throttle of the function
# RFC 6749 4.1.2.1: the names are of the authorization endpoint; a token endpoint may use them too.
_TRANSIENT = frozenset({"server_error", "temporarily_unavailable"})
_MAX_READ_CHARS, _MAX_QUOTED_CHARS = 1_000, 200
_LONG_WORD = re.compile(r"[\w.~+/=-]{32,}")


def find_code(error: str, description: str) -> str | None:
    """Return the code of an error that has the same meaning at both endpoints; None for all others.

    "refused_by_provider" is final: a trigger refused the user. "provider_trouble" passes.
    """
    if error in _TRANSIENT:
        return "provider_trouble"
    if error in ("invalid_request", "invalid_grant"):
        if _TRIGGER_REFUSED.match(description):
            return "refused_by_provider"
        if description.startswith(ALREADY_LINKED) or _TRIGGER_FAILED.match(description):
            return "provider_trouble"
    return None


def quote_text(text: str) -> str:
    """Return `text` as a log line may show it: escaped, at most 200 characters, without long random words.

    A word of 32 or more characters with a digit may be a code, a token or a client secret.
    """
    masked = _LONG_WORD.sub(
        lambda match: "[...]" if re.search(r"\d", match[0]) else match[0][:_MAX_QUOTED_CHARS], text[:_MAX_READ_CHARS]
    )
    return repr(masked[:_MAX_QUOTED_CHARS])


def describe_client(client_id: str, secret: str) -> str:
    """Return how a refused app client was authenticated, and what Cognito expects. The text has no secret."""
    if secret:
        expected = "which is not its own, or it is a public client and has none"
        return f" (app client {client_id}: a client secret was sent, {expected})"
    return f" (app client {client_id}: no client secret was sent, but it has one, or no client has this id)"


def describe_response(response: Response) -> str:
    """Return the status of an error response and Cognito's words in it, for a log line."""
    answer = read_object(response) or {}
    # OAuth 2.0 (RFC 6749 5.2), the AWS API (JSON 1.1), and a resource server (RFC 6750 3).
    pairs = (("error", "error_description"), ("__type", "message"))
    words = [answer[name] for pair in pairs for name in pair if isinstance(answer.get(name), str)]
    words += [response.headers[name] for name in ("www-authenticate",) if name in response.headers]
    request_id = response.headers.get("x-amz-cognito-request-id", "")
    shown = [
        f"status {response.status}",
        *map(quote_text, words),
        *([f"request id {request_id[:64]!r}"] if request_id else []),
    ]
    return ", ".join(shown)


def read_object(response: Response) -> dict[str, Any] | None:
    """Return the JSON object of the response's body; None if it has another body."""
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
