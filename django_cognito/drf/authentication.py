"""Bearer tokens of Cognito for DRF. Must not verify tokens itself: see `users.authentication`."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ..core.errors import CognitoError
from ..core.tracebacks import clear_frame_locals
from ..users.authentication import authenticate
from ..users.provisioning import Token
from ..web.bearer import bearer_token
from ..web.error_reports import take_id_token
from ..web.pool_selection import get_accepted_pool_ids
from ..web.request import RequestCognito
from ..web.responses import CHALLENGE, error_response_for
from .errors import CognitoAPIException


class CognitoAuthentication(BaseAuthentication):
    """`Authorization: Bearer` becomes `request.user`, `request.auth` (the token) and `request.cognito`."""

    @clear_frame_locals
    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """Return the user and the token; None without a bearer token, so that DRF tries the next class.

        Raises CognitoAPIException: 401 if the token is rejected, 503 with Retry-After if Cognito cannot be reached.
        """
        http_request: Any = request._request
        raw = bearer_token(http_request)
        if raw is None:
            return None
        raw_id_token = take_id_token(http_request)
        try:
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
