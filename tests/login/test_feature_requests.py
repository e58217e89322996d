"""What users of other packages ask for in vain, each wish by the number that the list of them has.

The list was read from their public threads: 9 several pools, 14 a native and a federated account, 18 scripts, tabs and
forms when a session renews, 22 ways to sign out, 23 the nonce of a first federated sign-in, 25 failures that say why.
"""

import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.signals import sign_in_failed
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer
from tests.support.login_scenario import (
    begin,
    come_back,
    form_of,
    login_of,
    query_of,
    refusal,
    secret_cookies,
    token_answer,
    who,
)
from tests.support.scripted_server import Answer, ScriptedServer, json_answer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


@pytest.fixture(autouse=True)
def _hosted_ui(token_endpoint: ScriptedServer, settings: Any) -> None:
    """Every test has one, whose API is at the same address."""
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}


def code_of(answer: Any) -> str:
    return str(answer.context["code"])


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_wish_9_each_of_several_pools_is_found_by_the_exact_issuer_of_the_token(
    client: Client, settings: Any, alias: str
) -> None:
    pools = {
        "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"},
        "zen": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"},
    }
    settings.COGNITO = {"POOLS": pools}
    assert client.get("/who/", headers=bearer(make_token(alias=alias))).content == b"alice"
    assert CognitoUser.objects.get().user_pool_id == pools[alias]["USER_POOL_ID"]
    stranger = make_token(alias=alias, iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1x")
    assert client.get("/who/", headers=bearer(stranger)).status_code == 401


def link(client: Client, server: ScriptedServer, username: str) -> Any:
    """Link a further account to whoever is signed in, by the form of the page; it comes back as `username`."""
    asked = query_of(client.post("/auth/link/", {"identity_provider": "Google", "next": "/who/"})["Location"])
    assert (asked["prompt"], asked["identity_provider"]) == ("login", "Google")
    server.script(token_answer(username, nonce=asked["nonce"]), Answer())
    return come_back(client, asked)


def test_wish_14_a_native_and_a_federated_account_become_one_user_by_signing_in_as_both(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    alice = sign_in(client, "alice")
    assert link(client, token_endpoint, "google_1234")["Location"] == "/who/"
    assert who(client) == "alice"
    assert get_user_model().objects.get() == alice
    assert sign_in(Client(), "google_1234") == alice


def test_wish_14_an_account_that_is_somebody_elses_stays_theirs(client: Client, token_endpoint: ScriptedServer) -> None:
    bob = sign_in(Client(), "bob")
    sign_in(client, "alice")
    answer = link(client, token_endpoint, "bob")
    assert (answer.status_code, code_of(answer)) == (403, "linked_elsewhere")
    assert CognitoUser.objects.get(username="bob").user == bob
    assert who(client) == "alice"


def test_wish_14_only_who_began_to_link_an_account_gets_it(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice")
    asked = query_of(client.post("/auth/link/")["Location"])
    sign_in(client, "carol")  # in another tab
    token_endpoint.script(token_answer("google_1234", nonce=asked["nonce"]))
    answer = come_back(client, asked)
    assert code_of(answer) == "link_interrupted"
    assert not CognitoUser.objects.filter(username="google_1234").exists()


def test_wish_14_a_session_at_cognito_from_before_links_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    """It may be somebody else's: an attacker's, put into this browser, would open this account to them."""
    sign_in(client, "alice")
    asked = query_of(client.post("/auth/link/")["Location"])
    earlier = {"auth_time": int(time.time()) - 60}
    token_endpoint.script(token_answer("mallory", nonce=asked["nonce"], both=earlier))
    answer = come_back(client, asked)
    assert (answer.status_code, code_of(answer)) == (400, "sign_in_too_old")
    assert not CognitoUser.objects.filter(username="mallory").exists()


def test_wish_14_a_visitor_links_nothing_and_no_other_site_makes_one_link(client: Client) -> None:
    assert client.post("/auth/link/")["Location"].startswith("/auth/login/")
    assert client.get("/auth/link/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, "alice")
    assert strict.post("/auth/link/").status_code == 403


def test_wish_14_an_account_is_unlinked_but_for_the_last_way_in(client: Client, token_endpoint: ScriptedServer) -> None:
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
def test_wish_18_a_session_renews_behind_a_form_and_a_script(
    client: Client, token_endpoint: ScriptedServer, method: str
) -> None:
    login = login_of(client, ends_in=-1)
    login.cognito_user.user.user_permissions.add(Permission.objects.get(codename="change_group"))
    token_endpoint.script(token_answer(refresh_token="the next one"))
    answer = getattr(client, method)("/groups/", headers={"Sec-Fetch-Mode": "cors"})
    assert (answer.status_code, answer.content) == (200, b"changed")
    assert form_of(token_endpoint.requests[0])["grant_type"] == "refresh_token"


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Mode": "cors"}, {"Sec-Fetch-Mode": "same-origin"}, {"X-Requested-With": "XMLHttpRequest"}]
)
def test_wish_18_a_script_whose_session_has_ended_is_told_so_instead_of_being_sent_to_another_site(
    client: Client, token_endpoint: ScriptedServer, headers: dict[str, str]
) -> None:
    login_of(client, ends_in=-1)
    token_endpoint.script(refusal("invalid_grant"))
    answer = client.get("/mine/", headers=headers, follow=True)
    assert answer.redirect_chain == [("/auth/login/?next=/mine/", 302)]
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert secret_cookies(client) == {}


def test_wish_18_a_page_is_sent_to_sign_in(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = client.get("/auth/login/", headers={"Sec-Fetch-Mode": "navigate"})
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")


def test_wish_18_two_tabs_sign_in_at_once_each_to_its_page(client: Client, token_endpoint: ScriptedServer) -> None:
    tabs = {page: begin(client, next=page) for page in ("/who/", "/mine/")}
    for page, asked in tabs.items():
        token_endpoint.script(token_answer(nonce=asked["nonce"]), Answer())
        assert come_back(client, asked)["Location"] == page


def paths(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests]


def test_wish_22_a_sign_out_revokes_first_and_goes_through_cognitos_own(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login_of(client)
    answer = client.post("/auth/logout/")
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert paths(token_endpoint) == ["/oauth2/revoke"]
    assert (who(client), CognitoLogin.objects.count()) == ("nobody", 0)


def test_wish_22_a_sign_out_here_leaves_cognitos_own_session_alone(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login_of(client)
    assert client.post("/auth/logout/", {"where": "here"})["Location"] == "http://testserver/"
    assert paths(token_endpoint) == ["/oauth2/revoke"]
    assert who(client) == "nobody"


def test_wish_22_a_sign_out_everywhere_ends_all_logins_of_the_person_and_of_nobody_else(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    phone, bobs = Client(), Client()
    login_of(phone), login_of(bobs, "bob"), login_of(client)
    client.post("/auth/logout/", {"where": "everywhere"})
    assert [who(each) for each in (client, phone, bobs)] == ["nobody", "nobody", "bob"]
    (asked,) = token_endpoint.requests  # it ends every refresh token, so that none is revoked by itself
    assert asked.headers["x-amz-target"] == "AWSCognitoIdentityProviderService.GlobalSignOut"


@pytest.mark.parametrize(
    "answer", [json_answer({"__type": "NotAuthorizedException"}, 400), Answer(500)], ids=["refused", "down"]
)
def test_wish_22_a_sign_out_everywhere_signs_out_here_whatever_cognito_says(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    phone = Client()
    login_of(phone), login_of(client)
    token_endpoint.script(answer)
    client.post("/auth/logout/", {"where": "everywhere"})
    assert [who(each) for each in (client, phone)] == ["nobody"] * 2
    assert "Signed out of this site" in caplog.text


def test_wish_22_nobody_is_signed_out_by_a_link(client: Client) -> None:
    sign_in(client, "alice")
    client.get("/auth/logout/?where=everywhere")
    assert who(client) == "alice"


def test_wish_23_a_nonce_is_always_sent_and_a_first_federated_sign_in_is_held_to_it(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    asked = begin(client, identity_provider="Google")
    token_endpoint.script(token_answer("google_1234", nonce="one of Cognito's own making"))
    assert code_of(come_back(client, asked)) == "nonce_mismatch"
    asked = begin(client, identity_provider="Google")
    token_endpoint.script(token_answer("google_1234", nonce=asked["nonce"]))
    come_back(client, asked)
    assert who(client) == "google_1234"


def test_wish_25_a_failure_says_why_to_the_person_the_operator_and_a_receiver(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def hear(code: str, **_: Any) -> None:
        told.append(code)

    sign_in_failed.connect(hear)
    try:
        token_endpoint.script(refusal("invalid_grant"))
        answer = come_back(client, begin(client))
    finally:
        sign_in_failed.disconnect(hear)
    assert "<code>invalid_grant</code>" in answer.content.decode()
    assert "email_verified" in caplog.text
    assert "email_verified" not in answer.content.decode()
    assert told == ["invalid_grant"]
