"""Pending sign-ins through the views: the order of the callback's checks, use once, and what a browser carries."""

import json
import sys
import time
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.urls import path as url_path
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.base64url import decode_base64url, encode_base64url
from django_cognito.encryption import decrypt
from django_cognito.login import state
from django_cognito.login.state import new_secret, open_state, seal_state
from django_cognito.models import CognitoUser
from django_cognito.testing import sign_in
from tests.support.error_reports import report_of
from tests.support.scenarios.login import (
    CALLBACK,
    finish_sign_in,
    post_logout,
    read_error_code,
    read_query,
    refusal,
    reseal,
    secret_cookie,
    secret_cookies,
    start_sign_in,
    take_snapshot,
    token_response,
    unchanged,
    username_at,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("token_endpoint"),
]

urlpatterns = [url_path("admin/", admin.site.urls)]  # of an API without the login URLs

ALREADY = {"code": None, "error": "invalid_request"}
ALREADY["error_description"] = "Already found an entry for username google_104857600000000000001"


def copy_of(client: Client) -> Client:
    """Return a browser with the same cookies; later cookies of one do not reach the other."""
    other = Client()
    other.cookies.load({name: cookie.value for name, cookie in client.cookies.items()})
    return other


def tabs_at_once(client: Client, count: int, **options: Any) -> list[dict[str, str]]:
    """Start `count` sign-ins at once: no request carries the cookie of another one."""
    before, params_of_tabs = copy_of(client), []
    for number in range(count):
        tab = copy_of(before)
        next_url = f"/issues/?project=fieldnotes&status=open&assignee=me&sort=-changed&page={number}"
        params_of_tabs.append(read_query(tab.get("/auth/login/", {"next": next_url}, **options)["Location"]))
        client.cookies.update(tab.cookies)
    return params_of_tabs


def cookie_header(client: Client) -> str:
    return "; ".join(f"{name}={cookie.coded_value}" for name, cookie in client.cookies.items() if cookie.value)


# No session, no row


def test_anonymous_requests_create_no_session_row_and_no_cookie(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    navigation_headers = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for number in range(10):
        answers = [
            Client().get("/auth/login/", {"next": f"/notes/{number}/"}),
            Client().get("/auth/sign-up/"),
            Client().get("/open/", headers=navigation_headers),
            (silent := Client()).get("/open/", headers=navigation_headers),
        ]
        answers.append(silent.get(answers[-1]["Location"]))
        params = read_query(answers[-1]["Location"])
        answers.append(silent.get(CALLBACK, {"state": params["state"], "error": "login_required"}))
        answers.append(Client().get(CALLBACK, {"state": params["state"], "code": "a-code"}))  # of another browser
        assert [answer.status_code for answer in answers] == [302] * 6 + [400]
        assert not [answer for answer in answers if settings.SESSION_COOKIE_NAME in answer.cookies]
    assert Session.objects.count() == 0


def test_forty_tabs_at_once_all_sign_in_with_a_short_cookie_header(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    tabs = tabs_at_once(client, 40, secure=True)
    assert len(cookie_header(client)) <= 3_240
    numbers = range(0, 40, 3)  # of the tabs that come back: the first, the last and twelve others
    for number in numbers:
        token_endpoint.script(token_response(nonce=tabs[number]["nonce"]), Answer())
        answer = client.get(CALLBACK, {"code": "a-code", "state": tabs[number]["state"]}, secure=True)
        assert answer["Location"].endswith(f"page={number}")
    others = {secret_cookie(params["state"], "__Host-") for number, params in enumerate(tabs) if number not in numbers}
    assert (set(secret_cookies(client)), username_at(client)) == (others, "alice")
    assert token_endpoint.count == 14 + 13  # each code once; each earlier login was revoked


def test_state_has_no_redirect_uri(client: Client) -> None:
    sign_in_id, _, payload = start_sign_in(client, next="/mine/")["state"].partition(".")
    purpose = b"django_cognito.login.state"
    plaintext = decrypt(decode_base64url(payload), associated_data=sign_in_id.encode(), purpose=purpose)
    assert b"/mine/" in plaintext
    assert b"callback" not in plaintext
    assert json.loads(plaintext)[0] == 3


def test_redirect_uri_is_computed_again_at_the_callback(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client)
    client.cookies["cognito_sign_in_x"] = ""
    other = Client(headers={"host": "localhost"})
    other.cookies = client.cookies
    token_endpoint.script(refusal())
    assert read_error_code(finish_sign_in(other, params)) == "invalid_grant"  # Cognito compares it
    assert b"redirect_uri=http%3A%2F%2Flocalhost%2Fauth%2Fcallback%2F" in token_endpoint.requests[0].body


# The cookie


@pytest.mark.parametrize(
    ("is_secure", "changes", "prefix", "expected"),
    [
        (True, {}, "__Host-", ("/", "", True)),
        (True, {"SESSION_COOKIE_PATH": "/site/"}, "__Host-", ("/", "", True)),
        (
            True,
            {"SESSION_COOKIE_DOMAIN": "testserver", "SESSION_COOKIE_SECURE": True},
            "",
            ("/auth", "testserver", True),
        ),
        (True, {"SESSION_COOKIE_DOMAIN": "testserver"}, "", ("/auth", "testserver", False)),
        (False, {}, "", ("/auth", "", False)),
        (False, {"SESSION_COOKIE_SECURE": True}, "", ("/auth", "", True)),
    ],
)
def test_pending_sign_in_cookie_has_its_attributes(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    is_secure: bool,
    changes: dict[str, Any],
    prefix: str,
    expected: tuple[str, str, bool],
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    answer = client.get("/auth/login/", secure=is_secure)
    params = read_query(answer["Location"])
    ((name, cookie),) = answer.cookies.items()
    assert name == secret_cookie(params["state"], prefix)
    assert len(cookie.value) == 43
    assert open_state(params["state"]).has_secret(decode_base64url(cookie.value))
    assert (cookie["path"], cookie["domain"], bool(cookie["secure"])) == expected
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 900)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]}, secure=is_secure)
    deleted_cookie = answer.cookies[name]
    assert (answer.status_code, deleted_cookie.value, deleted_cookie["max-age"]) == (302, "", 0)
    assert (deleted_cookie["path"], deleted_cookie["domain"], bool(deleted_cookie["secure"])) == expected


@pytest.mark.defends("RP-07")
def test_cookie_that_a_subdomain_could_set_is_not_accepted_on_https(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    attacker = Client()
    params = read_query(attacker.get("/auth/login/", secure=True)["Location"])
    planted_cookie = attacker.cookies[secret_cookie(params["state"], "__Host-")].value
    client.cookies[secret_cookie(params["state"])] = planted_cookie
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]}, secure=True)
    assert (answer.status_code, read_error_code(answer), token_endpoint.count) == (400, "state_unknown", 0)


@pytest.mark.defends("RP-07")
@pytest.mark.parametrize("space", ["\u2000", "\u00a0", "\u0085", "\x1f"])
def test_cookie_with_white_space_before_its_prefix_is_not_accepted(
    client: Client, token_endpoint: ScriptedServer, space: str
) -> None:
    attacker = Client()
    params = read_query(attacker.get("/auth/login/", secure=True)["Location"])
    name = secret_cookie(params["state"], "__Host-")
    planted_cookie = f"{space}{name}={attacker.cookies[name].value}".encode().decode("latin-1")  # WSGI: bytes as text
    query, headers = {"code": "a-code", "state": params["state"]}, {"cookie": f"a=1; {planted_cookie}; b=2"}
    answer = client.get(CALLBACK, query, headers=headers, secure=True)
    assert (answer.status_code, read_error_code(answer), token_endpoint.count) == (400, "state_unknown", 0)


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize("value", ["", "forged", "A" * 43, "\x00", "ä", "other"])
def test_cookie_with_another_secret_is_no_cookie(client: Client, token_endpoint: ScriptedServer, value: str) -> None:
    params, other = start_sign_in(client), start_sign_in(client)
    if value == "other":
        value = client.cookies[secret_cookie(other["state"])].value
    client.cookies[secret_cookie(params["state"])] = value
    before = take_snapshot(client)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"
    assert take_snapshot(client) == before  # a cookie that does not match is not deleted
    assert token_endpoint.count == 0


# The callback's checks, in their order


def faults() -> dict[str, Any]:
    """Return the possible faults by code, in the order of the checks."""
    return {
        "state_unknown": None,  # no cookie
        "state_expired": {"started_at": int(time.time()) - 901},
        "state_unknown of a client": {"client_id": "another"},
        "wrong_issuer": {"iss": "https://op.invalid/"},
        "refused_by_provider": {"error": "access_denied"},
    }


@pytest.mark.defends("RP-01", "RP-02", "RP-09")
@pytest.mark.parametrize("first", range(5))
def test_first_fault_in_order_decides_and_no_request_is_sent(
    client: Client, token_endpoint: ScriptedServer, first: int
) -> None:
    code, params = list(faults())[first], start_sign_in(client)
    query: dict[str, str] = {}
    for name, changes in list(faults().items())[first:]:
        if name in ("state_expired", "state_unknown of a client"):
            params = reseal(client, params, **changes)
        elif changes:
            query |= changes
    if code == "state_unknown":
        client.cookies.clear()
    assert read_error_code(finish_sign_in(client, params, **query)) == code.partition(" ")[0]
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01")
def test_state_of_more_than_1536_characters_is_unknown(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client, next="/" + "a" * 700)
    assert len(params["state"]) < 1_536
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state, "_MAX_CHARS", 10_000)
        params = reseal(client, params, next_url="/" + "a" * 1_500)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"
    assert token_endpoint.count == 0


@pytest.mark.parametrize("chars", [500, 3_000])
def test_next_that_is_too_long_is_ignored(client: Client, token_endpoint: ScriptedServer, chars: int) -> None:
    page = "/notes/?q=" + "a" * chars
    params = start_sign_in(client, next=page)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params)["Location"] == (page if chars == 500 else "/")
    assert len(params["state"]) <= 1_536


def test_parameter_that_is_too_long_is_invalid_parameter(client: Client) -> None:
    answer = client.get("/auth/login/", {"acr_values": "a" * 1_000})
    assert (answer.status_code, read_error_code(answer)) == (400, "invalid_parameter")
    assert secret_cookies(client) == {}


def test_sign_in_of_the_former_release_may_start_again(client: Client, token_endpoint: ScriptedServer) -> None:
    session = client.session
    former_sign_in = {
        "nonce": "n",
        "code_verifier": "v",
        "redirect_uri": "http://testserver/auth/callback/",
        "next_url": "/a/",
    }
    state_of_43 = "R4nd0m-_5tate0f43charactersasthelastonemade"
    session["_cognito_sign_ins"] = {state_of_43: {**former_sign_in, "alias": "default", "begun_at": time.time()}}
    session["_cognito_silent_at"] = time.time()
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.cookies["cognito_sign_in_0123456789abcdef"] = "signed:by:the-former-release"
    answer = client.get(CALLBACK, {"code": "a-code", "state": state_of_43})
    assert (answer.status_code, read_error_code(answer), token_endpoint.count) == (400, "state_unknown", 0)
    assert ">Start again</a>" in answer.content.decode()
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302


# Used once


OUTCOMES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "signed in": (None, {}, 302),
    "refused by Cognito": (refusal(), {}, 400),
    "outage": (Answer(500), {}, 503),
    "error": (None, {"code": None, "error": "access_denied"}, 400),
    "trouble at the provider": (None, {"code": None, "error": "server_error"}, 503),
    "another issuer": (None, {"iss": "https://op.invalid/"}, 400),
    "no code": (None, {"code": None}, 400),
    "retried": (None, ALREADY, 302),
    "no user at Cognito": (None, {"code": None, "error": "login_required"}, 400),
}


@pytest.mark.defends("RP-08")
@pytest.mark.parametrize(("answer", "query", "status"), OUTCOMES.values(), ids=OUTCOMES)
def test_each_response_deletes_the_cookie_of_its_state_only(
    client: Client, token_endpoint: ScriptedServer, answer: Any, query: dict[str, Any], status: int
) -> None:
    other, params = start_sign_in(client), start_sign_in(client)
    token_endpoint.script(answer or token_response(nonce=params["nonce"]))
    response = finish_sign_in(client, params, **query)
    assert response.status_code == status
    assert secret_cookie(params["state"]) not in secret_cookies(client)
    assert secret_cookie(other["state"]) in secret_cookies(client)


@pytest.mark.defends("RP-08")
@pytest.mark.parametrize("changes", [{"started_at": 1}, {"client_id": "another"}, {"alias": "gone"}])
def test_response_to_an_invalidated_state_deletes_its_cookie(client: Client, changes: dict[str, Any]) -> None:
    params = reseal(client, start_sign_in(client), **changes)
    assert finish_sign_in(client, params).status_code == 400
    assert secret_cookies(client) == {}


@pytest.mark.defends("RP-08")
@pytest.mark.parametrize("place", ["get_or_create_user", "verify", "start_login"])
@pytest.mark.parametrize("is_async", [False, True])
def test_server_error_deletes_the_cookie_too(
    token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch, place: str, is_async: bool
) -> None:
    client = Client(raise_request_exception=False)
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the site's own fault")

    monkeypatch.setattr(f"django_cognito.login.flow.{place}", fail)
    if is_async:
        answer = _request_async_callback(client, params)
    else:
        answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert (answer.status_code, answer.cookies[secret_cookie(params["state"])].value) == (500, "")


def _request_async_callback(client: Client, params: dict[str, str]) -> Any:
    from asgiref.sync import async_to_sync
    from django.test import AsyncClient

    browser = AsyncClient(raise_request_exception=False)
    browser.cookies = client.cookies
    return async_to_sync(browser.get)(CALLBACK, {"code": "a-code", "state": params["state"]})


def test_two_identical_callbacks_at_once_both_request_tokens(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client)
    other = copy_of(client)
    token_endpoint.script(token_response(nonce=params["nonce"]), refusal())
    assert finish_sign_in(client, params).status_code == 302
    assert read_error_code(finish_sign_in(other, params)) == "invalid_grant"
    assert (username_at(client), username_at(other), token_endpoint.count) == ("alice", "nobody", 2)


# Loaded again


def complete(client: Client, server: ScriptedServer, username: str = "alice", **query: str) -> dict[str, str]:
    params = start_sign_in(client, **query)
    server.script(token_response(username, nonce=params["nonce"]), Answer())
    assert finish_sign_in(client, params).status_code == 302
    return params


@pytest.mark.defends("RP-08")
def test_completed_callback_loaded_again_is_a_redirect(client: Client, token_endpoint: ScriptedServer) -> None:
    params = complete(client, token_endpoint, next="/mine/")
    before, count = take_snapshot(client), token_endpoint.count
    for query in ({"code": "a-code"}, {"code": "another"}, {"error": "access_denied"}, {"iss": "https://op.invalid"}):
        answer = client.get(CALLBACK, {"state": params["state"], **query})
        assert (answer.status_code, answer["Location"]) == (302, "/")  # not `next`: the browser has been on that page
    assert (take_snapshot(client), token_endpoint.count, username_at(client)) == (before, count, "alice")


@pytest.mark.defends("RP-08")
def test_completed_callback_after_the_sign_out_is_unknown(client: Client, token_endpoint: ScriptedServer) -> None:
    params = complete(client, token_endpoint)
    post_logout(client)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-08")
def test_completed_callback_of_a_session_without_its_user_is_unknown(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    params = complete(client, token_endpoint)
    get_user_model().objects.update(is_active=False)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"


@pytest.mark.defends("RP-07", "RP-08")
@pytest.mark.parametrize("is_signed_in", [False, True])
def test_completed_callback_is_unknown_in_another_browser(
    client: Client, token_endpoint: ScriptedServer, is_signed_in: bool
) -> None:
    params = complete(Client(), token_endpoint)
    if is_signed_in:
        complete(client, token_endpoint, "bob")
    with unchanged(client):
        assert read_error_code(finish_sign_in(client, params)) == "state_unknown"


def test_state_without_its_cookie_is_unknown_to_a_signed_in_user_too(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    complete(client, token_endpoint)
    params = start_sign_in(client)
    del client.cookies[secret_cookie(params["state"])]
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"


def test_session_stores_the_last_ten_completed_sign_ins(client: Client, token_endpoint: ScriptedServer) -> None:
    completed = [complete(client, token_endpoint) for _ in range(11)]
    assert [finish_sign_in(client, params).status_code for params in completed] == [400] + [302] * 10
    ids = client.session["_cognito_completed"]
    assert ids == [params["state"].partition(".")[0] for params in completed[1:]]


def test_failed_sign_in_is_not_stored_as_completed(client: Client, token_endpoint: ScriptedServer) -> None:
    complete(client, token_endpoint)
    params = start_sign_in(client)
    token_endpoint.script(refusal())
    finish_sign_in(client, params)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"


# Start again


@pytest.mark.defends("RP-01", "RP-08")
def test_state_without_its_cookie_links_to_the_same_sign_in(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": ["Google"]}
    login_params = {"identity_provider": "Google", "lang": "de", "max_age": "60", "login_hint": "älice@example.com"}
    params = start_sign_in(client, next="/mine/?a=1&b=2", **login_params)
    client.cookies.clear()
    page = finish_sign_in(client, params)
    assert (page.status_code, read_error_code(page), token_endpoint.count) == (400, "state_unknown", 0)
    assert read_query(page.context["again"]) == {"next": "/mine/?a=1&b=2", **login_params}
    assert secret_cookies(client) == {}
    retry_params = read_query(client.get(page.context["again"])["Location"])
    new_names = ("state", "nonce", "code_challenge")
    assert {**retry_params, **dict.fromkeys(new_names)} == {**params, **dict.fromkeys(new_names)}
    assert not {retry_params[name] for name in new_names} & {params[name] for name in new_names}
    assert open_state(retry_params["state"]).next_url == "/mine/?a=1&b=2"


@pytest.mark.defends("RP-05")
def test_next_of_an_opened_state_is_checked_again(client: Client, token_endpoint: ScriptedServer) -> None:
    params = reseal(client, start_sign_in(client), next_url="https://evil.example/")
    client.cookies.clear()
    response = client.get(finish_sign_in(client, params).context["again"])
    assert open_state(read_query(response["Location"])["state"]).next_url == ""


def test_state_that_does_not_open_offers_a_plain_sign_in(client: Client) -> None:
    page = finish_sign_in(client, {"state": "forged"})
    assert page.context["again"] == "/auth/login/"


# Retried once


@pytest.mark.parametrize("silent", [False, True])
def test_first_sign_in_of_a_linked_user_is_retried_once(
    client: Client, token_endpoint: ScriptedServer, settings: Any, silent: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    params = start_sign_in(client, identity_provider="Google", next="/mine/", **({"prompt": "none"} if silent else {}))
    answer = finish_sign_in(client, params, **ALREADY)
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    retry_params = read_query(answer["Location"])
    new_names = ("state", "nonce", "code_challenge")
    assert {**retry_params, **dict.fromkeys(new_names)} == {**params, **dict.fromkeys(new_names)}
    assert not {retry_params[name] for name in new_names} & {params[name] for name in new_names}
    assert [*secret_cookies(client)] == [secret_cookie(retry_params["state"])]
    assert "no-store" in answer["Cache-Control"]
    page = finish_sign_in(client, retry_params, **ALREADY)
    assert (page.status_code, read_error_code(page)) == (503, "provider_trouble")
    assert (secret_cookies(client), token_endpoint.count) == ({}, 0)


def test_retried_sign_in_succeeds(client: Client, token_endpoint: ScriptedServer) -> None:
    retry_params = read_query(finish_sign_in(client, start_sign_in(client, next="/mine/"), **ALREADY)["Location"])
    token_endpoint.script(token_response(nonce=retry_params["nonce"]))
    assert finish_sign_in(client, retry_params)["Location"] == "/mine/"
    assert username_at(client) == "alice"


@pytest.mark.parametrize(
    "query",
    [
        {"error": "invalid_request", "error_description": "PreSignUp failed with error Already found an entry"},
        {"error": "access_denied", "error_description": ALREADY["error_description"]},
        {"error": "invalid_request", "error_description": "already found"},
        {"error": "server_error"},
    ],
)
def test_other_failures_are_not_retried(client: Client, query: dict[str, str]) -> None:
    assert finish_sign_in(client, start_sign_in(client), code=None, **query).status_code in (400, 503)
    assert secret_cookies(client) == {}


@pytest.mark.parametrize("fault", ["no cookie", "expired", "another issuer"])
def test_sign_in_with_a_failed_check_is_not_retried(client: Client, fault: str) -> None:
    params = start_sign_in(client)
    if fault == "no cookie":
        client.cookies.clear()
    if fault == "expired":
        params = reseal(client, params, started_at=1)
    query = {**ALREADY, **({"iss": "https://op.invalid/"} if fault == "another issuer" else {})}
    assert finish_sign_in(client, params, **query).status_code == 400


# At most fifty


def test_fifty_first_cookie_and_later_delete_the_oldest(client: Client) -> None:
    params_of_tabs = tabs_at_once(client, 53)
    names = sorted(secret_cookies(client))
    assert len(names) == 53
    answer = client.get("/auth/login/")
    deleted_names = [name for name, cookie in answer.cookies.items() if not cookie.value]
    assert sorted(deleted_names) == names[:3]
    assert len(secret_cookies(client)) == 51
    newest = next(params for params in params_of_tabs if secret_cookie(params["state"]) in secret_cookies(client))
    client.get(CALLBACK, {"state": newest["state"], "error": "access_denied"})
    assert len(secret_cookies(client)) == 50  # a callback deletes its own only


def test_fifty_cookies_are_not_deleted(client: Client) -> None:
    tabs_at_once(client, 50)
    answer = client.get("/auth/login/")
    assert [cookie.value for cookie in answer.cookies.values() if not cookie.value] == []


def test_callback_with_many_cookies_deletes_only_its_own(client: Client) -> None:
    params_of_tabs = tabs_at_once(client, 60)
    answer = client.get(
        CALLBACK, {"state": params_of_tabs[0]["state"], **{name: ALREADY[name] for name in list(ALREADY)[1:]}}
    )
    assert answer.status_code == 302  # a retry
    assert [name for name, cookie in answer.cookies.items() if not cookie.value] == [
        secret_cookie(params_of_tabs[0]["state"])
    ]


# Sign-out


@pytest.mark.parametrize("path", ["/auth/logout/", "/admin/logout/"])
@pytest.mark.parametrize("is_secure", [False, True])
def test_sign_out_ends_all_pending_sign_ins(client: Client, path: str, is_secure: bool) -> None:
    user = sign_in(client)
    user.is_staff = True  # else the admin does not sign out
    user.save()
    params_of_tabs = tabs_at_once(client, 3, secure=is_secure)
    answer = client.post(path, secure=is_secure)
    assert answer.status_code in (200, 302)
    assert secret_cookies(client) == {}
    for params in params_of_tabs:
        page = client.get(CALLBACK, {"code": "a-code", "state": params["state"]}, secure=is_secure)
        assert read_error_code(page) == "state_unknown"


@pytest.mark.urls("tests.login.test_pending_sign_ins")
@pytest.mark.parametrize("is_secure", [False, True])
def test_sign_out_works_without_the_login_urls(client: Client, is_secure: bool) -> None:
    bob = get_user_model().objects.create_user("bob", is_staff=True)
    client.force_login(bob, "django.contrib.auth.backends.ModelBackend")
    client.cookies[f"{'__Host-' if is_secure else ''}cognito_sign_in_0123456789ab"] = "of another site on this host"
    assert client.post("/admin/logout/", secure=is_secure).status_code == 200
    assert not client.cookies["sessionid"].value


# Links


def begin_link(client: Client, **form: str) -> dict[str, str]:
    return read_query(client.post("/auth/link/", form)["Location"])


def test_link_is_bound_to_its_user_and_session(client: Client, token_endpoint: ScriptedServer) -> None:
    bob = sign_in(client, "bob")
    params = begin_link(client, next="/mine/")
    opened_state = open_state(params["state"])
    assert opened_state.links_to == str(bob.pk)
    assert client.session.session_key not in f"{opened_state} {opened_state.session_digest}"
    token_endpoint.script(token_response("alice", nonce=params["nonce"]), Answer())
    assert finish_sign_in(client, params)["Location"] == "/mine/"
    assert set(CognitoUser.objects.values_list("user__username", "username")) == {("bob", "bob"), ("bob", "alice")}


@pytest.mark.parametrize("interruption", ["signed in again", "another session", "another user", "signed out"])
def test_link_of_another_session_is_interrupted(
    client: Client, token_endpoint: ScriptedServer, interruption: str
) -> None:
    bob = sign_in(client, "bob")
    params = begin_link(client)
    cookie = {secret_cookie(params["state"]): client.cookies[secret_cookie(params["state"])].value}
    if interruption == "signed in again":
        complete(client, token_endpoint, "bob")
    elif interruption == "another session":  # of the same user, at the same browser
        del client.cookies["sessionid"]
        assert sign_in(client, "bob") == bob
    elif interruption == "another user":
        sign_in(client, "carol")
    else:
        post_logout(client)
    client.cookies.load(cookie)
    token_endpoint.script(token_response("alice", nonce=params["nonce"]), Answer())
    assert read_error_code(finish_sign_in(client, params)) == "link_interrupted"
    assert not CognitoUser.objects.filter(username="alice").exists()


def test_linking_is_never_retried(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "bob")
    page = finish_sign_in(client, begin_link(client), **ALREADY)
    assert (page.status_code, read_error_code(page)) == (503, "provider_trouble")
    assert secret_cookies(client) == {}


def test_link_without_its_cookie_offers_a_plain_sign_in(client: Client) -> None:
    sign_in(client, "bob")
    params = begin_link(client, next="/mine/")
    del client.cookies[secret_cookie(params["state"])]
    page = finish_sign_in(client, params)
    opened_state = open_state(read_query(client.get(page.context["again"])["Location"])["state"])
    assert (opened_state.links_to, opened_state.session_digest) == ("", "")


def test_link_works_with_sessions_in_a_signed_cookie(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.SESSION_SAVE_EVERY_REQUEST = True  # such a session's key is its contents
    sign_in(client, "bob")
    params = begin_link(client)
    client.get("/who/")
    token_endpoint.script(token_response("alice", nonce=params["nonce"]), Answer())
    client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert CognitoUser.objects.filter(user__username="bob", username="alice").exists()


def test_link_of_another_user_in_a_signed_cookie_is_interrupted(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    sign_in(client, "bob")
    params = begin_link(client)
    sign_in(client, "carol")
    token_endpoint.script(token_response("alice", nonce=params["nonce"]), Answer())
    page = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert read_error_code(page) == "link_interrupted"
    assert not CognitoUser.objects.filter(username="alice").exists()


# A session cookie that the browser does not send back


def sign_in_and_lose_the_session(client: Client, server: ScriptedServer) -> None:
    params = start_sign_in(client, next="/mine/")
    server.script(token_response(nonce=params["nonce"]), Answer())
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert answer["Location"] == "/mine/"
    client.cookies.pop("sessionid")


def test_lost_session_cookie_is_an_error_page_and_no_redirect_loop(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    for _ in range(2):  # the second time without a password
        sign_in_and_lose_the_session(client, token_endpoint)
        assert client.get("/mine/")["Location"] == "/auth/login/?next=/mine/"
    answer = client.get("/auth/login/?next=/mine/")
    assert (answer.status_code, read_error_code(answer)) == (400, "session_cookie_lost")
    assert secret_cookies(client) == {}
    assert "/oauth2/authorize?" in client.get("/auth/login/?next=/mine/")["Location"]  # the user clicked the link


def test_signed_in_cookie_expires_after_30_seconds(client: Client, token_endpoint: ScriptedServer) -> None:
    complete(client, token_endpoint)
    cookie = client.cookies["cognito_signed_in_sessionid"]
    assert (cookie.value[0], cookie["max-age"], cookie["path"], cookie["httponly"]) == ("1", 30, "/auth", True)


SITUATIONS = ["with the session cookie", "without it, once", "after a sign-out", "after Django's sign-out"]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_login_after_session_cookie_lost_redirects_to_the_hosted_ui(
    client: Client, token_endpoint: ScriptedServer, situation: str
) -> None:
    sign_in_and_lose_the_session(client, token_endpoint)
    if situation != "without it, once":
        params = start_sign_in(client)
        token_endpoint.script(token_response(nonce=params["nonce"]), Answer())
        client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
        assert client.cookies["cognito_signed_in_sessionid"].value[0] == "2"
    if situation == "after a sign-out":
        post_logout(client)
    if situation == "after Django's sign-out":
        client.post("/admin/logout/")
    assert "/oauth2/authorize?" in client.get("/auth/login/")["Location"]


def test_secret_is_removed_from_request_cookies_after_it_was_read(
    client: Client, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, recorded_cookies = start_sign_in(client), []

    def record_cookies(request: HttpRequest, *_: Any) -> None:
        recorded_cookies.append(dict(request.COOKIES))

    monkeypatch.setattr("django_cognito.login.flow.start_login", record_cookies)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    finish_sign_in(client, params)
    assert [secret_cookie(params["state"]) in cookies for cookies in recorded_cookies] == [False]


@pytest.mark.defends("RP-20")
def test_report_of_a_failed_callback_does_not_show_its_cookie(
    token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, reports = Client(raise_request_exception=False), []

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the site's own fault")

    def report(request: HttpRequest, **_: Any) -> None:
        error = sys.exception()
        assert error is not None
        reports.append(report_of(error, request))

    monkeypatch.setattr("django_cognito.login.flow.get_or_create_user", fail)
    got_request_exception.connect(report)
    params = start_sign_in(client)
    secret, nonce = client.cookies[secret_cookie(params["state"])].value, params["nonce"]
    token_endpoint.script(token_response(nonce=nonce))
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    got_request_exception.disconnect(report)
    assert (answer.status_code, len(reports), "the site&#x27;s own fault" in reports[0]) == (500, 1, True)
    assert (secret in reports[0], nonce in reports[0]) == (False, False)


def test_forged_state_with_its_cookie_is_unknown(client: Client, token_endpoint: ScriptedServer, settings: Any) -> None:
    pending_sign_in, secret, own_key = open_state(start_sign_in(client)["state"]), new_secret(), settings.SECRET_KEY
    settings.SECRET_KEY = "an attacker's key, which this site does not have at all"
    forged_state = seal_state(pending_sign_in, secret).state
    settings.SECRET_KEY = own_key
    client.cookies[secret_cookie(forged_state)] = encode_base64url(secret)
    assert read_error_code(finish_sign_in(client, {"state": forged_state})) == "state_unknown"
    assert token_endpoint.count == 0
