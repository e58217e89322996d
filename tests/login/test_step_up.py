"""The step-up URL and its callback: the new sign-in must be what the page required."""

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.http import urlencode
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.models import CognitoLogin
from django_cognito.testing import sign_in
from tests.support.scenarios.login import (
    CALLBACK,
    finish_sign_in,
    read_error_code,
    read_query,
    token_response,
    username_at,
)
from tests.support.step_up_site import LEVEL_4

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.step_up_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
MFA = {"acr": LEVEL_4, "amr": ["pwd", "otp", "mfa"]}


def seconds_ago(seconds: int) -> int:
    return int(time.time()) - seconds


def begin_step_up(client: Client, page: str) -> dict[str, str]:
    """Open a page, follow its redirect to the step-up URL; return the parameters of the authorization request."""
    return read_query(client.get(client.get(page)["Location"])["Location"])


def complete(
    client: Client, server: ScriptedServer, params: dict[str, str], username: str = "alice", **both: Any
) -> Any:
    server.script(token_response(username, nonce=params["nonce"], both=both), Answer())
    return finish_sign_in(client, params)


# The journey


@pytest.mark.parametrize(
    ("page", "claims"), [("/recent/?page=2", {}), ("/mfa/", MFA), ("/totp/async/", MFA)], ids=["recent", "mfa", "totp"]
)
def test_new_sign_in_returns_to_the_page(
    client: Client, token_endpoint: ScriptedServer, page: str, claims: Any
) -> None:
    sign_in(client, auth_time=seconds_ago(400))
    answer = complete(client, token_endpoint, begin_step_up(client, page), **claims)
    assert (answer.status_code, answer["Location"]) == (302, page)
    assert client.get(page).content == b"alice"


def test_step_up_changes_the_session_key_and_ends_the_earlier_login(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, auth_time=seconds_ago(400))
    session = client.session
    session["basket"] = "pears"
    session.save()
    earlier = CognitoLogin.objects.get().pk
    complete(client, token_endpoint, begin_step_up(client, "/recent/"))
    assert client.session["basket"] == "pears"
    assert client.session.session_key != session.session_key
    assert not CognitoLogin.objects.filter(pk=earlier, ended_at=None).exists()


# A hosted UI that ignores the request


@pytest.mark.parametrize(
    ("page", "claims", "code"),
    [
        ("/recent/", {"auth_time": seconds_ago(400)}, "sign_in_too_old"),
        ("/mfa/", {}, "mfa_missing"),
        ("/mfa/", {"acr": "urn:cognito:loa:1", "amr": ["pwd"]}, "mfa_missing"),
        ("/totp/", {"acr": "urn:cognito:loa:3", "amr": ["pwd", "sms", "mfa"]}, "mfa_missing"),
    ],
)
def test_insufficient_result_is_a_page_and_no_redirect(
    client: Client, token_endpoint: ScriptedServer, page: str, claims: Any, code: str
) -> None:
    sign_in(client, auth_time=seconds_ago(400))
    answer = complete(client, token_endpoint, begin_step_up(client, page), **claims)  # asserts that nothing changed
    assert (answer.status_code, read_error_code(answer)) == (400, code)
    again = next(url for url in answer.content.decode().split('"') if url.startswith("/auth/step-up/"))
    assert read_query(again.replace("&amp;", "&"))["prompt"] == "login"
    assert username_at(client) == "alice"


@pytest.mark.parametrize("error", ["access_denied", "unmet_authentication_requirements"])
def test_level_that_the_user_cannot_reach_is_mfa_missing(
    client: Client, token_endpoint: ScriptedServer, error: str
) -> None:
    sign_in(client)
    params = begin_step_up(client, "/mfa/")
    assert read_error_code(finish_sign_in(client, params, code=None, error=error)) == "mfa_missing"


@pytest.mark.parametrize(
    ("error", "description", "code"),
    [
        ("unmet_authentication_requirements", "", "mfa_missing"),
        ("access_denied", "The user cannot reach the requested Authentication Context Class", "mfa_missing"),
        ("access_denied", "The user denied the consent", "refused_by_provider"),
        ("access_denied", "", "refused_by_provider"),
        ("invalid_scope", "authentication context class", "client_refused"),
    ],
)
def test_anonymous_user_without_the_level_gets_mfa_missing(
    client: Client, token_endpoint: ScriptedServer, error: str, description: str, code: str
) -> None:
    params = begin_step_up(client, "/mfa/")
    assert "acr_values" in params
    answer = finish_sign_in(client, params, code=None, error=error, error_description=description)
    assert (answer.status_code, read_error_code(answer)) == (400, code)
    assert description not in answer.content.decode() or not description


def test_login_without_acr_values_is_never_mfa_missing(client: Client, token_endpoint: ScriptedServer) -> None:
    params = read_query(client.get("/auth/login/")["Location"])
    answer = finish_sign_in(client, params, code=None, error="unmet_authentication_requirements")
    assert read_error_code(answer) == "refused_by_provider"


def test_refusal_of_a_step_up_without_a_level_is_a_refusal(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, auth_time=seconds_ago(400))
    params = begin_step_up(client, "/recent/")
    answer = finish_sign_in(client, params, code=None, error="access_denied")
    assert read_error_code(answer) == "refused_by_provider"


def test_acr_values_of_a_plain_login_are_voluntary(client: Client, token_endpoint: ScriptedServer) -> None:
    params = read_query(client.get("/auth/login/", {"acr_values": LEVEL_4})["Location"])
    assert complete(client, token_endpoint, params).status_code == 302


def test_page_that_never_accepts_the_sign_in_ends_with_a_page(client: Client, token_endpoint: ScriptedServer) -> None:
    """Such as a page behind a middleware that sets another user."""
    sign_in(client)
    url = f"/auth/step-up/?{urlencode({'max_age': 300, 'next': '/other/'})}"
    for _ in range(3):
        complete(client, token_endpoint, read_query(client.get(url)["Location"]))
    answer = client.get(url)
    assert (answer.status_code, read_error_code(answer)) == (400, "sign_in_too_old")


# Another user


def test_mfa_of_another_account_does_not_step_up_the_session(client: Client, token_endpoint: ScriptedServer) -> None:
    """An attacker with alice's session and a second factor of their own becomes mallory, in an empty session."""
    sign_in(client)
    session = client.session
    session["basket"] = "alice's pears"
    session.save()
    complete(client, token_endpoint, begin_step_up(client, "/mfa/"), "mallory", **MFA)
    assert (client.get("/mfa/").content, client.session.get("basket")) == (b"mallory", None)
    stolen = Client()
    stolen.cookies["sessionid"] = session.session_key
    assert username_at(stolen) == "nobody"


@pytest.mark.parametrize(
    "backend", ["django.contrib.auth.backends.ModelBackend", "django_cognito.backends.CognitoBackend"]
)
@pytest.mark.parametrize(("page", "code"), [("/recent/", "sign_in_too_old"), ("/mfa/", "mfa_missing")])
def test_local_password_gets_a_page_before_another_account(client: Client, page: str, code: str, backend: str) -> None:
    """A session without a login of Cognito: of a local password, or of a hijacked user."""
    user = User.objects.create_user("her", password="her own")
    client.force_login(user, backend=backend)
    answer = client.get(client.get(page)["Location"])
    assert (answer.status_code, read_error_code(answer)) == (400, code)
    assert username_at(client) == "her"
    again = next(url for url in answer.content.decode().split('"') if url.startswith("/auth/login/"))
    assert "/oauth2/authorize" in client.get(again.replace("&amp;", "&"))["Location"]


# The URL alone


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_step_up_url_follows_no_foreign_next(client: Client, token_endpoint: ScriptedServer, next_url: str) -> None:
    sign_in(client)
    params = read_query(client.get("/auth/step-up/", {"max_age": 300, "next": next_url})["Location"])
    assert complete(client, token_endpoint, params)["Location"] == "/"


def test_cross_site_request_of_the_step_up_url_changes_nothing(client: Client) -> None:
    sign_in(client)
    before = dict(client.session.items()), client.session.session_key
    answer = client.get("/auth/step-up/?max_age=0", headers={"sec-fetch-site": "cross-site"})
    assert urlsplit(answer["Location"]).path == "/oauth2/authorize"
    assert (dict(client.session.items()), client.session.session_key) == before
    assert client.get("/recent/").content == b"alice"


def test_prompt_of_the_step_up_url_cannot_be_replaced(client: Client) -> None:
    params = read_query(client.get("/auth/step-up/", {"prompt": "select_account"})["Location"])
    assert params["prompt"] == "login"


def test_callback_of_another_browser_steps_nothing_up(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    attacker = Client()
    sign_in(attacker, "mallory")
    params = begin_step_up(attacker, "/mfa/")
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert read_error_code(answer) == "state_unknown"
    assert username_at(client) == "alice"
