"""Logins whose tokens are refreshed and revoked by the user-pool API: without DOMAIN, or issued by the API."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.conf.loading import get_settings
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.encryption import encrypt
from django_cognito.factories import get_token_endpoints, get_user_pool_api
from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh, store, stored_tokens
from django_cognito.sessions.ending import sign_out
from django_cognito.testing import make_token
from tests.support.scenarios.login import change_login, create_login, token_response, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]
WRONG_SECRET = ("NotAuthorizedException", "Unable to verify secret for client")
REVOKED = ("NotAuthorizedException", "Refresh Token has been revoked")
ADMIN_SCOPE = "aws.cognito.signin.user.admin"


@pytest.fixture
def api(settings: Any, cognito_keys: None) -> Iterator[ScriptedServer]:
    """Yield a scripted user-pool API of a site without DOMAIN; tokens of `make_token` are valid."""
    with ScriptedServer() as server:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": "", "ENDPOINT_URL": server.url}
        yield server


def result(**changes: Any) -> Answer:
    """Return the response of GetTokensFromRefreshToken; `changes` are claims of both tokens."""
    tokens = {"AccessToken": make_token(**changes), "IdToken": make_token(token_use="id", **changes)}
    return json_answer({"AuthenticationResult": {**tokens, "TokenType": "Bearer", "ExpiresIn": 3600}})


def aws_error(name: str, message: str = "") -> Answer:
    return json_answer({"__type": name, "message": message}, 400)


def list_operations(api: ScriptedServer) -> list[str]:
    return [request.headers["x-amz-target"].partition(".")[2] for request in api.requests]


def is_stored(login: CognitoLogin) -> bool:
    return CognitoLogin.objects.active().filter(pk=login.pk).exists()


# Which endpoints


def test_login_without_a_domain_is_refreshed_by_the_api(
    client: Client, api: ScriptedServer, ensure_fresh: Callable[[CognitoLogin], CognitoLogin]
) -> None:
    login = create_login(client, ends_in=-1)
    api.script(result())
    assert not store.is_expired(ensure_fresh(login))
    assert list_operations(api) == ["GetTokensFromRefreshToken"]
    members = json.loads(api.requests[0].body)
    assert members == {"ClientId": get_settings().client_id, "RefreshToken": "a-refresh-token"}


def test_login_issued_by_the_api_stays_there_with_a_domain(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    with ScriptedServer(result()) as api:
        settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": api.url}
        login = create_login(client, ends_in=-1)
        CognitoLogin.objects.update(issued_by="api")
        refresh.ensure_fresh(store.get_login(login.pk))
    assert (api.count, token_endpoint.count) == (1, 0)


def test_login_issued_by_the_hosted_ui_stays_there(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    with ScriptedServer(result()) as api:
        settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": api.url}
        token_endpoint.script(token_response())
        refresh.ensure_fresh(create_login(client, ends_in=-1))
    assert (api.count, token_endpoint.count) == (0, 1)


def test_both_endpoints_share_one_client_secret(settings: Any, token_endpoint: ScriptedServer) -> None:
    calls: list[int] = []
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: calls.append(1) or "a-secret"}
    endpoints = [get_token_endpoints(get_settings(), issued_by) for issued_by in ("hosted_ui", "api")]
    secrets: list[ClientSecret] = [item._secret for item in endpoints]  # type: ignore[attr-defined]
    assert ([secret.read() for secret in secrets], len(calls)) == (["a-secret"] * 2, 1)


# Refused refreshes


@pytest.mark.parametrize(
    "answer",
    [
        REVOKED,
        ("NotAuthorizedException", "User is disabled."),
        ("UserNotFoundException", "User does not exist."),
    ],
)
def test_refresh_token_that_the_api_refuses_ends_the_login(
    client: Client, api: ScriptedServer, answer: tuple[str, str]
) -> None:
    login = create_login(client, ends_in=-1)
    api.script(aws_error(*answer))
    with pytest.raises(SignInError) as caught:
        refresh.ensure_fresh(login)
    assert caught.value.code == "login_ended"
    assert not is_stored(login)


def test_disabled_user_is_ended_although_a_response_was_lost(client: Client, api: ScriptedServer) -> None:
    login = create_login(client, ends_in=30, sent_ago=25)
    api.script(aws_error("NotAuthorizedException", "User is disabled."))
    with pytest.raises(SignInError) as caught:
        refresh.ensure_fresh(login)
    assert caught.value.code == "login_ended"
    assert not is_stored(login)


def test_refresh_token_that_another_party_has_used_ends_the_sign_in(client: Client, api: ScriptedServer) -> None:
    login = create_login(client, ends_in=-1)
    api.script(aws_error("RefreshTokenReuseException", "Refresh token has been used before"))
    with pytest.raises(SignInError) as caught:
        refresh.ensure_fresh(login)
    assert caught.value.code == "refresh_token_reused"
    assert not is_stored(login)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (WRONG_SECRET, "client_refused"),
        (("NotAuthorizedException", "Auth flow not enabled for this client"), "client_refused"),
        (("ResourceNotFoundException", "User pool client 1 does not exist."), "client_refused"),
        (("InvalidParameterException", ""), "client_refused"),
        (("AnExceptionOfNextYear", ""), "client_refused"),
        (("UserLambdaValidationException", "PreTokenGeneration failed with error no"), "provider_trouble"),
        (("UnexpectedLambdaException", ""), "provider_trouble"),
        (("TooManyRequestsException", ""), "too_many_requests"),
        (("OperationNotEnabledException", ""), "cognito_unavailable"),
        (("ForbiddenException", "blocked by WAF"), "cognito_unavailable"),
    ],
)
def test_other_refusal_of_the_api_ends_no_login(
    client: Client, api: ScriptedServer, answer: tuple[str, str], code: str
) -> None:
    login = create_login(client, ends_in=-1)
    api.script(aws_error(*answer))
    with pytest.raises(CognitoUnavailableError) as caught:
        refresh.ensure_fresh(login)
    assert caught.value.code == code
    change_login(store.get_login(login.pk), retry_in=-1)
    api.script(result())
    assert username_at(client) == "alice"


def test_api_refresh_after_a_secret_rotation_succeeds(client: Client, settings: Any, api: ScriptedServer) -> None:
    secrets = ["first-secret", "second-secret"]
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: secrets.pop(0)}
    create_login(client, ends_in=-1)
    secret = get_user_pool_api(get_settings())._secret
    secret.read()
    secret.reset_after_fork()  # the cooldown has passed
    api.script(aws_error(*WRONG_SECRET), result())
    assert username_at(client) == "alice"
    sent = [json.loads(request.body)["ClientSecret"] for request in api.requests]
    assert sent == ["first-secret", "second-secret"]


# Signing out


def test_sign_out_without_a_domain_revokes_by_the_api(client: Client, api: ScriptedServer) -> None:
    create_login(client)
    api.script(json_answer({}))
    client.logout()
    assert list_operations(api) == ["RevokeToken"]
    assert json.loads(api.requests[0].body)["Token"] == "a-refresh-token"


def test_sign_out_everywhere_refreshes_by_the_api_first(client: Client, api: ScriptedServer) -> None:
    login = create_login(client)
    tokens = replace(stored_tokens.decrypt_tokens(login), access_token=make_token(exp=1_000, iat=1, scope=ADMIN_SCOPE))
    login.tokens = stored_tokens.encrypt_tokens(login.id, replace(tokens, device_key="eu-west-1_a-device"))
    login.save()
    api.script(result(scope=ADMIN_SCOPE), json_answer({}))
    sign_out.end_login(client.session, everywhere=True)
    assert list_operations(api) == ["GetTokensFromRefreshToken", "GlobalSignOut"]
    assert json.loads(api.requests[0].body)["DeviceKey"] == "eu-west-1_a-device"


# Devices


def test_device_key_of_a_login_is_sent_with_each_refresh(client: Client, api: ScriptedServer) -> None:
    login = create_login(client, ends_in=-1)
    tokens = replace(store.decrypt_tokens(login), device_key="eu-west-1_a-device")
    login.tokens = stored_tokens.encrypt_tokens(login.id, tokens)
    login.save()
    api.script(result())
    login = change_login(refresh.ensure_fresh(login), ends_in=-1)
    refresh.ensure_fresh(login)
    keys = [json.loads(request.body)["DeviceKey"] for request in api.requests]
    assert keys == ["eu-west-1_a-device"] * 2


def test_row_without_a_device_key_is_read_as_before(client: Client, cognito_keys: None) -> None:
    login = create_login(client)
    members = {"access_token": "a", "id_token": "b", "refresh_token": "c", "expires_in": 5}
    login.tokens = encrypt(json.dumps(members).encode(), associated_data=stored_tokens._associated_data(login.id))
    tokens = store.decrypt_tokens(login)
    assert (tokens.refresh_token, tokens.device_key) == ("c", "")


# The two issuer forms of a pool


@pytest.fixture
def issuer_forms(settings: Any, api: ScriptedServer) -> tuple[str, str]:
    """Return the two issuers of the pool; the login of the tests has tokens of the first."""
    forms = get_settings().user_pool.issuer_forms
    settings.COGNITO = {**settings.COGNITO, "ISSUER": list(forms)}
    return forms


def test_refresh_may_move_a_login_to_another_listed_issuer(
    client: Client, api: ScriptedServer, issuer_forms: tuple[str, str]
) -> None:
    login = create_login(client, ends_in=-1)
    assert store.get_access_token(login).claims["iss"] == issuer_forms[0]
    api.script(result(iss=issuer_forms[1]))
    assert username_at(client) == "alice"
    assert store.get_access_token(store.get_login(login.pk)).claims["iss"] == issuer_forms[1]


def test_refresh_with_an_unlisted_issuer_is_rejected(
    client: Client, settings: Any, api: ScriptedServer, issuer_forms: tuple[str, str]
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ISSUER": issuer_forms[0]}
    create_login(client, ends_in=-1)
    api.script(result(iss=issuer_forms[1]), json_answer({}))
    assert username_at(client) == "nobody"
    assert CognitoLogin.objects.active().count() == 0
