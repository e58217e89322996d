"""What AWS said no to, in plain words."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from files.refusals import Refusal, explain


def _by_s3(code: str, status: int, operation: str = "PutObject") -> Refusal:
    answer = {"Error": {"Code": code, "Message": "In AWS's words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return explain(ClientError(answer, operation))  # type: ignore[arg-type]


def test_a_denial_names_what_was_asked_for_and_quotes_aws() -> None:
    sentence = "You asked AWS to store a file, and the role that it gives you does not allow that."
    assert _by_s3("AccessDenied", 403) == Refusal(403, "AccessDenied", sentence, "In AWS's words")


@pytest.mark.parametrize(("code", "status"), [("InternalError", 500), ("SlowDown", 503), ("ServiceUnavailable", 503)])
def test_trouble_at_s3_is_no_refusal(code: str, status: int) -> None:
    refusal = _by_s3(code, status)
    assert (refusal.status, refusal.code, refusal.may_pass) == (503, code, True)


def test_any_other_answer_keeps_its_code() -> None:
    assert (_by_s3("ExpiredToken", 400).status, _by_s3("NoSuchBucket", 404).code) == (403, "NoSuchBucket")


def test_s3_out_of_reach_may_pass() -> None:
    assert explain(EndpointConnectionError(endpoint_url="https://s3.example")).may_pass


def test_cognito_out_of_reach_may_pass() -> None:
    assert explain(CognitoUnavailableError("no answer")).may_pass


def test_the_identity_pool_s_refusal_keeps_aws_s_code() -> None:
    refusal = explain(CredentialsError("refused", aws_code="NotAuthorizedException"))
    assert (refusal.status, refusal.code) == (403, "NotAuthorizedException")


def test_who_signed_in_without_cognito_is_told_so() -> None:
    assert "did not sign in with Cognito" in explain(CredentialsError("no", code="not_signed_in")).sentence
