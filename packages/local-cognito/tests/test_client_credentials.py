"""client_credentials at the token endpoint: an app client's token for itself, with scopes of resource servers."""

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
def machines() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as running:
        yield running


def ask(machines: Emulator, client_id: str = "robot", secret: str = SECRET, **fields: str) -> requests.Response:
    form = {"grant_type": "client_credentials", **fields}
    return requests.post(f"{machines.url}/oauth2/token", data=form, auth=(client_id, secret), timeout=TIMEOUT_SECONDS)


def claims(answer: requests.Response) -> dict[str, Any]:
    return dict(jwt.decode(answer.json()["access_token"], options={"verify_signature": False}))


def test_the_answer_is_an_access_token_alone(machines: Emulator) -> None:
    answer = ask(machines)
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json()["expires_in"] == 300


def test_the_token_names_the_client_and_nobody_else(machines: Emulator) -> None:
    found = claims(ask(machines))
    assert found["sub"] == found["client_id"] == "robot"
    assert (found["token_use"], found["version"], found["iss"]) == ("access", 2, machines.issuer(POOL_ID))
    assert found["exp"] - found["iat"] == 300
    assert not found.keys() & {"username", "cognito:groups", "device_key", "origin_jti", "event_id"}


def test_the_token_is_signed_with_the_pool_s_key_of_access_tokens(machines: Emulator) -> None:
    keys = jwt.PyJWKClient(machines.jwks_uri(POOL_ID))
    raw = ask(machines).json()["access_token"]
    assert jwt.decode(raw, keys.get_signing_key_from_jwt(raw), algorithms=["RS256"])["client_id"] == "robot"


def test_without_a_scope_all_of_the_client_s_are_granted(machines: Emulator) -> None:
    assert claims(ask(machines))["scope"] == "notes/read notes/write"


def test_a_scope_that_is_not_the_client_s_is_passed_over(machines: Emulator) -> None:
    assert claims(ask(machines, scope="notes/write notes/erase openid"))["scope"] == "notes/write"


def test_a_client_s_own_token_is_bound_to_no_resource(machines: Emulator) -> None:
    assert "aud" not in claims(ask(machines, resource="https://api.example.com"))


def test_no_scope_left_is_an_error(machines: Emulator) -> None:
    answer = ask(machines, scope="notes/erase")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


def test_a_client_of_people_may_not_ask_for_itself(machines: Emulator) -> None:
    assert ask(machines, "web").json() == {"error": "unauthorized_client"}


def test_a_wrong_secret_is_refused(machines: Emulator) -> None:
    assert ask(machines, secret="wrong").json() == {"error": "invalid_client"}


def test_a_client_without_a_secret_has_proved_nothing(machines: Emulator) -> None:
    idp = boto3.client(
        "cognito-idp",
        endpoint_url=machines.endpoint_url,
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
    answer = requests.post(f"{machines.url}/oauth2/token", data=form, timeout=TIMEOUT_SECONDS)
    assert answer.json() == {"error": "unauthorized_client"}


def test_a_client_s_own_token_tells_nothing_of_any_person(machines: Emulator) -> None:
    token = ask(machines).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{machines.url}/oauth2/userInfo", headers=headers, timeout=TIMEOUT_SECONDS).status_code == 401
