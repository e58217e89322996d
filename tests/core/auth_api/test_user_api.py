"""The user-pool API: exact requests, and valid and invalid responses of its operations."""

import json
import time
from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, Request, ScriptedServer, json_answer

from django_cognito.core import UserPool
from django_cognito.core.auth_api.user_api import UserPoolApi
from django_cognito.core.client_secret import COOLDOWN_SECONDS, ClientSecret
from django_cognito.core.errors import CognitoUnavailableError, RevokedTokenError, SignInError
from django_cognito.core.token_endpoints import TokenSet
from tests.support.clock import Clock
from tests.support.timeouts import patient_http

RESULT = {
    "AccessToken": "the-access-token",
    "IdToken": "the-id-token",
    "RefreshToken": "the-next-refresh-token",
    "TokenType": "Bearer",
    "ExpiresIn": 3600,
}
TOKENS = json_answer({"AuthenticationResult": RESULT})
Call = Callable[[UserPoolApi], Any]
REFRESH: Call = methodcaller("refresh", "the-refresh-token")
REVOKE: Call = methodcaller("revoke", "the-refresh-token")
EVERYWHERE: Call = methodcaller("sign_out_everywhere", "the-access-token")
GET_USER: Call = methodcaller("get_user", "the-access-token")
USER = {"Username": "alice", "UserAttributes": [{"Name": "sub", "Value": "a-sub"}, {"Name": "name", "Value": "Ada"}]}
WRONG_SECRET = "Unable to verify secret for client 1web"


def aws_error(name: str, message: str = "", status: int = 400) -> Answer:
    return json_answer({"__type": name, "message": message}, status)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(TOKENS) as started:
        yield started


def api_at(server: ScriptedServer, secret: ClientSecret | str = "", **options: Any) -> UserPoolApi:
    pool = UserPool("eu-west-1_AbCdEfGhI", endpoint_url=server.url)
    return UserPoolApi(pool, "1web", secret, **{"http": patient_http(), **options})


def read_members(request: Request) -> Any:
    return json.loads(request.body)


# Requests


def test_refresh_is_an_unsigned_json_request_for_tokens(server: ScriptedServer) -> None:
    assert REFRESH(api_at(server)) == TokenSet("the-access-token", "the-id-token", "the-next-refresh-token", 3600)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GetTokensFromRefreshToken"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert "authorization" not in request.headers
    assert read_members(request) == {"ClientId": "1web", "RefreshToken": "the-refresh-token"}


def test_revoke_sends_the_refresh_token_to_the_api(server: ScriptedServer) -> None:
    server.script(json_answer({}))
    REVOKE(api_at(server))
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.RevokeToken"
    assert read_members(request) == {"ClientId": "1web", "Token": "the-refresh-token"}


def test_global_sign_out_has_only_the_access_token(server: ScriptedServer) -> None:
    server.script(json_answer({}))
    EVERYWHERE(api_at(server, "a-secret"))
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GlobalSignOut"
    assert read_members(request) == {"AccessToken": "the-access-token"}


@pytest.mark.parametrize("call", [REFRESH, REVOKE])
def test_confidential_client_sends_its_secret(server: ScriptedServer, call: Call) -> None:
    call(api_at(server, "a-secret"))
    assert read_members(server.requests[0])["ClientSecret"] == "a-secret"


def test_refresh_of_a_device_sends_its_key(server: ScriptedServer) -> None:
    api_at(server).refresh("the-refresh-token", device_key="eu-west-1_a-device")
    assert read_members(server.requests[0])["DeviceKey"] == "eu-west-1_a-device"


def test_refresh_alone_has_the_timeout_of_the_triggers(server: ScriptedServer) -> None:
    api = api_at(server, http=patient_http().until(time.monotonic()), token_http=patient_http())
    assert REFRESH(api)
    with pytest.raises(CognitoUnavailableError):
        REVOKE(api)


@pytest.mark.parametrize("call", [REFRESH, REVOKE, EVERYWHERE, GET_USER])
def test_api_request_after_a_shared_deadline_is_not_sent(server: ScriptedServer, call: Call) -> None:
    with pytest.raises(CognitoUnavailableError):
        call(api_at(server).until(time.monotonic()))
    assert server.count == 0


def test_repr_of_the_api_shows_no_secret(server: ScriptedServer) -> None:
    assert repr(api_at(server, "a-secret")) == "<UserPoolApi eu-west-1_AbCdEfGhI client=1web>"


def test_get_user_has_only_the_access_token(server: ScriptedServer) -> None:
    server.script(json_answer(USER))
    assert GET_USER(api_at(server, "a-secret")) == {"sub": "a-sub", "name": "Ada"}
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GetUser"
    assert "authorization" not in request.headers
    assert read_members(request) == {"AccessToken": "the-access-token"}


# Responses


def test_refresh_without_rotation_returns_no_refresh_token(server: ScriptedServer) -> None:
    server.script(
        json_answer({"AuthenticationResult": {name: RESULT[name] for name in RESULT if name != "RefreshToken"}})
    )
    assert REFRESH(api_at(server)).refresh_token is None


@pytest.mark.parametrize("change", [{"IdToken": None}, {"AccessToken": 5}, {"TokenType": "mac"}, {"TokenType": None}])
def test_refresh_response_without_tokens_is_malformed(server: ScriptedServer, change: dict[str, Any]) -> None:
    server.script(json_answer({"AuthenticationResult": {**RESULT, **change}}))
    with pytest.raises(SignInError) as caught:
        REFRESH(api_at(server))
    assert (caught.value.code, caught.value.oauth_error) == ("malformed_response", None)


@pytest.mark.parametrize(
    "answer", [json_answer({}), json_answer({"AuthenticationResult": "text"}), Answer(200, b"<html>"), Answer(302)]
)
def test_refresh_response_without_a_result_is_unavailable(server: ScriptedServer, answer: Answer) -> None:
    server.script(answer)
    with pytest.raises(CognitoUnavailableError) as caught:
        REFRESH(api_at(server))
    assert caught.value.code == "cognito_unavailable"


@pytest.mark.parametrize("call", [REFRESH, REVOKE])
def test_refused_client_is_described_without_its_secret(server: ScriptedServer, call: Call) -> None:
    server.script(aws_error("NotAuthorizedException", WRONG_SECRET))
    with pytest.raises(SignInError) as caught:
        call(api_at(server, "a-secret"))
    assert (caught.value.oauth_error, caught.value.code) == ("invalid_client", "invalid_client")
    assert "app client 1web: a client secret was sent" in str(caught.value)
    assert "a-secret" not in str(caught.value)


def test_words_of_an_api_error_are_logged_without_secrets(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "1h57kf5cpq17m0eml12EXAMPLE9q8w7e6r5t4z3u2i1o"
    server.script(aws_error("NotAuthorizedException", f"Unable to verify {secret}"))
    with pytest.raises(SignInError):
        REFRESH(api_at(server, secret))
    assert "GetTokensFromRefreshToken: status 400, 'NotAuthorizedException', 'Unable to verify [...]'" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        "sub",
        {"Name": "sub", "Value": "a-sub"},
        [],
        ["sub"],
        [{"Name": "sub"}],
        [{"Name": "sub", "Value": ""}],
        [{"Name": "sub", "Value": 5}],
        [{"Name": ["sub"], "Value": "a-sub"}],
    ],
)
def test_user_without_a_sub_is_unavailable(server: ScriptedServer, attributes: Any) -> None:
    server.script(json_answer({"UserAttributes": attributes}))
    with pytest.raises(CognitoUnavailableError, match="no usable response"):
        GET_USER(api_at(server))


@pytest.mark.parametrize("answer", [Answer(200, b"<html>"), json_answer([]), json_answer({})])
def test_get_user_response_that_is_no_user_is_unavailable(server: ScriptedServer, answer: Answer) -> None:
    server.script(answer)
    with pytest.raises(CognitoUnavailableError, match="no usable response"):
        GET_USER(api_at(server))


def test_other_attributes_of_a_user_must_be_strings(server: ScriptedServer) -> None:
    rows = [{"Name": "sub", "Value": "a-sub"}, {"Name": "x", "Value": None}, {"Name": 5, "Value": "y"}, "z"]
    server.script(json_answer({"UserAttributes": rows}))
    assert GET_USER(api_at(server)) == {"sub": "a-sub"}


def test_refused_get_user_is_an_error_of_the_token(server: ScriptedServer) -> None:
    server.script(aws_error("NotAuthorizedException", "Access Token has been revoked"))
    with pytest.raises(RevokedTokenError) as caught:
        GET_USER(api_at(server))
    assert str(caught.value) == "Cognito refused GetUser: NotAuthorizedException"


# A client secret that rotates


@pytest.mark.parametrize("call", [REFRESH, REVOKE])
@pytest.mark.parametrize("name", ["NotAuthorizedException", "UnauthorizedException"])
def test_refused_secret_is_read_again_and_the_call_repeated(server: ScriptedServer, call: Call, name: str) -> None:
    secrets = iter(["first-secret", "second-secret"])
    clock = Clock()
    secret = ClientSecret(lambda: next(secrets), now=clock)
    secret.read()
    clock.now += COOLDOWN_SECONDS
    server.script(aws_error(name, WRONG_SECRET), TOKENS)
    call(api_at(server, secret))
    assert [read_members(request)["ClientSecret"] for request in server.requests] == ["first-secret", "second-secret"]


def test_refused_secret_that_did_not_change_is_not_sent_again(server: ScriptedServer) -> None:
    clock = Clock()
    secret = ClientSecret(lambda: "the-secret", now=clock)
    secret.read()
    clock.now += COOLDOWN_SECONDS
    server.script(aws_error("NotAuthorizedException", WRONG_SECRET))
    with pytest.raises(SignInError):
        REFRESH(api_at(server, secret))
    assert server.count == 1


def test_second_refusal_after_a_new_secret_is_final(server: ScriptedServer) -> None:
    secrets = iter(["first-secret", "second-secret"])
    clock = Clock()
    secret = ClientSecret(lambda: next(secrets), now=clock)
    secret.read()
    clock.now += COOLDOWN_SECONDS
    server.script(aws_error("NotAuthorizedException", WRONG_SECRET))
    with pytest.raises(SignInError) as caught:
        REFRESH(api_at(server, secret))
    assert (server.count, caught.value.oauth_error) == (2, "invalid_client")


def test_refused_refresh_token_does_not_read_the_secret(server: ScriptedServer) -> None:
    calls = []
    clock = Clock()
    secret = ClientSecret(lambda: calls.append(1) or "the-secret", now=clock)  # type: ignore[func-returns-value]
    secret.read()
    clock.now += COOLDOWN_SECONDS
    server.script(aws_error("NotAuthorizedException", "Refresh Token has been revoked"))
    with pytest.raises(SignInError) as caught:
        REFRESH(api_at(server, secret))
    assert (caught.value.oauth_error, len(calls), server.count) == ("invalid_grant", 1, 1)
