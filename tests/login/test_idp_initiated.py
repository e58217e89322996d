"""Sign-in that begins at the identity provider: a code without a state, with IDP_INITIATED. Attacks first."""

import re
import time
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.conf.validators import is_idp_initiated
from django_cognito.login.state import open_state
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import sign_in
from tests.support.scenarios.login import (
    CALLBACK,
    assert_private,
    finish_sign_in,
    read_error_code,
    read_form,
    read_query,
    secret_cookies,
    start_sign_in,
    token_response,
    unchanged,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

CONFIRM = "/auth/confirm/"
MARK = "cognito_idp_initiated_sessionid"
RULE = {"testserver": "AcmeSAML"}
WITHOUT_PROMPT = {"testserver": {"provider": "AcmeSAML", "prompt": ""}}


@pytest.fixture(autouse=True)
def _rule(token_endpoint: ScriptedServer, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDP_INITIATED": RULE}


@pytest.fixture
def without_prompt(_rule: None, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDP_INITIATED": WITHOUT_PROMPT}


def arrive(client: Client, code: str = "a-code-of-the-attacker", **options: Any) -> Any:
    """Open the callback with a code and no state, as the redirect after an unsolicited assertion does."""
    return client.get(CALLBACK, {"code": code}, **options)


def arrive_and_finish(client: Client, server: ScriptedServer, username: str = "alice", **both: Any) -> Any:
    """Follow the restart; the hosted UI then signs `username` in. Return the response to the callback."""
    params = read_query(arrive(client)["Location"])
    server.script(token_response(username, nonce=params["nonce"], both=both))
    return client.get(CALLBACK, {"code": "a-code-of-this-sign-in", "state": params["state"]})


def form_of(page: Any) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page.content.decode())}


# Attacks


@pytest.mark.defends("RP-07")
def test_code_without_a_state_is_never_redeemed(
    client: Client, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unchanged(client, except_state=None):
        Client().get(CALLBACK, {"code": "a-code-of-the-attacker"})
    earlier = time.time() - 60
    with monkeypatch.context() as patch:  # the user takes a minute at the hosted UI
        patch.setattr("django_cognito.login.state.time.time", lambda: earlier)
        params = read_query(arrive(client)["Location"])
    token_endpoint.script(token_response(nonce=params["nonce"]))
    client.get(CALLBACK, {"code": "a-code-of-this-sign-in", "state": params["state"]})
    (request,) = token_endpoint.requests
    assert read_form(request)["code"] == "a-code-of-this-sign-in"
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-07")
def test_earlier_session_at_cognito_signs_no_user_in(client: Client, token_endpoint: ScriptedServer) -> None:
    """The attacker's session at Cognito is used by a hosted UI that ignores `prompt`: `auth_time` is older."""
    page = arrive_and_finish(client, token_endpoint, "mallory", auth_time=int(time.time()) - 60)
    assert (page.status_code, read_error_code(page)) == (400, "sign_in_too_old")
    assert (username_at(client), get_user_model().objects.count()) == ("nobody", 0)
    assert "prompt=login" in page.context["again"]


@pytest.mark.defends("RP-07")
@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("seconds", [-5, 0, 10])
def test_session_just_before_the_restart_signs_no_user_in(
    client: Client, token_endpoint: ScriptedServer, seconds: int
) -> None:
    """The attacker's assertion opens the session a moment before the callback, within the difference of the clocks."""
    page = arrive_and_finish(client, token_endpoint, "mallory", auth_time=int(time.time()) + seconds)
    assert "Continue as mallory (mallory@example.com)?" in page.content.decode()
    assert (username_at(client), get_user_model().objects.count()) == ("nobody", 0)


@pytest.mark.defends("RP-07")
def test_restarted_sign_in_is_bound_to_its_browser(client: Client, token_endpoint: ScriptedServer) -> None:
    attacker = Client()
    params = read_query(arrive(attacker)["Location"])
    page = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert (read_error_code(page), token_endpoint.count, username_at(client)) == ("state_unknown", 0, "nobody")


@pytest.mark.defends("RP-07")
def test_account_without_prompt_is_confirmed_before_the_session(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    """The page names the attacker's account: the victim does not continue."""
    page = arrive_and_finish(client, token_endpoint, "mallory")
    assert page.status_code == 200
    assert "Continue as mallory (mallory@example.com)?" in page.content.decode()
    rows = (Session, CognitoLogin, CognitoUser, get_user_model())
    assert [model._default_manager.count() for model in rows] == [0, 0, 0, 0]
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-07")
def test_unverified_email_is_not_named_by_the_confirmation_page(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    """The attacker writes the victim's name and email into the attacker's account."""
    victims = {"name": "Alice", "email": "alice@example.com", "email_verified": False}
    page = arrive_and_finish(client, token_endpoint, "mallory", **victims)
    assert "<h1>Continue as Alice (mallory)?</h1>" in page.content.decode()


@pytest.mark.defends("RP-07")
@pytest.mark.parametrize("attack", ["without csrf", "another browser", "changed", "no form", "of another cookie"])
def test_confirmation_that_is_not_of_this_browser_is_rejected(
    token_endpoint: ScriptedServer, without_prompt: None, attack: str
) -> None:
    victim, attacker = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    form = form_of(arrive_and_finish(attacker, token_endpoint, "mallory"))
    own_form = form_of(arrive_and_finish(victim, token_endpoint, "alice"))
    token = {"csrfmiddlewaretoken": own_form["csrfmiddlewaretoken"]}
    sealed_id, _, payload = form["sealed"].partition(".")
    posted = {
        "without csrf": {"sealed": own_form["sealed"]},
        "another browser": {**form, **token},
        "changed": {**own_form, "sealed": own_form["sealed"][:-4] + "AAAA"},
        "no form": token,
        "of another cookie": {**token, "sealed": f"{own_form['sealed'].partition('.')[0]}.{payload}"},
    }[attack]
    answer = victim.post(CONFIRM, posted)
    assert answer.status_code == (403 if attack == "without csrf" else 400)
    assert (username_at(victim), CognitoLogin.objects.count(), sealed_id != "") == ("nobody", 0, True)


@pytest.mark.defends("RP-08")
def test_account_is_confirmed_once(client: Client, token_endpoint: ScriptedServer, without_prompt: None) -> None:
    form = form_of(arrive_and_finish(client, token_endpoint))
    assert client.post(CONFIRM, form)["Location"] == "/"
    client.cookies.pop("sessionid")
    assert read_error_code(client.post(CONFIRM, form)) == "state_unknown"
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-08")
def test_confirmation_page_expires_after_five_minutes(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, later = form_of(arrive_and_finish(client, token_endpoint)), time.time() + 301
    monkeypatch.setattr("django_cognito.login.confirmation.time.time", lambda: later)
    assert read_error_code(client.post(CONFIRM, form)) == "state_expired"


def test_confirmation_page_shows_no_token_and_is_private(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    page = arrive_and_finish(client, token_endpoint)
    assert_private(page)
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "eyJ" not in page.content.decode()
    assert "a-refresh-token" not in page.content.decode()


def test_name_cannot_change_the_text_of_the_confirmation_page(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    page = arrive_and_finish(client, token_endpoint, "mallory", name="<b>Al\u202eice\n" + "x" * 500, email=None)
    text = page.content.decode()
    assert "<b>Al" not in text
    assert "\u202e" not in text
    assert "x" * 101 not in text


def test_confirmation_of_another_tenant_is_rejected(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None, settings: Any
) -> None:
    form = form_of(arrive_and_finish(client, token_endpoint))
    settings.COGNITO = {**settings.COGNITO, "CLIENT_ID": "1anotherclient"}
    assert read_error_code(client.post(CONFIRM, form)) == "state_unknown"
    assert username_at(client) == "nobody"


# The restart


def test_restart_has_state_nonce_pkce_and_prompt(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = arrive(client)
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    assert_private(answer)
    params = read_query(answer["Location"])
    assert (params["identity_provider"], params["prompt"]) == ("AcmeSAML", "login")
    assert {"state", "nonce", "code_challenge"} <= params.keys()
    assert "a-code-of-the-attacker" not in answer["Location"]
    pending = open_state(params["state"])
    assert (pending.is_idp_initiated, pending.next_url) == (True, "")
    assert len(secret_cookies(client)) == 1


def test_restart_without_prompt_has_no_prompt(client: Client, without_prompt: None) -> None:
    assert "prompt" not in read_query(arrive(client)["Location"])


def test_confirmed_account_is_signed_in(client: Client, token_endpoint: ScriptedServer, without_prompt: None) -> None:
    page = arrive_and_finish(client, token_endpoint, auth_time=int(time.time()) - 600)
    answer = client.post(CONFIRM, form_of(page))
    assert (answer.status_code, answer["Location"], username_at(client)) == (302, "/", "alice")
    assert secret_cookies(client) == {}
    assert token_endpoint.count == 1


def test_confirmation_of_a_user_signed_in_meanwhile_changes_nothing(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    form = form_of(arrive_and_finish(client, token_endpoint))
    sign_in(client, "bob")
    assert client.post(CONFIRM, form)["Location"] == "/"
    assert (username_at(client), CognitoLogin.objects.count()) == ("bob", 1)


def test_rejected_user_of_a_confirmation_gets_the_failure_page(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None, cognito: Any
) -> None:
    form = form_of(arrive_and_finish(client, token_endpoint))
    cognito(CREATE_USERS=False)
    assert read_error_code(client.post(CONFIRM, form)) == "user_unknown"


def test_browser_is_restarted_once_in_a_minute(client: Client, token_endpoint: ScriptedServer) -> None:
    assert arrive(client).status_code == 302
    mark = client.cookies[MARK]
    assert (mark["max-age"], mark["httponly"], mark["samesite"]) == (60, True, "Lax")
    page = arrive(client)
    assert (page.status_code, read_error_code(page), token_endpoint.count) == (400, "state_missing", 0)
    del client.cookies[MARK]  # after a minute
    assert arrive(client).status_code == 302


def test_signed_in_browser_goes_to_the_page_of_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "bob")
    answer = arrive(client)
    assert (answer["Location"], username_at(client), token_endpoint.count) == ("/", "bob", 0)
    assert secret_cookies(client) == {}


@pytest.mark.parametrize(
    ("rules", "host", "is_restarted"),
    [
        ({}, "testserver", False),
        ({"other.example.com": "AcmeSAML"}, "testserver", False),
        ({"TestServer": "AcmeSAML"}, "testserver", True),
        ({"localhost": "AcmeSAML"}, "localhost:8000", True),
        ({"localhost:8000": "AcmeSAML"}, "localhost:8000", True),
        ({"localhost:8000": "AcmeSAML"}, "localhost:9000", False),
    ],
)
def test_rule_is_that_of_the_host(client: Client, cognito: Any, rules: Any, host: str, is_restarted: bool) -> None:
    cognito(IDP_INITIATED=rules)
    assert arrive(client, headers={"host": host}).status_code == (302 if is_restarted else 400)


@pytest.mark.parametrize("query", ["code=a&state=", "code=a&state=forged", "error=access_denied", "", "code="])
def test_other_callbacks_without_a_valid_state_are_not_restarted(client: Client, query: str) -> None:
    answer = client.get(f"{CALLBACK}?{query}")
    expected = 302 if query == "code=" else 400
    assert (answer.status_code, MARK in answer.cookies) == (expected, expected == 302)


def test_script_is_not_restarted(client: Client) -> None:
    assert arrive(client, headers={"sec-fetch-mode": "cors"}).status_code == 400


def test_host_without_a_tenant_is_not_restarted(client: Client, cognito: Any) -> None:
    cognito(POOL_RESOLVER=lambda request: "umbrella")
    assert arrive(client).status_code == 400


def test_retry_of_a_restarted_sign_in_is_still_idp_initiated(client: Client, without_prompt: None) -> None:
    params = read_query(arrive(client)["Location"])
    already = {"error": "invalid_request", "error_description": "Already found an entry for username acmesaml_1"}
    answer = finish_sign_in(client, params, code=None, **already)
    assert open_state(read_query(answer["Location"])["state"]).needs_confirmation


def test_sign_in_of_the_site_needs_no_confirmation(
    client: Client, token_endpoint: ScriptedServer, without_prompt: None
) -> None:
    params = start_sign_in(client, identity_provider="AcmeSAML")
    token_endpoint.script(token_response(nonce=params["nonce"]), Answer())
    assert finish_sign_in(client, params)["Location"] == "/"


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [
        ({}, True),
        (RULE, True),
        (WITHOUT_PROMPT, True),
        ({"a.example.com": {"provider": "Acme", "prompt": "login"}}, True),
        ({"a.example.com": {"provider": "Acme"}}, True),
        ({"a.example.com": {"provider": "Acme", "prompt": "none"}}, False),
        ({"a.example.com": {"provider": ""}}, False),
        ({"a.example.com": {"prompt": ""}}, False),
        ({"a.example.com": {"provider": "Acme", "next": "/"}}, False),
        ({"https://a.example.com/": "Acme"}, False),
        ({"a.example.com": ["Acme"]}, False),
        ({"": "Acme"}, False),
        (["a.example.com"], False),
        ("Acme", False),
    ],
)
def test_rules_of_idp_initiated_are_validated(value: Any, is_valid: bool) -> None:
    assert is_idp_initiated(value) is is_valid
