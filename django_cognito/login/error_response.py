"""The error response of the authorization endpoint at the callback: its log line, and the error that it becomes.

RFC 6749 4.1.2.1. Must not depend on the state: an error is logged also if its state is missing or unknown.
"""

import logging

from django.http import QueryDict

from ..conf.schema import CognitoSettings
from ..core.error_responses import find_code, quote_text
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError
from ..web.silent import LOGIN_REQUIRED_ERRORS

_log = logging.getLogger(__name__)
_CLIENT_ERRORS = frozenset({"unauthorized_client", "invalid_scope", "unsupported_response_type", "redirect_mismatch"})


def log_error_response(query: QueryDict) -> None:
    """Log `error` and `error_description` of the callback, escaped and shortened. Nothing if there is no error.

    The values come from Cognito, or from anyone who wrote the URL. The level is WARNING; INFO for the expected response
    to a silent sign-in.
    """
    if "error" in query:
        level = logging.INFO if query["error"] in LOGIN_REQUIRED_ERRORS else logging.WARNING
        error, description = (quote_text(" ".join(query.getlist(name))) for name in ("error", "error_description"))
        _log.log(level, "Cognito returned an error to the callback: error %s, description %s", error, description)


def create_error(query: QueryDict, settings: CognitoSettings) -> CognitoError:
    """Return the error for the error response in `query`.

    `invalid_request` has several causes. A trigger that refuses is final; without a documented description it is the
    identity provider's failure, which may pass.
    """
    oauth_error = query.get("error", "")[:64]
    message = f"the hosted UI returned the error {quote_text(oauth_error)}"
    code = find_code(oauth_error, query.get("error_description", ""))
    if code == "provider_trouble" or (code is None and oauth_error == "invalid_request"):
        return CognitoUnavailableError(message, code="provider_trouble")
    if oauth_error in _CLIENT_ERRORS:
        sent = f"app client {settings.client_id}, SCOPES sent: {' '.join(settings.scopes)}"
        return SignInError(f"{message} ({sent})", oauth_error=oauth_error, code="client_refused")
    return SignInError(message, oauth_error=oauth_error, code="refused_by_provider")
