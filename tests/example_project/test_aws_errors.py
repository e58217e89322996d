"""Test the messages for errors of AWS."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from files.aws_errors import AwsErrorInfo, describe_aws_error


def _describe_s3_error(code: str, status: int, operation: str = "PutObject") -> AwsErrorInfo:
    response = {"Error": {"Code": code, "Message": "Message of AWS"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return describe_aws_error(ClientError(response, operation))  # type: ignore[arg-type]


def test_access_denied_has_the_action_and_the_aws_message() -> None:
    message = "Your IAM role does not allow you to store a file."
    assert _describe_s3_error("AccessDenied", 403) == AwsErrorInfo(403, "AccessDenied", message, "Message of AWS")


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("SlowDown", 503), ("ServiceUnavailable", 503)])
def test_s3_server_error_is_temporary(code: str, status: int) -> None:
    info = _describe_s3_error(code, status)
    assert (info.status, info.code, info.is_temporary) == (503, code, True)


def test_other_s3_error_keeps_its_code() -> None:
    status, code = _describe_s3_error("ExpiredToken", 400).status, _describe_s3_error("NoSuchBucket", 404).code
    assert (status, code) == (403, "NoSuchBucket")


def test_unreachable_s3_is_temporary() -> None:
    assert describe_aws_error(EndpointConnectionError(endpoint_url="https://s3.example")).is_temporary


def test_unreachable_cognito_is_temporary() -> None:
    assert describe_aws_error(CognitoUnavailableError("no response")).is_temporary


def test_identity_pool_error_keeps_the_aws_code() -> None:
    info = describe_aws_error(CredentialsError("refused", aws_code="NotAuthorizedException"))
    assert (info.status, info.code) == (403, "NotAuthorizedException")


def test_missing_cognito_login_has_its_own_message() -> None:
    assert "did not sign in with Cognito" in describe_aws_error(CredentialsError("no", code="not_signed_in")).message
