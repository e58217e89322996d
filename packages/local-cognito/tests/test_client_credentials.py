"""The client_credentials grant: access tokens of machine-to-machine clients, with scopes of resource servers."""

from collections.abc import Iterator
from typing import Any

import boto3
import jwt
import pytest
import requests
from local_cognito import Emulator

POOL_ID = "eu-west-1_Machines"
SECRET = "a0secret1of2thirty3two4characters"
TIMEOUT_SECONDS = 30
SEED: dict[str, Any] = {
    "pools": [
        {
            "id": POOL_ID,
            "resource_servers": [{"identifier": "notes", "scopes": ["read", "write"]}],
            "clients": [
                {
                    "id": "robot",
                    "secret": SECRET,
                    "flows": ["client_credentials"],
                    "scopes": ["notes/read", "notes/write"],
                    "access_token_minutes": 5,
                },
                {"id": "web", "secret": SECRET, "scopes": ["openid", "notes/read"]},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as running:
        yield running


def request_token(
    emulator: Emulator, client_id: str = "robot", secret: str = SECRET, **fields: str
) -> requests.Response:
    form = {"grant_type": "client_credentials", **fields}
    return requests.post(f"{emulator.url}/oauth2/token", data=form, auth=(client_id, secret), timeout=TIMEOUT_SECONDS)


def claims(answer: requests.Response) -> dict[str, Any]:
    return dict(jwt.decode(answer.json()["access_token"], options={"verify_signature": False}))


def test_response_has_only_an_access_token(emulator: Emulator) -> None:
    answer = request_token(emulator)
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json()["expires_in"] == 300


def test_client_token_has_the_client_as_subject_and_no_user(emulator: Emulator) -> None:
    token_claims = claims(request_token(emulator))
    assert token_claims["sub"] == token_claims["client_id"] == "robot"
    assert (token_claims["token_use"], token_claims["version"], token_claims["iss"]) == (
        "access",
        2,
        emulator.issuer(POOL_ID),
    )
    assert token_claims["exp"] - token_claims["iat"] == 300
    assert not token_claims.keys() & {"username", "cognito:groups", "device_key", "origin_jti", "event_id"}


def test_client_token_is_signed_with_a_key_of_the_pool(emulator: Emulator) -> None:
    keys = jwt.PyJWKClient(emulator.jwks_uri(POOL_ID))
    raw = request_token(emulator).json()["access_token"]
    assert jwt.decode(raw, keys.get_signing_key_from_jwt(raw), algorithms=["RS256"])["client_id"] == "robot"


def test_request_without_scope_gets_all_scopes_of_the_client(emulator: Emulator) -> None:
    assert claims(request_token(emulator))["scope"] == "notes/read notes/write"


def test_scope_that_the_client_does_not_have_is_ignored(emulator: Emulator) -> None:
    assert claims(request_token(emulator, scope="notes/write notes/erase openid"))["scope"] == "notes/write"


def test_client_token_ignores_the_resource_parameter(emulator: Emulator) -> None:
    assert "aud" not in claims(request_token(emulator, resource="https://api.example.com"))


def test_request_without_a_valid_scope_is_invalid_scope(emulator: Emulator) -> None:
    answer = request_token(emulator, scope="notes/erase")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


def test_client_without_client_credentials_flow_is_unauthorized(emulator: Emulator) -> None:
    assert request_token(emulator, "web").json() == {"error": "unauthorized_client"}


def test_client_credentials_with_wrong_secret_are_refused(emulator: Emulator) -> None:
    assert request_token(emulator, secret="wrong").json() == {"error": "invalid_client"}


def test_public_client_gets_no_client_token(emulator: Emulator) -> None:
    idp = boto3.client(
        "cognito-idp",
        endpoint_url=emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    public = idp.create_user_pool_client(
        UserPoolId=POOL_ID,
        ClientName="public robot",
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["notes/read"],
        AllowedOAuthFlowsUserPoolClient=True,
    )["UserPoolClient"]["ClientId"]
    form = {"grant_type": "client_credentials", "client_id": public}
    answer = requests.post(f"{emulator.url}/oauth2/token", data=form, timeout=TIMEOUT_SECONDS)
    assert answer.json() == {"error": "unauthorized_client"}


def test_user_info_refuses_a_client_token(emulator: Emulator) -> None:
    token = request_token(emulator).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{emulator.url}/oauth2/userInfo", headers=headers, timeout=TIMEOUT_SECONDS).status_code == 401
