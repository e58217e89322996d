"""The client secret in AWS Secrets Manager: what is read, and errors that do not show it."""

import json
import traceback
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.errors import CognitoError, CognitoUnavailableError
from django_cognito.core.published_secret import find_region, is_secret_arn, read_published_secret

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:amazon-cognito/pool/1web-AbCdEf"
SECRET = "1h57kf5cpq17m0eml12example9q8w7e6r5t4z3u2i1o"
MEMBERS = {"userPoolId": "eu-west-1_AbCdEfGhI", "userPoolClientId": "1web", "clientSecretValue": SECRET}


@pytest.fixture
def client() -> Any:
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x"}
    return boto3.client("secretsmanager", region_name="eu-west-1", config=config, **keys)


@pytest.fixture
def stubber(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def add_secret(stubber: Stubber, text: str) -> None:
    stubber.add_response("get_secret_value", {"ARN": ARN, "SecretString": text}, {"SecretId": ARN})


def read_error(client: Any) -> CognitoError:
    with pytest.raises(CognitoError) as caught:
        read_published_secret(client, ARN, "1web")
    assert caught.value.code == "client_secret_unavailable"
    assert caught.value.__cause__ is None
    assert SECRET not in "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    return caught.value


@pytest.mark.parametrize("members", [MEMBERS, {"clientSecretValue": SECRET}])
def test_member_client_secret_value_is_the_secret(client: Any, stubber: Stubber, members: dict[str, str]) -> None:
    add_secret(stubber, json.dumps(members))
    assert read_published_secret(client, ARN, "1web") == SECRET


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f'{{"secret": "{SECRET}"}}',
        f'{{"clientSecretValue": ["{SECRET}"]}}',
        '{"clientSecretValue": ""}',
        "[" * 10_000,
    ],
)
def test_secret_in_another_form_is_an_error(client: Any, stubber: Stubber, text: str) -> None:
    add_secret(stubber, text)
    assert "clientSecretValue" in str(read_error(client))


def test_binary_secret_is_an_error(client: Any, stubber: Stubber) -> None:
    stubber.add_response("get_secret_value", {"ARN": ARN, "SecretBinary": SECRET.encode()})
    assert "clientSecretValue" in str(read_error(client))


def test_secret_of_another_client_is_an_error(client: Any, stubber: Stubber) -> None:
    add_secret(stubber, json.dumps({**MEMBERS, "userPoolClientId": "2other"}))
    assert "another app client" in str(read_error(client))


def test_refusal_of_aws_is_named(client: Any, stubber: Stubber) -> None:
    stubber.add_client_error("get_secret_value", "AccessDeniedException", f"no permission for {SECRET}")
    assert str(read_error(client)) == "CLIENT_SECRET_ARN: GetSecretValue failed with AccessDeniedException"


def test_unreachable_secrets_manager_is_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    monkeypatch.setattr(client, "get_secret_value", fail)
    assert "EndpointConnectionError" in str(read_error(client))


def test_reason_of_a_failed_read_is_logged(client: Any, stubber: Stubber, caplog: pytest.LogCaptureFixture) -> None:
    stubber.add_client_error("get_secret_value", "AccessDeniedException")
    with pytest.raises(CognitoUnavailableError):
        ClientSecret(lambda: read_published_secret(client, ARN, "1web")).read()
    assert "GetSecretValue failed with AccessDeniedException" in caplog.text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ARN, True),
        (ARN.removesuffix("-AbCdEf"), True),
        (ARN.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1"), True),
        (ARN.replace("eu-west-1", "us-gov-west-1"), True),
        ("the-name", False),
        (ARN.replace("secretsmanager", "ssm"), False),
        (ARN.replace("123456789012", "12345"), False),
        (f"{ARN} ", False),
        (SECRET, False),
    ],
)
def test_arn_of_a_secret_is_recognized(value: str, expected: bool) -> None:
    assert is_secret_arn(value) is expected


def test_region_of_a_secret_is_that_of_its_arn() -> None:
    assert find_region(ARN) == "eu-west-1"
