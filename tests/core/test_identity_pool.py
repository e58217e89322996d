"""The identity pool's client, against a server with valid and invalid AWS responses."""

import json
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from django_cognito.core.http.client import Http
from django_cognito.core.identity_pool import AwsCredentials, IdentityPool, is_identity_pool_id
from tests.support.timeouts import patient_http

POOL_ID = "eu-west-1:6b0a1c52-7c3e-4b1f-8f5e-2d9a3e4c5b6a"
IDENTITY_ID = "eu-west-1:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
LOGINS_KEY = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
ID_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
CREDENTIALS = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretKey": "the-secret-key",
    "SessionToken": "the-session-token",
    "Expiration": 1_790_000_000.5,
}


@pytest.fixture
def aws() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def pool(aws: ScriptedServer) -> IdentityPool:
    return IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url=aws.url, http=patient_http())


def credentials_response(**changes: Any) -> Answer:
    return json_answer({"IdentityId": IDENTITY_ID, "Credentials": {**CREDENTIALS, **changes}})


def error_response(aws_code: str, message: str = "", status: int = 400) -> Answer:
    return json_answer({"__type": aws_code, "message": message}, status)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "cognito-identity.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "cognito-identity.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "cognito-identity.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "cognito-identity.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_endpoint_url_is_derived_from_the_region(region: str, host: str) -> None:
    pool = IdentityPool(f"{region}:6b0a1c52", logins_key=LOGINS_KEY)
    assert pool.region == region
    assert pool.endpoint_url == f"https://{host}"


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "eu-west-1",
        "eu-west-1_AbCdEfGhI",
        "eu-west-1:XYZ",
        "evil.example/x:1f",
        "eu-west-1:1f\n",
        f"{POOL_ID}{'0' * 40}",
    ],
)
def test_malformed_identity_pool_id_is_refused(malformed: str) -> None:
    assert not is_identity_pool_id(malformed)
    with pytest.raises(ValueError, match="identity pool id"):
        IdentityPool(malformed, logins_key=LOGINS_KEY)


def test_identity_pool_id_is_recognized() -> None:
    assert is_identity_pool_id(POOL_ID)


def test_http_endpoint_on_another_host_is_refused() -> None:
    with pytest.raises(ValueError, match="https"):
        IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url="http://aws.example.com")


def test_http_endpoint_on_an_insecure_host_of_the_client_is_accepted() -> None:
    http = Http(timeout_seconds=30, insecure_hosts=("cognito",))
    pool = IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url="http://cognito:9229/", http=http)
    assert pool.endpoint_url == "http://cognito:9229"


def test_repr_names_the_identity_pool(pool: IdentityPool) -> None:
    assert repr(pool) == f"<IdentityPool {POOL_ID}>"


def test_get_id_sends_the_id_token_without_a_signature(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(json_answer({"IdentityId": IDENTITY_ID}))
    assert pool.identity_id(ID_TOKEN) == IDENTITY_ID
    [request] = aws.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityService.GetId"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert "authorization" not in request.headers
    assert json.loads(request.body) == {"IdentityPoolId": POOL_ID, "Logins": {LOGINS_KEY: ID_TOKEN}}


def test_slash_after_the_endpoint_is_not_doubled(aws: ScriptedServer) -> None:
    aws.script(json_answer({"IdentityId": IDENTITY_ID}))
    IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url=f"{aws.url}/").identity_id(ID_TOKEN)
    assert aws.requests[0].path == "/"


def test_get_credentials_for_identity(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(credentials_response())
    identity_id, credentials = pool.credentials(IDENTITY_ID, ID_TOKEN)
    assert identity_id == IDENTITY_ID
    assert credentials == AwsCredentials(
        access_key_id="ASIAEXAMPLE",
        secret_access_key="the-secret-key",
        session_token="the-session-token",
        expires_at=datetime.fromtimestamp(1_790_000_000.5, UTC),
    )
    [request] = aws.requests
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityService.GetCredentialsForIdentity"
    assert json.loads(request.body) == {"IdentityId": IDENTITY_ID, "Logins": {LOGINS_KEY: ID_TOKEN}}


def test_expiration_in_whole_seconds_is_accepted(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(credentials_response(Expiration=1_790_000_000))
    assert pool.credentials(IDENTITY_ID, ID_TOKEN)[1].expires_at.timestamp() == 1_790_000_000


def test_role_arn_is_sent(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(credentials_response())
    pool.credentials(IDENTITY_ID, ID_TOKEN, role_arn="arn:aws:iam::123456789012:role/editors")
    assert json.loads(aws.requests[0].body)["CustomRoleArn"] == "arn:aws:iam::123456789012:role/editors"


def test_identity_id_of_the_response_is_returned(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(json_answer({"IdentityId": "eu-west-1:aaaa", "Credentials": CREDENTIALS}))
    assert pool.credentials(IDENTITY_ID, ID_TOKEN)[0] == "eu-west-1:aaaa"


@pytest.mark.parametrize(
    ("aws_code", "next_step"),
    [
        ("NotAuthorizedException", "LOGINS_KEY"),
        ("InvalidIdentityPoolConfigurationException", "trust policy"),
        ("ResourceNotFoundException", "IDENTITY_POOL_ID"),
        ("InvalidParameterException", "LOGINS_KEY"),
        ("ResourceConflictException", "another identity"),
        ("LimitExceededException", "quota"),
        ("SomethingNewException", "API reference"),
    ],
)
def test_refusal_has_the_aws_code_and_the_next_step(
    aws: ScriptedServer, pool: IdentityPool, aws_code: str, next_step: str
) -> None:
    aws.script(error_response(aws_code))
    with pytest.raises(CredentialsError, match=next_step) as caught:
        pool.identity_id(ID_TOKEN)
    assert caught.value.aws_code == aws_code
    assert caught.value.code == "credentials_refused"


@pytest.mark.parametrize(
    "aws_type",
    [
        "NotAuthorizedException",
        "com.amazonaws.cognito.identity.model#NotAuthorizedException",
        "NotAuthorizedException:http://internal.amazon.com/coral/#x",
        "com.amazonaws.cognito#NotAuthorizedException:http://internal.amazon.com/coral/#x",
    ],
)
def test_aws_code_is_read_from_every_form_of_type(aws: ScriptedServer, pool: IdentityPool, aws_type: str) -> None:
    aws.script(error_response(aws_type))
    with pytest.raises(CredentialsError) as caught:
        pool.identity_id(ID_TOKEN)
    assert caught.value.aws_code == "NotAuthorizedException"


def test_aws_code_is_read_from_the_header(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(Answer(400, b"{}", {"x-amzn-errortype": "NotAuthorizedException:"}))
    with pytest.raises(CredentialsError) as caught:
        pool.identity_id(ID_TOKEN)
    assert caught.value.aws_code == "NotAuthorizedException"


@pytest.mark.parametrize("member", ["message", "Message"])
def test_refusal_has_the_message_of_aws(aws: ScriptedServer, pool: IdentityPool, member: str) -> None:
    aws.script(json_answer({"__type": "NotAuthorizedException", member: "Logins don't match."}, 400))
    with pytest.raises(CredentialsError, match=r"NotAuthorizedException \(Logins don't match\.\): is the user pool"):
        pool.identity_id(ID_TOKEN)


@pytest.mark.parametrize("sentence", ["x", "x" * 300])
def test_aws_message_may_have_1_to_300_characters(aws: ScriptedServer, pool: IdentityPool, sentence: str) -> None:
    aws.script(error_response("InvalidParameterException", sentence))
    with pytest.raises(CredentialsError) as caught:
        pool.identity_id(ID_TOKEN)
    assert f"InvalidParameterException ({sentence}): is LOGINS_KEY" in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 499])
def test_any_client_error_status_is_a_refusal(aws: ScriptedServer, pool: IdentityPool, status: int) -> None:
    aws.script(error_response("NotAuthorizedException", status=status))
    with pytest.raises(CredentialsError):
        pool.identity_id(ID_TOKEN)


@pytest.mark.parametrize("sentence", [f"Value '{ID_TOKEN}' at 'logins'", "x" * 301, "two\nlines", "", 7, None])
def test_aws_message_that_may_contain_the_token_is_omitted(
    aws: ScriptedServer, pool: IdentityPool, sentence: Any
) -> None:
    aws.script(error_response("InvalidParameterException", sentence))
    with pytest.raises(CredentialsError) as caught:
        pool.identity_id(ID_TOKEN)
    assert "InvalidParameterException: is LOGINS_KEY" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(error_response("TooManyRequestsException"), id="throttled"),
        pytest.param(error_response("ThrottlingException"), id="throttled, other name"),
        pytest.param(error_response("NotAuthorizedException", status=429), id="429"),
        pytest.param(error_response("InternalErrorException"), id="failed"),
        pytest.param(error_response("ExternalServiceException"), id="the user pool is unreachable"),
        pytest.param(error_response("NotAuthorizedException", status=500), id="500"),
        pytest.param(error_response("NotAuthorizedException", status=503), id="503"),
        pytest.param(error_response("NotAuthorizedException", status=399), id="399"),
        pytest.param(json_answer({"IdentityId": IDENTITY_ID}, 201), id="created"),
        pytest.param(error_response("NotAuthorizedException", status=302), id="redirect"),
        pytest.param(Answer(403, b"<html>a proxy's page</html>"), id="a proxy's page"),
        pytest.param(Answer(400, b"[]"), id="not an object"),
        pytest.param(error_response("not a name"), id="not a name"),
        pytest.param(error_response("N" * 65), id="a long name"),
        pytest.param(Answer(200, b"<html>"), id="not JSON"),
        pytest.param(json_answer([]), id="a list"),
        pytest.param(json_answer({}), id="no identity"),
        pytest.param(json_answer({"IdentityId": 7}), id="a number"),
        pytest.param(json_answer({"IdentityId": "../../etc"}), id="not an identity id"),
        pytest.param(json_answer({"IdentityId": f"eu-west-1:{'a' * 46}"}), id="a long identity id"),
    ],
)
def test_unexpected_aws_response_is_unavailable(aws: ScriptedServer, pool: IdentityPool, answer: Answer) -> None:
    aws.script(answer)
    with pytest.raises(CognitoUnavailableError):
        pool.identity_id(ID_TOKEN)


@pytest.mark.parametrize("status", [103, 204])
def test_unexpected_status_is_in_the_error(aws: ScriptedServer, pool: IdentityPool, status: int) -> None:
    aws.script(Answer(status))
    with pytest.raises(CognitoUnavailableError, match=rf"GetId \(status {status}\)"):
        pool.identity_id(ID_TOKEN)


def test_longest_identity_id_is_accepted(aws: ScriptedServer, pool: IdentityPool) -> None:
    longest = f"eu-west-1:{'a' * 45}"
    aws.script(json_answer({"IdentityId": longest}))
    assert pool.identity_id(ID_TOKEN) == longest


@pytest.mark.parametrize(
    "changes",
    [
        {"AccessKeyId": None},
        {"SecretKey": ""},
        {"SessionToken": 7},
        {"Expiration": None},
        {"Expiration": "soon"},
        {"Expiration": True},
        {"Expiration": float("nan")},
        {"Expiration": float("inf")},
        {"Expiration": 10**30},
    ],
    ids=str,
)
def test_incomplete_credentials_are_unavailable(
    aws: ScriptedServer, pool: IdentityPool, changes: dict[str, Any]
) -> None:
    aws.script(credentials_response(**changes))
    with pytest.raises(CognitoUnavailableError, match="without credentials"):
        pool.credentials(IDENTITY_ID, ID_TOKEN)


def test_response_without_credentials_is_unavailable(aws: ScriptedServer, pool: IdentityPool) -> None:
    aws.script(json_answer({"IdentityId": IDENTITY_ID}))
    with pytest.raises(CognitoUnavailableError, match="without credentials"):
        pool.credentials(IDENTITY_ID, ID_TOKEN)


def test_refused_connection_is_unavailable(unreachable: str) -> None:
    pool = IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url=unreachable)
    with pytest.raises(CognitoUnavailableError):
        pool.identity_id(ID_TOKEN)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_error_message_contains_the_token(aws: ScriptedServer, pool: IdentityPool, status: int) -> None:
    aws.script(json_answer({"__type": ID_TOKEN, "message": ID_TOKEN, "IdentityId": ID_TOKEN}, status))
    with pytest.raises(CognitoUnavailableError) as caught:
        pool.identity_id(ID_TOKEN)
    assert ID_TOKEN not in "".join(traceback.format_exception(caught.value))


def test_repr_of_credentials_shows_no_secret() -> None:
    text = repr(AwsCredentials("ASIAEXAMPLE", "the-secret-key", "the-session-token", datetime.now(UTC)))
    assert "ASIAEXAMPLE" in text
    assert "the-s" not in text


def test_credentials_are_immutable() -> None:
    credentials = AwsCredentials("ASIAEXAMPLE", "the-secret-key", "the-session-token", datetime.now(UTC))
    with pytest.raises(FrozenInstanceError):
        credentials.secret_access_key = "another"  # type: ignore[misc]


def test_options_are_keyword_only(pool: IdentityPool) -> None:
    with pytest.raises(TypeError, match="positional"):
        IdentityPool(POOL_ID, LOGINS_KEY)  # type: ignore[misc, call-arg]
    with pytest.raises(TypeError, match="positional"):
        pool.credentials(IDENTITY_ID, ID_TOKEN, "arn:aws:iam::123456789012:role/editors")  # type: ignore[misc]


def test_credentials_are_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(AwsCredentials("ASIAEXAMPLE", "the-secret-key", "the-session-token", datetime.now(UTC)))
