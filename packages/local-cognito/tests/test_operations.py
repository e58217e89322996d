"""The AWS API: the local operations and moto's, and JSON responses to all requests."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import OTHER_POOL_ID, POOL_ID, Users

TARGET = "AWSCognitoIdentityProviderService."


def call(emulator: Emulator, target: str, body: bytes = b"{}", **headers: str) -> requests.Response:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **headers}
    return requests.post(emulator.endpoint_url, data=body, headers=headers, timeout=30)


def test_unsupported_operation_is_named(idp: Any) -> None:
    with raises_client_error("NotImplementedException", "The local Cognito does not have the operation ListTerms"):
        idp.list_terms(UserPoolId=POOL_ID)


def test_unsupported_operation_has_a_json_response(emulator: Emulator) -> None:
    response = call(emulator, TARGET + "ListTerms")
    assert response.status_code == 501
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.headers["x-amzn-ErrorType"] == "NotImplementedException"


@pytest.mark.parametrize("target", [TARGET + "Backend", TARGET + "SetupClass", "DynamoDB_20120810.ListTables", ""])
def test_target_that_is_no_user_pool_operation_is_refused(emulator: Emulator, target: str) -> None:
    response = call(emulator, target)
    assert response.status_code == 400
    assert response.json()["__type"] == "UnknownOperationException"


@pytest.mark.parametrize("body", [b"not json", b"[]", b"\xff\xfe"])
def test_body_that_is_no_json_object_is_refused(emulator: Emulator, body: bytes) -> None:
    response = call(emulator, TARGET + "InitiateAuth", body)
    assert (response.status_code, response.json()["__type"]) == (400, "SerializationException")


def test_internal_error_has_a_json_response(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, logger="local_cognito"):
        response = call(emulator, TARGET + "CreateUserPool")  # moto fails without PoolName
    assert response.status_code == 500
    assert response.json()["__type"] == "InternalErrorException"


def test_unknown_url_is_a_json_404(emulator: Emulator) -> None:
    response = requests.get(f"{emulator.url}/nowhere/at/all", timeout=30)
    assert response.status_code == 404
    assert response.json()["__type"] == "NotFound"


def test_error_response_has_a_request_id(emulator: Emulator) -> None:
    assert call(emulator, TARGET + "ListTerms").headers["x-amzn-RequestId"]


def test_browser_at_a_loopback_origin_may_call_the_api(emulator: Emulator) -> None:
    headers = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-amz-target,x-amz-user-agent",
    }
    response = requests.options(emulator.endpoint_url, headers=headers, timeout=30)
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "x-amz-target" in response.headers["Access-Control-Allow-Headers"].lower()


def test_response_to_a_browser_names_its_origin_and_no_credentials(emulator: Emulator) -> None:
    response = call(emulator, TARGET + "ListTerms", Origin="http://localhost:3000")
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_list_users_is_paginated(idp: Any, users: Users) -> None:
    names = {users.create() for _ in range(3)}
    pages = list(idp.get_paginator("list_users").paginate(UserPoolId=POOL_ID, PaginationConfig={"PageSize": 2}))
    listed = [user["Username"] for page in pages for user in page["Users"]]
    assert len(pages) > 1
    assert names < set(listed)
    assert len(listed) == len(set(listed))


def test_pool_of_another_region_is_selected_by_its_id(idp: Any) -> None:
    users = idp.list_users(UserPoolId=OTHER_POOL_ID)["Users"]
    assert "50e00000-0000-4000-8000-000000000001" in [user["Username"] for user in users]


def test_pool_created_by_the_api_signs_users_in(idp: Any, emulator: Emulator) -> None:
    pool_id = idp.create_user_pool(PoolName="Made by hand")["UserPool"]["Id"]
    created = idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    username = Users(idp, pool_id).create()
    tokens = Users(idp, pool_id).tokens(username, created["UserPoolClient"]["ClientId"])
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == username
    assert requests.get(emulator.jwks_uri(pool_id), timeout=30).json()["keys"]
    idp.delete_user_pool(UserPoolId=pool_id)


def test_generated_client_secret_is_required(idp: Any) -> None:
    pool_id = idp.create_user_pool(PoolName="With a secret")["UserPool"]["Id"]
    created = idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="back end",
        GenerateSecret=True,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
    )
    with raises_client_error("NotAuthorizedException"):
        Users(idp, pool_id).sign_in("anybody", created["UserPoolClient"]["ClientId"])
    idp.delete_user_pool(UserPoolId=pool_id)


def test_user_updates_own_attributes(public_idp: Any, users: Users) -> None:
    access_token = users.tokens(users.create())["AccessToken"]
    public_idp.update_user_attributes(AccessToken=access_token, UserAttributes=[{"Name": "nickname", "Value": "Nick"}])
    attributes = public_idp.get_user(AccessToken=access_token)["UserAttributes"]
    assert {"Name": "nickname", "Value": "Nick"} in attributes


def test_unknown_user_pool_is_named(idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool eu-west-1_Nowhere does not exist."):
        idp.list_users(UserPoolId="eu-west-1_Nowhere")


def test_parallel_sign_ins_all_succeed(users: Users) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda _: users.tokens("alice")["AccessToken"], range(24)))
    assert len(set(tokens)) == 24


def test_log_contains_no_query_and_no_token(emulator: Emulator, users: Users, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="local_cognito"):
        token = users.tokens("alice")["AccessToken"]
        call(emulator, TARGET + "GetUser", json.dumps({"AccessToken": token}).encode())
        requests.get(f"{emulator.url}/nowhere?code=verysecret", timeout=30)
    assert "POST / InitiateAuth 200" in caplog.text
    assert "/nowhere" in caplog.text
    assert "verysecret" not in caplog.text
    assert token not in caplog.text
