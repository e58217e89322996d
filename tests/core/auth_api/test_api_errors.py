"""The errors of the user-pool API: each exception of Cognito has one error of this package with a code."""

import json
from typing import Any

import pytest

from django_cognito.core.auth_api.api_errors import ApiError
from django_cognito.core.errors import (
    CognitoError,
    CognitoUnavailableError,
    RevokedTokenError,
    SignInError,
    TokenError,
)
from django_cognito.core.http.client import Response


def read_error(name: Any, message: Any = "", status: int = 400) -> ApiError:
    body = json.dumps({"__type": name, "message": message}).encode()
    return ApiError.read("GetTokensFromRefreshToken", Response(status, {}, body))


def classify(error: CognitoError) -> tuple[str | None, str]:
    assert isinstance(error, SignInError)
    return error.oauth_error, error.code


@pytest.mark.parametrize(
    ("name", "message", "oauth_error", "code"),
    [
        ("NotAuthorizedException", "Refresh Token has expired", "invalid_grant", "invalid_grant"),
        ("NotAuthorizedException", "Refresh Token has been revoked", "invalid_grant", "invalid_grant"),
        ("NotAuthorizedException", "Invalid Refresh Token", "invalid_grant", "invalid_grant"),
        ("NotAuthorizedException", "Refresh token of another client", "invalid_grant", "invalid_grant"),
        ("NotAuthorizedException", "", "invalid_grant", "invalid_grant"),
        ("com.amazonaws#NotAuthorizedException", "Invalid Refresh Token", "invalid_grant", "invalid_grant"),
        ("NotAuthorizedException", "User is disabled.", "invalid_grant", "user_disabled_in_cognito"),
        ("NotAuthorizedException", "User does not exist.", "invalid_grant", "user_not_found_in_cognito"),
        ("UserNotFoundException", "User does not exist.", "invalid_grant", "user_not_found_in_cognito"),
        ("RefreshTokenReuseException", "used before", "invalid_grant", "refresh_token_reused"),
        ("NotAuthorizedException", "Unable to verify secret hash for client 1web", "invalid_client", "invalid_client"),
        ("NotAuthorizedException", "SecretHash does not match for the client: 1", "invalid_client", "invalid_client"),
        (
            "NotAuthorizedException",
            "Client 1 is configured with secret but SECRET_HASH was not received",
            "invalid_client",
            "invalid_client",
        ),
        ("NotAuthorizedException", "Auth flow not enabled for this client", "invalid_client", "invalid_client"),
        ("UnauthorizedException", "", "invalid_client", "invalid_client"),
        ("ResourceNotFoundException", "User pool client 1 does not exist.", "invalid_client", "invalid_client"),
        ("UserLambdaValidationException", "PreTokenGeneration failed", "invalid_request", "refused_by_provider"),
        ("UnsupportedTokenTypeException", "", "unsupported_token_type", "unsupported_token_type"),
        ("UnsupportedOperationException", "", "invalid_request", "revocation_disabled"),
        ("InvalidParameterException", "", "invalid_request", "invalid_request"),
        ("AnExceptionOfNextYear", "", "invalid_request", "invalid_request"),
    ],
)
def test_refusal_of_an_operation_has_its_own_code(name: str, message: str, oauth_error: str, code: str) -> None:
    assert classify(read_error(name, message).to_error()) == (oauth_error, code)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("TooManyRequestsException", 400, "too_many_requests"),
        ("LimitExceededException", 400, "too_many_requests"),
        ("ThrottlingException", 400, "too_many_requests"),
        ("NotAuthorizedException", 429, "too_many_requests"),
        ("", 429, "too_many_requests"),
        ("InternalErrorException", 400, "cognito_unavailable"),
        ("ForbiddenException", 403, "cognito_unavailable"),
        ("OperationNotEnabledException", 400, "cognito_unavailable"),
        ("UnexpectedLambdaException", 400, "provider_trouble"),
        ("InvalidLambdaResponseException", 400, "provider_trouble"),
        ("NotAuthorizedException", 500, "cognito_unavailable"),
        ("NotAuthorizedException", 302, "cognito_unavailable"),
        ("not an\nAWS name", 400, "cognito_unavailable"),
        (None, 400, "cognito_unavailable"),
    ],
)
def test_error_that_passes_is_unavailability(name: Any, status: int, code: str) -> None:
    error = read_error(name, "Invalid Refresh Token", status).to_error()
    assert isinstance(error, CognitoUnavailableError)
    assert error.code == code
    assert error.is_outage is (status in (302, 500) or name == "InternalErrorException")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"'])
def test_response_that_is_no_aws_error_is_unavailability(body: bytes) -> None:
    error = ApiError.read("RevokeToken", Response(400, {}, body)).to_error()
    assert isinstance(error, CognitoUnavailableError)


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("NotAuthorizedException", "Unable to verify secret hash for client 1", True),
        ("UnauthorizedException", "Invalid SECRET", True),
        ("UnauthorizedException", "The token was issued to another client", False),
        ("NotAuthorizedException", "Invalid Refresh Token", False),
        ("NotAuthorizedException", "Auth flow not enabled for this client", False),
        ("InvalidParameterException", "clientSecret must have 24 characters", False),
    ],
)
def test_only_a_refused_secret_is_about_the_secret(name: str, message: str, expected: bool) -> None:
    assert read_error(name, message).is_about_secret is expected


def test_message_of_cognito_is_not_in_the_error() -> None:
    error = read_error("NotAuthorizedException", "the words of Cognito")
    assert "words" not in str(error.to_error())
    assert "words" not in repr(error)


def test_details_of_the_client_are_those_of_a_refused_client() -> None:
    refused = read_error("NotAuthorizedException", "Unable to verify secret").to_error(" (details)")
    other = read_error("NotAuthorizedException", "Invalid Refresh Token").to_error(" (details)")
    assert [str(error).endswith("(details)") for error in (refused, other)] == [True, False]


@pytest.mark.parametrize(
    ("name", "message", "kind", "code"),
    [
        ("NotAuthorizedException", "Access Token has been revoked", RevokedTokenError, "token_revoked"),
        ("NotAuthorizedException", "access token HAS BEEN REVOKED.", RevokedTokenError, "token_revoked"),
        ("PasswordResetRequiredException", "Password reset required", RevokedTokenError, "token_revoked"),
        ("UserNotConfirmedException", "User is not confirmed.", RevokedTokenError, "token_revoked"),
        ("NotAuthorizedException", "User is disabled.", TokenError, "user_disabled_in_cognito"),
        ("NotAuthorizedException", "User does not exist.", TokenError, "user_not_found_in_cognito"),
        ("UserNotFoundException", "", TokenError, "user_not_found_in_cognito"),
        ("NotAuthorizedException", "Access Token has expired", CognitoUnavailableError, "cognito_unavailable"),
        ("NotAuthorizedException", "Invalid Access Token", CognitoUnavailableError, "cognito_unavailable"),
        ("NotAuthorizedException", "", CognitoUnavailableError, "cognito_unavailable"),
        ("InvalidParameterException", "token has been revoked", CognitoUnavailableError, "cognito_unavailable"),
        ("ResourceNotFoundException", "", CognitoUnavailableError, "cognito_unavailable"),
        ("AnExceptionOfNextYear", "", CognitoUnavailableError, "cognito_unavailable"),
        ("TooManyRequestsException", "", CognitoUnavailableError, "too_many_requests"),
    ],
)
def test_refused_access_token_is_rejected_or_proves_nothing(name: str, message: str, kind: type, code: str) -> None:
    error = read_error(name, message).to_token_error()
    assert (type(error), error.code) == (kind, code)
    assert message not in str(error) or not message
    assert not isinstance(error, CognitoUnavailableError) or not error.is_outage
