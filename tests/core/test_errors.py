"""The error tree: codes, what an error carries, what it may say."""

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


@pytest.mark.parametrize(("error", "code"), CODES.items())
def test_each_error_has_its_own_code_and_an_instance_may_have_another(
    error: type[errors.CognitoError], code: str
) -> None:
    assert error("why").code == code
    assert error("why", code="special").code == "special"
    assert error("why").code == code


def test_the_codes_differ() -> None:
    assert len(set(CODES.values())) == len(CODES)


def test_refused_is_not_unavailable() -> None:
    assert not issubclass(errors.CognitoUnavailableError, errors.TokenError)
    assert not issubclass(errors.TokenError, errors.CognitoUnavailableError)


@pytest.mark.parametrize("error", [errors.ExpiredTokenError, errors.IssuerError, errors.ClientError])
def test_a_refused_claim_is_a_refused_token(error: type[errors.ClaimError]) -> None:
    assert issubclass(error, errors.ClaimError)
    assert issubclass(error, errors.TokenError)


def test_a_claim_error_says_what_was_there_and_what_was_due() -> None:
    error = errors.ClientError("another client", claim="aud", actual="a", expected=("b", "c"))
    assert str(error) == "another client (claim 'aud', actual 'a', expected ('b', 'c'))"
    assert str(errors.ClaimError("why")) == "why"


def test_a_claim_error_cuts_long_values_short() -> None:
    assert len(str(errors.ClaimError("why", claim="sub", actual="x" * 10_000))) < 300


def test_a_claim_error_can_leave_the_token_s_value_out() -> None:
    error = errors.ClientError("another client", claim="aud", actual="a", expected="b", code="special")
    bare = error.without_values()
    assert type(bare) is errors.ClientError
    assert (bare.claim, bare.actual, bare.expected, bare.code) == ("aud", None, "b", "special")


def test_errors_carry_what_callers_need() -> None:
    assert errors.SignInError("why", oauth_error="invalid_grant").oauth_error == "invalid_grant"
    assert errors.CredentialsError("why", aws_code="NotAuthorizedException").aws_code == "NotAuthorizedException"
    assert errors.CognitoUnavailableError("why", retry_after=7).retry_after == 7
