"""Feature requests that other packages have not met, by their number in our list.

The list was collected from public issue threads: 9 several pools, 14 a native and a federated account, 18 scripts, tabs
and forms when the tokens are refreshed, 22 kinds of sign-out, 23 the nonce of a first federated sign-in, 25 failures
with their reason.
"""

import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.signals import sign_in_failed
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer
from tests.support.scenarios.login import (
    create_login,
    finish_sign_in,
    read_form,
    read_query,
    refusal,
    secret_cookies,
    start_sign_in,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


@pytest.fixture(autouse=True)
def _hosted_ui(token_endpoint: ScriptedServer, settings: Any) -> None:
    """Use the scripted server as the hosted UI and the AWS API in each test."""
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}


def code_of(answer: Any) -> str:
    return str(answer.context["code"])


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_feature_9_pool_of_a_token_is_selected_by_its_exact_issuer(client: Client, settings: Any, alias: str) -> None:
    pools = {
        "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"},
        "zen": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"},
    }
    settings.COGNITO = {"POOLS": pools}
    assert client.get("/who/", headers=bearer(make_token(alias=alias))).content == b"alice"
    assert CognitoUser.objects.get().user_pool_id == pools[alias]["USER_POOL_ID"]
    token_of_unknown_pool = make_token(
        alias=alias, iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1x"
    )
    assert client.get("/who/", headers=bearer(token_of_unknown_pool)).status_code == 401


def link(client: Client, server: ScriptedServer, username: str) -> Any:
    """Link the account `username` to the signed-in user, as the form of the page does."""
    params = read_query(client.post("/auth/link/", {"identity_provider": "Google", "next": "/who/"})["Location"])
    assert (params["prompt"], params["identity_provider"]) == ("login", "Google")
    server.script(token_response(username, nonce=params["nonce"]), Answer())
    return finish_sign_in(client, params)


def test_feature_14_native_and_federated_account_are_linked(client: Client, token_endpoint: ScriptedServer) -> None:
    alice = sign_in(client, "alice")
    assert link(client, token_endpoint, "google_1234")["Location"] == "/who/"
    assert username_at(client) == "alice"
    assert get_user_model().objects.get() == alice
    assert sign_in(Client(), "google_1234") == alice


def test_feature_14_account_of_another_user_is_not_linked(client: Client, token_endpoint: ScriptedServer) -> None:
    bob = sign_in(Client(), "bob")
    sign_in(client, "alice")
    answer = link(client, token_endpoint, "bob")
    assert (answer.status_code, code_of(answer)) == (403, "linked_elsewhere")
    assert CognitoUser.objects.get(username="bob").user == bob
    assert username_at(client) == "alice"


def test_feature_14_link_started_by_another_user_is_interrupted(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice")
    params = read_query(client.post("/auth/link/")["Location"])
    sign_in(client, "carol")  # in another tab
    token_endpoint.script(token_response("google_1234", nonce=params["nonce"]))
    answer = finish_sign_in(client, params)
    assert code_of(answer) == "link_interrupted"
    assert not CognitoUser.objects.filter(username="google_1234").exists()


def test_feature_14_earlier_hosted_ui_session_links_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    """The session may be an attacker's, planted in this browser: a link would give them this account."""
    sign_in(client, "alice")
    params = read_query(client.post("/auth/link/")["Location"])
    earlier = {"auth_time": int(time.time()) - 60}
    token_endpoint.script(token_response("mallory", nonce=params["nonce"], both=earlier))
    answer = finish_sign_in(client, params)
    assert (answer.status_code, code_of(answer)) == (400, "sign_in_too_old")
    assert not CognitoUser.objects.filter(username="mallory").exists()


def test_feature_14_link_needs_user_post_and_csrf_token(client: Client) -> None:
    assert client.post("/auth/link/")["Location"].startswith("/auth/login/")
    assert client.get("/auth/link/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, "alice")
    assert strict.post("/auth/link/").status_code == 403


def test_feature_14_last_linked_account_cannot_be_unlinked(client: Client, token_endpoint: ScriptedServer) -> None:
    alice = sign_in(client, "alice")
    link(client, token_endpoint, "google_1234")
    first, second = alice.cognito_users.order_by("pk")
    assert client.post(f"/auth/unlink/{first.pk}/", {"next": "/who/"})["Location"] == "/who/"
    answer = client.post(f"/auth/unlink/{second.pk}/")
    assert (answer.status_code, code_of(answer)) == (400, "last_way_in")
    assert "Sign in again" not in answer.content.decode()
    assert code_of(client.post(f"/auth/unlink/{first.pk}/")) == "not_linked"
    assert list(alice.cognito_users.all()) == [second]


@pytest.mark.parametrize("method", ["get", "post"])
def test_feature_18_form_and_script_requests_refresh_the_tokens(
    client: Client, token_endpoint: ScriptedServer, method: str
) -> None:
    login = create_login(client, ends_in=-1)
    login.cognito_user.user.user_permissions.add(Permission.objects.get(codename="change_group"))
    token_endpoint.script(token_response(refresh_token="the next one"))
    answer = getattr(client, method)("/groups/", headers={"Sec-Fetch-Mode": "cors"})
    assert (answer.status_code, answer.content) == (200, b"changed")
    assert read_form(token_endpoint.requests[0])["grant_type"] == "refresh_token"


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Mode": "same-origin"}, {"X-Requested-With": "XMLHttpRequest"}]
)
def test_feature_18_script_with_an_expired_session_gets_401(
    client: Client, token_endpoint: ScriptedServer, headers: dict[str, str]
) -> None:
    create_login(client, ends_in=-1)
    token_endpoint.script(refusal("invalid_grant"))
    answer = client.get("/mine/", headers=headers, follow=True)
    assert answer.redirect_chain == []
    assert (answer.status_code, answer.json()["code"]) == (401, "login_ended")
    assert secret_cookies(client) == {}


def test_feature_18_navigation_to_login_redirects_to_the_hosted_ui(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    answer = client.get("/auth/login/", headers={"Sec-Fetch-Mode": "navigate"})
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")


def test_feature_18_two_tabs_sign_in_and_return_to_their_own_pages(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    tabs = {page: start_sign_in(client, next=page) for page in ("/who/", "/mine/")}
    for page, params in tabs.items():
        token_endpoint.script(token_response(nonce=params["nonce"]), Answer())
        assert finish_sign_in(client, params)["Location"] == page


def paths(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests]


def test_feature_22_sign_out_revokes_and_redirects_to_cognito_logout(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    create_login(client)
    answer = client.post("/auth/logout/")
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert paths(token_endpoint) == ["/oauth2/revoke"]
    assert (username_at(client), CognitoLogin.objects.count()) == ("nobody", 0)


def test_feature_22_sign_out_here_stays_on_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    assert client.post("/auth/logout/", {"where": "here"})["Location"] == "http://testserver/"
    assert paths(token_endpoint) == ["/oauth2/revoke"]
    assert username_at(client) == "nobody"


def test_feature_22_sign_out_everywhere_ends_all_logins_of_the_user(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    phone_browser, bobs_browser = Client(), Client()
    create_login(phone_browser), create_login(bobs_browser, "bob"), create_login(client)
    client.post("/auth/logout/", {"where": "everywhere"})
    assert [username_at(browser) for browser in (client, phone_browser, bobs_browser)] == ["nobody", "nobody", "bob"]
    (request,) = token_endpoint.requests  # GlobalSignOut ends all refresh tokens, so there is no revocation
    assert request.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GlobalSignOut"


@pytest.mark.parametrize(
    "answer", [json_answer({"__type": "NotAuthorizedException"}, 400), Answer(500)], ids=["refused", "down"]
)
def test_feature_22_sign_out_everywhere_is_local_if_cognito_fails(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    phone_browser = Client()
    create_login(phone_browser), create_login(client)
    token_endpoint.script(answer)
    client.post("/auth/logout/", {"where": "everywhere"})
    assert [username_at(browser) for browser in (client, phone_browser)] == ["nobody"] * 2
    assert "Signed out of this site" in caplog.text


def test_feature_22_get_request_does_not_sign_out(client: Client) -> None:
    sign_in(client, "alice")
    client.get("/auth/logout/?where=everywhere")
    assert username_at(client) == "alice"


def test_feature_23_federated_sign_in_needs_the_nonce_that_was_sent(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    params = start_sign_in(client, identity_provider="Google")
    token_endpoint.script(token_response("google_1234", nonce="one of Cognito's own making"))
    assert code_of(finish_sign_in(client, params)) == "nonce_mismatch"
    params = start_sign_in(client, identity_provider="Google")
    token_endpoint.script(token_response("google_1234", nonce=params["nonce"]))
    finish_sign_in(client, params)
    assert username_at(client) == "google_1234"


def test_feature_25_failure_reason_is_on_page_in_log_and_signal(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    codes: list[str] = []

    def receive(code: str, **_: Any) -> None:
        codes.append(code)

    sign_in_failed.connect(receive)
    try:
        token_endpoint.script(refusal("invalid_grant"))
        answer = finish_sign_in(client, start_sign_in(client))
    finally:
        sign_in_failed.disconnect(receive)
    assert "<code>invalid_grant</code>" in answer.content.decode()
    assert "email_verified" in caplog.text
    assert "email_verified" not in answer.content.decode()
    assert codes == ["invalid_grant"]
