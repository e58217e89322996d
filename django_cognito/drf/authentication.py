"""Bearer tokens of Cognito for DRF. Translates `people.authenticate`; decides nothing."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ..core.errors import CognitoError
from ..core.tracebacks import clear_frame_locals
from ..users.authentication import authenticate
from ..users.provisioning import Token
from ..web.bearer import bearer_token
from ..web.error_reports import take_id_token
from ..web.pool_selection import pool_ids_accepted_at
from ..web.request import RequestCognito
from ..web.responses import CHALLENGE, answer_to
from .errors import CognitoAPIException


class CognitoAuthentication(BaseAuthentication):
    """`Authorization: Bearer` becomes `request.user`, `request.auth` (the token) and `request.cognito`."""

    @clear_frame_locals
    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """The user and the token; None without a bearer token, so that the next class is asked.

        Raises CognitoAPIException: 401 for a refused token, 503 with Retry-After while Cognito cannot be asked.
        """
        http_request: Any = request._request
        raw = bearer_token(http_request)
        if raw is None:
            return None
        raw_id_token = take_id_token(http_request)
        try:
            accepted = pool_ids_accepted_at(http_request)
            user, token = authenticate(raw, id_token=raw_id_token, user_pool_ids=accepted)
        except CognitoError as error:
            raise CognitoAPIException(answer_to(error)) from error
        cognito = getattr(http_request, "cognito", None)
        if cognito is None:  # the middleware is not installed
            cognito = http_request.cognito = RequestCognito(http_request)
        cognito.set_bearer(user, token, raw, raw_id_token)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge where no token was sent: without an `error` (RFC 6750 3.1)."""
        return CHALLENGE
