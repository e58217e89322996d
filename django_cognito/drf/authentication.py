"""Bearer tokens of Cognito for DRF. Translates `people.authenticate`; decides nothing."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ..answers import CHALLENGE, answer_to
from ..core.errors import CognitoError
from ..people.authenticate import authenticate
from ..people.users import Token
from ..request import RequestCognito, bearer_token, id_token_header
from .errors import CognitoAPIException


class CognitoAuthentication(BaseAuthentication):
    """`Authorization: Bearer` becomes `request.user`, `request.auth` (the token) and `request.cognito`."""

    @sensitive_variables("raw")
    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """The user and the token; None without a bearer token, so that the next class is asked.

        Raises CognitoAPIException: 401 for a refused token, 503 with Retry-After while Cognito cannot be asked.
        """
        raw = bearer_token(request)
        if raw is None:
            return None
        try:
            user, token = authenticate(raw, id_token=id_token_header(request))
        except CognitoError as error:
            raise CognitoAPIException(answer_to(error)) from error
        self._tell(request._request, user, token, raw)
        return user, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge where no token was sent: without an `error` (RFC 6750 3.1)."""
        return CHALLENGE

    @staticmethod
    def _tell(request: Any, user: Any, token: Token, raw: str) -> None:
        if not hasattr(request, "cognito"):
            request.cognito = RequestCognito(request)  # the middleware is not installed
        request.cognito.set_bearer(user, token, raw, id_token_header(request))
