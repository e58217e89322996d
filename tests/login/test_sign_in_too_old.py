"""A callback whose sign-in at Cognito is too old: before a sign-out everywhere, or before the user was disabled."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito import sessions
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import sign_in
from django_cognito.users import account_status
from tests.support.scenarios.login import (
    finish_sign_in,
    read_error_code,
    read_query,
    reseal,
    start_sign_in,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


@pytest.fixture
def signed_out(token_endpoint: ScriptedServer) -> None:
    """Sign alice out everywhere, an hour after a sign-in at Cognito."""
    sign_in(Client(), auth_time=int(time.time()) - 3_600)
    sessions.sign_out_everywhere(CognitoUser.objects.get().user)


def tokens_of(params: dict[str, str], **claims: Any) -> Any:
    return token_response(nonce=params["nonce"], both=claims)


def old_tokens_of(params: dict[str, str]) -> Any:
    """Return what Cognito issues from its session, which began before the sign-out."""
    return tokens_of(params, auth_time=int(time.time()) - 3_600)


def test_sign_in_before_the_sign_out_is_repeated_with_the_password(
    client: Client, token_endpoint: ScriptedServer, signed_out: None
) -> None:
    params = start_sign_in(client, next="/mine/")
    token_endpoint.script(old_tokens_of(params))
    answer = finish_sign_in(client, params)
    again = read_query(answer["Location"])
    assert (answer.status_code, again["prompt"]) == (302, "login")
    assert "/oauth2/authorize" in answer["Location"]
    token_endpoint.script(tokens_of(again, auth_time=int(time.time()) + 1))
    assert finish_sign_in(client, again)["Location"] == "/mine/"
    assert username_at(client) == "alice"


def test_second_sign_in_before_the_sign_out_fails(
    client: Client, token_endpoint: ScriptedServer, signed_out: None
) -> None:
    params = start_sign_in(client)
    token_endpoint.script(old_tokens_of(params))
    again = read_query(finish_sign_in(client, params)["Location"])
    token_endpoint.script(old_tokens_of(again))
    answer = finish_sign_in(client, again)
    assert (answer.status_code, read_error_code(answer)) == (400, "sign_in_too_old")
    assert (username_at(client), CognitoLogin.objects.active().count()) == ("nobody", 0)


def test_page_of_the_failed_sign_in_starts_again_with_the_password(
    client: Client, token_endpoint: ScriptedServer, signed_out: None
) -> None:
    params = reseal(client, start_sign_in(client), attempt=2)
    token_endpoint.script(old_tokens_of(params))
    assert "prompt=login" in finish_sign_in(client, params).content.decode()


def test_silent_sign_in_before_the_sign_out_asks_for_no_password(
    client: Client, token_endpoint: ScriptedServer, signed_out: None, cognito: Any
) -> None:
    cognito(SILENT_SIGN_IN=True)
    params = start_sign_in(client, next="/open/", prompt="none")
    token_endpoint.script(old_tokens_of(params))
    answer = finish_sign_in(client, params)
    assert (answer.status_code, answer["Location"]) == (302, "/open/")
    assert username_at(client) == "nobody"


def test_user_who_was_signed_in_stays_signed_in(
    client: Client, token_endpoint: ScriptedServer, signed_out: None
) -> None:
    sign_in(client, "bob")
    params = start_sign_in(client)
    token_endpoint.script(old_tokens_of(params))
    finish_sign_in(client, params)
    assert username_at(client) == "bob"


def test_sign_out_everywhere_during_the_callback_refuses_the_login(
    client: Client, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_cognito.login import flow

    get_or_create_user = flow.get_or_create_user

    def sign_out_meanwhile(*args: Any) -> Any:
        result = get_or_create_user(*args)
        CognitoUser.objects.update(not_before=timezone.now() + timedelta(seconds=1))
        return result

    monkeypatch.setattr(flow, "get_or_create_user", sign_out_meanwhile)
    params = start_sign_in(client)
    token_endpoint.script(tokens_of(params))
    answer = client.get("/auth/callback/", {"code": "a-code", "state": params["state"]})
    assert read_query(answer["Location"])["prompt"] == "login"
    assert not CognitoLogin.objects.exists()


@pytest.fixture
def disabled(token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Report alice as disabled in Cognito half an hour ago, after a sign-in that Cognito's own session remembers."""
    sign_in(Client(), auth_time=int(time.time()) - 3_600)
    with monkeypatch.context() as patched:
        patched.setattr(account_status, "utc_now", lambda: timezone.now() - timedelta(minutes=30))
        account_status.record_disabled(CognitoUser.objects.get())


def test_sign_in_of_an_enabled_user_is_repeated_with_the_password(
    client: Client, token_endpoint: ScriptedServer, disabled: None
) -> None:
    params = start_sign_in(client, next="/mine/")
    token_endpoint.script(old_tokens_of(params))
    again = read_query(finish_sign_in(client, params)["Location"])
    assert again["prompt"] == "login"
    token_endpoint.script(tokens_of(again))
    assert finish_sign_in(client, again)["Location"] == "/mine/"
    assert (username_at(client), CognitoUser.objects.get().enabled) == ("alice", True)


def test_second_sign_in_of_a_disabled_user_fails(
    client: Client, token_endpoint: ScriptedServer, disabled: None
) -> None:
    params = start_sign_in(client)
    token_endpoint.script(old_tokens_of(params))
    again = read_query(finish_sign_in(client, params)["Location"])
    token_endpoint.script(old_tokens_of(again))
    answer = finish_sign_in(client, again)
    assert (answer.status_code, read_error_code(answer)) == (403, "user_disabled_in_cognito")
    assert username_at(client) == "nobody"


def test_silent_sign_in_of_a_disabled_user_asks_for_no_password(
    client: Client, token_endpoint: ScriptedServer, disabled: None, cognito: Any
) -> None:
    cognito(SILENT_SIGN_IN=True)
    params = start_sign_in(client, next="/open/", prompt="none")
    token_endpoint.script(old_tokens_of(params))
    assert finish_sign_in(client, params)["Location"] == "/open/"
    assert username_at(client) == "nobody"
