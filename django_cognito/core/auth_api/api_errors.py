"""The errors of the user-pool API as errors of this package. No I/O.

Source: the service model of cognito-idp; AWS API reference, "Common errors". The messages that tell the causes of a
NotAuthorizedException apart are not documented; they were observed.
"""

import re
from dataclasses import dataclass, field
from typing import Self

from ..error_responses import read_object
from ..errors import CognitoError, CognitoUnavailableError, RevokedTokenError, SignInError, TokenError
from ..http.client import Response

_AWS_NAME = re.compile(r"[A-Za-z]{1,64}", re.ASCII)
# AWS developer guide, "Quotas in Amazon Cognito": requests in a second, and operations of one user in an hour.
_THROTTLES = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException"})
# Failures that pass, with their codes: a fault or a firewall at AWS, a user pool that is being restored, a trigger.
_TRANSIENT = {
    "InternalErrorException": "cognito_unavailable",
    "ForbiddenException": "cognito_unavailable",
    "OperationNotEnabledException": "cognito_unavailable",
    "UnexpectedLambdaException": "provider_trouble",
    "InvalidLambdaResponseException": "provider_trouble",
}
# The other errors: the `error` of the token endpoint that has the same meaning, and the code.
_REFUSALS = {
    "RefreshTokenReuseException": ("invalid_grant", "refresh_token_reused"),
    "UserNotFoundException": ("invalid_grant", "user_not_found_in_cognito"),
    "UserLambdaValidationException": ("invalid_request", "refused_by_provider"),
    "ResourceNotFoundException": ("invalid_client", "invalid_client"),
    "UnauthorizedException": ("invalid_client", "invalid_client"),
    "UnsupportedTokenTypeException": ("unsupported_token_type", "unsupported_token_type"),
    "UnsupportedOperationException": ("invalid_request", "revocation_disabled"),
}
_NOT_AUTHORIZED = "NotAuthorizedException"
# "Unable to verify secret hash for client ...", "Client ... is configured with secret but SECRET_HASH was not ...".
_ABOUT_SECRET = re.compile(r"secret", re.IGNORECASE)
_ABOUT_CLIENT = re.compile(r"(?!.*\btoken\b).*\bclient\b", re.IGNORECASE | re.DOTALL)
_ABOUT_DISABLED_USER = re.compile(r"user (?:is|has been) disabled", re.IGNORECASE)
_ABOUT_DELETED_USER = re.compile(r"user does not exist", re.IGNORECASE)
_ABOUT_REVOKED_TOKEN = re.compile(r"token has been revoked", re.IGNORECASE)
# The user must reset the password, or confirm the account, before Cognito accepts a token again.
_REQUIRES_SIGN_IN = frozenset({"PasswordResetRequiredException", "UserNotConfirmedException"})


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error response of an operation: AWS's name of the exception and its message, both empty if it has none."""

    operation: str
    status: int
    name: str
    message: str = field(repr=False)

    @classmethod
    def read(cls, operation: str, response: Response) -> Self:
        """Return the error of a response whose status is not 200."""
        answer = read_object(response) or {}
        kind, message = answer.get("__type"), answer.get("message")
        name = kind.rpartition("#")[2] if isinstance(kind, str) else ""
        is_name = response.status in (400, 403, 429) and _AWS_NAME.fullmatch(name) is not None
        return cls(operation, response.status, name if is_name else "", message if isinstance(message, str) else "")

    @property
    def is_about_secret(self) -> bool:
        """Whether Cognito refused the app client's secret, and so did not use the token of the request."""
        # The model of RevokeToken has no NotAuthorizedException.
        is_refusal = self.name in (_NOT_AUTHORIZED, "UnauthorizedException")
        return is_refusal and _ABOUT_SECRET.search(self.message) is not None

    @property
    def unavailability(self) -> CognitoUnavailableError | None:
        """The error of a response that does not concern the request: a throttle, a fault of AWS or of a trigger."""
        if self.status == 429 or self.name in _THROTTLES:  # AWS throttles with status 400 too
            message = f"Cognito throttles {self.operation}"
            return CognitoUnavailableError(message, code="too_many_requests", is_outage=False)
        is_outage = not 400 <= self.status < 500 or self.name == "InternalErrorException"
        if not self.name:
            message = f"{self.operation} had no usable response (status {self.status})"
            return CognitoUnavailableError(message, is_outage=is_outage)
        if self.name in _TRANSIENT:
            message = f"{self.operation} could not be completed: {self.name}"
            return CognitoUnavailableError(message, code=_TRANSIENT[self.name], is_outage=is_outage)
        return None

    def to_error(self, client_details: str = "") -> CognitoError:
        """Return the error of an operation that an app client calls; `client_details` describe a refused client."""
        if unavailability := self.unavailability:
            return unavailability
        oauth_error, code = self._find_refusal()
        details = client_details if oauth_error == "invalid_client" else ""
        return SignInError(
            f"Cognito refused {self.operation}: {self.name}{details}", oauth_error=oauth_error, code=code
        )

    def to_token_error(self) -> CognitoError:
        """Return the error of an operation that a user calls with an access token, which was verified before.

        Another refusal than that of a user or of a revoked token is unavailability: it proves nothing about the user.
        """
        if unavailability := self.unavailability:
            return unavailability
        message, code = f"Cognito refused {self.operation}: {self.name}", self._find_refusal()[1]
        if code in ("user_disabled_in_cognito", "user_not_found_in_cognito"):
            return TokenError(message, code=code)
        is_revoked = self.name == _NOT_AUTHORIZED and _ABOUT_REVOKED_TOKEN.search(self.message) is not None
        if is_revoked or self.name in _REQUIRES_SIGN_IN:
            return RevokedTokenError(message)
        return CognitoUnavailableError(message, is_outage=False)

    def _find_refusal(self) -> tuple[str, str]:
        """Return the `oauth_error` and the code. An unknown error never means that the refresh token is invalid."""
        if self.name != _NOT_AUTHORIZED:
            return _REFUSALS.get(self.name, ("invalid_request", "invalid_request"))
        if self.is_about_secret or _ABOUT_CLIENT.match(self.message):
            return "invalid_client", "invalid_client"
        if _ABOUT_DISABLED_USER.search(self.message):
            return "invalid_grant", "user_disabled_in_cognito"
        if _ABOUT_DELETED_USER.search(self.message):
            return "invalid_grant", "user_not_found_in_cognito"
        return "invalid_grant", "invalid_grant"
