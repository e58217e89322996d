"""Replacement of a client's secret: over HTTP and in Python, with the former secret valid for a while."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from local_cognito import Emulator
from local_cognito.accounts.client_secrets import FormerSecrets
from local_cognito.errors import ServiceError
from local_cognito_support.sign_up import secret_hash

FIRST = "first_secret_of_24_letters"
SECOND = "second_secret_of_24_letters"
THIRD = "third_secret_of_24_letters"
PASSWORD = "Correct-horse-7"
SEED = {
    "pools": [
        {
            "id": "eu-west-1_Rotating",
            "resource_servers": [{"identifier": "orders", "scopes": ["read"]}],
            "clients": [
                {"id": "1public"},
                {"id": "2web", "secret": FIRST, "auth_flows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]},
                {"id": "3machine", "secret": FIRST, "flows": ["client_credentials"], "scopes": ["orders/read"]},
            ],
            "users": [{"username": "alice", "password": PASSWORD}],
        }
    ]
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as running:
        yield running


def replace(emulator: Emulator, client_id: str = "3machine", **body: Any) -> requests.Response:
    return requests.post(f"{emulator.url}/_local/clients/{client_id}/secret", json=body, timeout=30)


def token_status(emulator: Emulator, secret: str) -> int:
    form = {"grant_type": "client_credentials"}
    return requests.post(f"{emulator.url}/oauth2/token", form, auth=("3machine", secret), timeout=30).status_code


def revoke_status(emulator: Emulator, secret: str) -> int:
    form = {"token": "unknown"}
    return requests.post(f"{emulator.url}/oauth2/revoke", form, auth=("2web", secret), timeout=30).status_code


def idp(emulator: Emulator) -> Any:
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    return boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, region_name="eu-west-1", config=config)


def sign_in(emulator: Emulator, secret: str) -> dict[str, Any]:
    hashed = secret_hash("alice", "2web", secret)
    parameters = {"USERNAME": "alice", "PASSWORD": PASSWORD, "SECRET_HASH": hashed}
    answer = idp(emulator).initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="2web", AuthParameters=parameters)
    result: dict[str, Any] = answer["AuthenticationResult"]
    return result


def test_new_secret_over_http_is_valid_at_once(emulator: Emulator) -> None:
    answer = replace(emulator, secret=SECOND, keep_former_seconds=60)
    assert (answer.status_code, answer.json()) == (200, {})
    assert (token_status(emulator, SECOND), token_status(emulator, FIRST)) == (200, 200)
    assert token_status(emulator, THIRD) == 400


def test_former_secret_without_keep_seconds_is_rejected(emulator: Emulator) -> None:
    emulator.replace_client_secret("3machine", SECOND)
    assert (token_status(emulator, SECOND), token_status(emulator, FIRST)) == (200, 400)


def test_revoke_endpoint_accepts_former_secret(emulator: Emulator) -> None:
    emulator.replace_client_secret("2web", SECOND, keep_former_seconds=60)
    assert [revoke_status(emulator, secret) for secret in (FIRST, SECOND, THIRD)] == [200, 200, 401]


def test_secret_hash_of_former_secret_is_accepted_while_valid(emulator: Emulator) -> None:
    emulator.replace_client_secret("2web", SECOND, keep_former_seconds=60)
    assert sign_in(emulator, FIRST)
    assert sign_in(emulator, SECOND)
    emulator.replace_client_secret("2web", THIRD)
    with pytest.raises(ClientError, match="Unable to verify secret hash"):
        sign_in(emulator, SECOND)


def test_client_secret_in_api_of_former_secret_is_accepted(emulator: Emulator) -> None:
    refresh_token = sign_in(emulator, FIRST)["RefreshToken"]
    emulator.replace_client_secret("2web", SECOND, keep_former_seconds=60)
    for secret in (FIRST, SECOND):
        idp(emulator).get_tokens_from_refresh_token(ClientId="2web", ClientSecret=secret, RefreshToken=refresh_token)
    with pytest.raises(ClientError, match="Unable to verify secret"):
        idp(emulator).revoke_token(ClientId="2web", ClientSecret=THIRD, Token=refresh_token)


def test_describe_client_returns_new_secret(emulator: Emulator) -> None:
    emulator.replace_client_secret("2web", SECOND, keep_former_seconds=60)
    description = idp(emulator).describe_user_pool_client(UserPoolId="eu-west-1_Rotating", ClientId="2web")
    assert description["UserPoolClient"]["ClientSecret"] == SECOND


def test_former_secrets_expire_each_at_its_own_time() -> None:
    now = [100.0]
    secrets = FormerSecrets(lambda: now[0])
    secrets.add("client", FIRST, 5)
    now[0] = 103
    secrets.add("client", SECOND, 5)
    assert (secrets.of("client"), secrets.of("other")) == ((FIRST, SECOND), ())
    now[0] = 105
    assert secrets.of("client") == (SECOND,)
    now[0] = 108
    assert secrets.of("client") == ()


def test_unknown_client_is_404(emulator: Emulator) -> None:
    answer = replace(emulator, "nobody", secret=SECOND)
    assert (answer.status_code, answer.json()["__type"]) == (404, "ResourceNotFoundException")
    assert "nobody" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "secret must be a string"),
        ({"secret": "short"}, "secret must be 24 to 64 letters"),
        ({"secret": SECOND, "keep_former_seconds": "5"}, "keep_former_seconds must be a number"),
        ({"secret": SECOND, "keep_former_seconds": True}, "keep_former_seconds must be a number"),
        ({"secret": SECOND, "keep_former_seconds": -1}, "keep_former_seconds must be between"),
        ({"secret": SECOND, "keep_former_seconds": 10**400}, "keep_former_seconds must be between"),
        ({"secret": SECOND, "keep_seconds": 5}, "Unknown field 'keep_seconds'"),
    ],
)
def test_invalid_body_is_400_with_a_message(emulator: Emulator, body: dict[str, Any], message: str) -> None:
    answer = replace(emulator, **body)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")
    assert message in answer.json()["message"]
    assert token_status(emulator, FIRST) == 200


@pytest.mark.parametrize("body", ["[1]", "{", '"text"'])
def test_body_that_is_no_json_object_is_400(emulator: Emulator, body: str) -> None:
    url, headers = f"{emulator.url}/_local/clients/3machine/secret", {"Content-Type": "application/json"}
    answer = requests.post(url, data=body, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert "JSON object" in answer.json()["message"]


def test_content_type_that_needs_no_preflight_is_400(emulator: Emulator) -> None:
    url, body = f"{emulator.url}/_local/clients/3machine/secret", f'{{"secret": "{SECOND}"}}'
    answer = requests.post(url, data=body, headers={"Content-Type": "text/plain"}, timeout=30)
    assert answer.status_code == 400
    assert "application/json" in answer.json()["message"]
    assert token_status(emulator, FIRST) == 200


def test_public_client_has_no_secret_to_replace(emulator: Emulator) -> None:
    assert "public client" in replace(emulator, "1public", secret=SECOND).json()["message"]
    with pytest.raises(ServiceError, match="public client"):
        emulator.replace_client_secret("1public", SECOND)
