"""Bearer tokens of Cognito for DRF. Must not verify tokens itself: see `users.authentication`."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from ..core.errors import CognitoError
from ..core.tracebacks import clear_frame_locals
from ..users.authentication import authenticate
from ..users.writing.provisioning import Token
from ..web.bearer import find_token, get_vary_headers, read_tokens
from ..web.pool_selection import get_accepted_pool_ids
from ..web.request import RequestCognito
from ..web.responses import CHALLENGE, error_response_for
from .errors import CognitoAPIException


class CognitoAuthentication(BaseAuthentication):
    """A token in a header of TOKEN_SOURCES becomes `request.user`, `request.auth` and `request.cognito`."""

    @clear_frame_locals
    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """Return the user and the token; None without a token, so that DRF tries the next class.

        Raises CognitoAPIException: 401 if the token or its header is rejected, 503 with Retry-After if Cognito cannot
        be reached. Raises PermissionDenied if the token is of a load balancer, and the CSRF token is missing.
        """
        http_request: Any = request._request
        _add_vary_headers(request)
        header_token = find_token(http_request)
        if header_token is None or _is_of_another_class(header_token.scheme, request):
            return None
        if header_token.needs_csrf_check:
            SessionAuthentication().enforce_csrf(request)
        try:
            raw, raw_id_token = read_tokens(http_request, header_token)
            accepted = get_accepted_pool_ids(http_request)
            user, token = authenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
        except CognitoError as error:
            raise CognitoAPIException(error_response_for(error)) from error
        cognito = getattr(http_request, "cognito", None)
        if cognito is None:  # the middleware is not installed
            cognito = http_request.cognito = RequestCognito(http_request)
        cognito.set_bearer(user, token, raw, raw_id_token)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge for a request without a token: it has no `error` (RFC 6750 3.1)."""
        return CHALLENGE


def _add_vary_headers(request: Request) -> None:
    """Let the view's response vary by the headers that determine the user, also without CognitoMiddleware.

    Django's cache itself separates requests by Authorization only.
    """
    headers = getattr((request.parser_context or {}).get("view"), "headers", None)
    if isinstance(headers, dict):  # the view adds them to its response
        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), *get_vary_headers())))


def _is_of_another_class(scheme: str, request: Request) -> bool:
    """Return whether another authentication class of the view has this scheme in its challenge (RFC 9110 11.6.1)."""
    classes: Any = (request.authenticators or ()) if scheme else ()
    others = [item for item in classes if not isinstance(item, CognitoAuthentication)]
    challenges = [item.authenticate_header(request) or "" for item in others]
    return scheme in {challenge.partition(" ")[0].lower() for challenge in challenges if challenge}
