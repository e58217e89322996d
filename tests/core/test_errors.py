"""The exception tree: codes, attributes and messages."""

import pytest

from django_cognito.core import errors

CODES = {
    errors.CognitoError: "cognito_error",
    errors.TokenError: "invalid_token",
    errors.MalformedTokenError: "malformed_token",
    errors.SignatureError: "invalid_signature",
    errors.ClaimError: "invalid_claim",
    errors.ExpiredTokenError: "token_expired",
    errors.ImmatureTokenError: "token_not_yet_valid",
    errors.IssuerError: "wrong_issuer",
    errors.ClientError: "wrong_client",
    errors.TokenUseError: "wrong_token_use",
    errors.RevokedTokenError: "token_revoked",
    errors.SignInError: "sign_in_refused",
    errors.CredentialsError: "credentials_refused",
    errors.CognitoUnavailableError: "cognito_unavailable",
}


@pytest.mark.parametrize(("error_class", "code"), CODES.items())
def test_code_of_an_error_can_be_overridden(error_class: type[errors.CognitoError], code: str) -> None:
    assert error_class("why").code == code
    assert error_class("why", code="special").code == "special"
    assert error_class("why").code == code


def test_codes_are_unique() -> None:
    assert len(set(CODES.values())) == len(CODES)


def test_unavailable_error_is_no_token_error() -> None:
    assert not issubclass(errors.CognitoUnavailableError, errors.TokenError)
    assert not issubclass(errors.TokenError, errors.CognitoUnavailableError)


@pytest.mark.parametrize("error_class", [errors.ExpiredTokenError, errors.IssuerError, errors.ClientError])
def test_claim_errors_are_token_errors(error_class: type[errors.ClaimError]) -> None:
    assert issubclass(error_class, errors.ClaimError)
    assert issubclass(error_class, errors.TokenError)


def test_claim_error_names_actual_and_expected_value() -> None:
    error = errors.ClientError("another client", claim="aud", actual="a", expected=("b", "c"))
    assert str(error) == "another client (claim 'aud', actual 'a', expected ('b', 'c'))"
    assert str(errors.ClaimError("why")) == "why"


def test_claim_error_truncates_long_values() -> None:
    assert len(str(errors.ClaimError("why", claim="sub", actual="x" * 10_000))) < 300


def test_claim_error_without_values_has_no_actual_value() -> None:
    error = errors.ClientError("another client", claim="aud", actual="a", expected="b", code="special")
    bare = error.without_values()
    assert type(bare) is errors.ClientError
    assert (bare.claim, bare.actual, bare.expected, bare.code) == ("aud", None, "b", "special")


def test_errors_have_oauth_error_aws_code_and_retry_after() -> None:
    assert errors.SignInError("why", oauth_error="invalid_grant").oauth_error == "invalid_grant"
    assert errors.CredentialsError("why", aws_code="NotAuthorizedException").aws_code == "NotAuthorizedException"
    assert errors.CognitoUnavailableError("why", retry_after=7).retry_after == 7
