"""A page that finds out, unseen, who its visitor is at Cognito: once in ten minutes, and whatever comes of it.

`visit` is a browser's visit of such a page, sync or async.
"""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.login.state import open_state
from django_cognito.testing import make_token, sign_in
from django_cognito.web import silent
from tests.support.callers import bearer
from tests.support.login_scenario import (
    begin,
    come_back,
    login_of,
    query_of,
    refusal,
    reseal,
    standing,
    token_answer,
    unchanged,
    who,
)
from tests.support.scripted_server import Answer, ScriptedServer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

MARK = "cognito_silent_sessionid"  # the cookie of a browser that was asked silently
A_VISIT = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
NOBODY = ["login_required", "interaction_required", "consent_required", "account_selection_required"]
Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def _allowed(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


@pytest.fixture(params=["sync", "async"])
def visit(request: pytest.FixtureRequest) -> Visit:
    def by_async(client: Client, query: str = "", **options: Any) -> Any:
        other = AsyncClient()
        other.cookies = client.cookies
        method = getattr(other, options.pop("method", "get"))
        return async_to_sync(method)(f"/open/async/{query}", **{"headers": A_VISIT, **options})

    def by_sync(client: Client, query: str = "", **options: Any) -> Any:
        return getattr(client, options.pop("method", "get"))(f"/open/{query}", **{"headers": A_VISIT, **options})

    return by_async if request.param == "async" else by_sync


def is_asked(answer: Any) -> bool:
    """Whether the browser was sent to find out."""
    assert answer.status_code in (200, 302)
    return bool(answer.status_code == 302)


def shows(answer: Any, name: str) -> bool:
    return (answer.status_code, answer.content.decode()) == (200, name)


def follow(client: Client, answer: Any) -> dict[str, str]:
    """Go where the page sends the browser; what Cognito is then asked."""
    assert answer["Location"].startswith("/auth/login/?")
    return query_of(client.get(answer["Location"])["Location"])


def test_a_visitor_is_sent_to_cognito_and_straight_back_signed_in(
    client: Client, token_endpoint: ScriptedServer, visit: Visit
) -> None:
    asked = follow(client, visit(client, "?page=2&q=a/b"))
    assert asked["prompt"] == "none"
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    back = come_back(client, asked)["Location"]
    assert back in ("/open/?page=2&q=a/b", "/open/async/?page=2&q=a/b")
    assert shows(visit(client), "alice")


@pytest.mark.parametrize("error", NOBODY)
def test_who_is_nobody_at_cognito_sees_the_page_as_it_is_and_nothing_failed(
    client: Client, token_endpoint: ScriptedServer, visit: Visit, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    asked = follow(client, visit(client))
    before = standing(client, but_for=asked["state"])
    answer = come_back(client, asked, code=None, error=error, error_description="nobody")
    after = standing(client)
    assert answer.status_code == 302
    assert answer["Location"] in ("/open/", "/open/async/")
    assert before == after
    assert shows(visit(client), "nobody")
    assert token_endpoint.count == 0
    assert [record for record in caplog.records if record.name == "django_cognito.login.views"] == []


@pytest.mark.parametrize("is_secure", [False, True])
def test_nobody_is_asked_about_again_for_ten_minutes(client: Client, visit: Visit, is_secure: bool) -> None:
    answers = [visit(client, secure=is_secure)]
    client.get(answers[0]["Location"], secure=is_secure)
    for answer in answers:
        cookie = answer.cookies[MARK]
        assert (cookie.value, cookie["max-age"], cookie["path"], cookie["samesite"]) == ("1", 600, "/", "Lax")
        assert (cookie["httponly"], bool(cookie["secure"])) == (True, is_secure)
    assert shows(visit(client, secure=is_secure), "nobody")
    del client.cookies[MARK]  # as browsers do after `max-age`
    assert is_asked(visit(client, secure=is_secure))


def test_a_silent_sign_in_that_finds_nobody_starts_the_ten_minutes_anew(client: Client, visit: Visit) -> None:
    answer = come_back(client, follow(client, visit(client)), code=None, error="login_required")
    assert answer.cookies[MARK]["max-age"] == 600


def test_a_visitor_who_never_comes_back_from_cognito_sees_the_page_the_next_time(client: Client, visit: Visit) -> None:
    follow(client, visit(client))
    assert shows(visit(client), "nobody")


@pytest.mark.parametrize("failure", ["refused", "outage", "lost", "trouble"])
def test_whatever_fails_is_not_tried_again_at_once(
    client: Client, token_endpoint: ScriptedServer, visit: Visit, failure: str
) -> None:
    asked = follow(client, visit(client))
    token_endpoint.script(refusal() if failure == "refused" else Answer(500))
    changes: dict[str, Any] = {"lost": {"state": "forged"}, "trouble": {"code": None, "error": "invalid_request"}}.get(
        failure, {}
    )
    assert come_back(client, asked, **changes).status_code in (400, 503)
    assert shows(visit(client), "nobody")


def test_an_address_at_which_nobody_signs_in_shows_its_page(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": lambda request: None}
    assert shows(visit(client), "nobody")


def test_of_a_site_without_a_domain_the_page_is_shown(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert shows(visit(client), "nobody")


def test_without_the_setting_nobody_is_asked_about(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    assert shows(visit(client), "nobody")
    assert MARK not in client.cookies


def test_who_is_signed_in_is_not_asked_about(client: Client, visit: Visit) -> None:
    sign_in(client, "bob")
    assert shows(visit(client), "bob")


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a crawler, or a browser from before 2023
        {"sec-fetch-mode": "navigate"},
        {"sec-fetch-dest": "document"},
        {"sec-fetch-mode": "cors"},
        {"sec-fetch-mode": "no-cors"},
        {"sec-fetch-mode": "same-origin"},
        {"sec-fetch-mode": "websocket"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "object"},
        {"sec-purpose": "prefetch;prerender", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    ],
)
def test_what_is_no_visit_is_left_alone(client: Client, visit: Visit, headers: dict[str, str]) -> None:
    assert shows(visit(client, headers=headers), "nobody")
    assert MARK not in client.cookies


@pytest.mark.parametrize("method", ["post", "head", "put", "options"])
def test_only_what_is_got_is_a_visit(client: Client, visit: Visit, method: str) -> None:
    assert visit(client, method=method).status_code == 200


def test_a_bearer_request_is_left_alone(client: Client, visit: Visit) -> None:
    assert shows(visit(client, headers=bearer(make_token(username="carol"))), "carol")
    assert "sessionid" not in client.cookies


# By the login's own address


def test_unseen_means_nothing_to_a_site_that_has_not_allowed_it(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    with unchanged(client):
        answer = client.get("/auth/login/", {"prompt": "none"})
    assert (answer.status_code, answer.context["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize("evil", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"])
@pytest.mark.parametrize("is_taken_in", [False, True])
def test_next_is_looked_at_on_the_way_in_and_on_the_way_out(client: Client, evil: str, is_taken_in: bool) -> None:
    asked = begin(client, prompt="none", next=evil)
    assert open_state(asked["state"]).next_url == ""
    if is_taken_in:
        asked = reseal(client, asked, next_url=evil)
    assert come_back(client, asked, code=None, error="login_required")["Location"] == "/"


@pytest.mark.parametrize("error", NOBODY)
def test_nobody_is_a_failure_where_somebody_was_to_sign_in(client: Client, error: str) -> None:
    page = come_back(client, begin(client), code=None, error=error)
    assert (page.status_code, page.context["code"]) == (400, "refused_by_provider")
    assert MARK not in client.cookies


@pytest.mark.parametrize("error", ["access_denied", "LOGIN_REQUIRED", "login_required x"])
def test_another_answer_is_a_failure_also_where_nobody_was_to_see_it(client: Client, error: str) -> None:
    page = come_back(client, begin(client, prompt="none"), code=None, error=error)
    assert (page.status_code, page.context["code"]) == (400, "refused_by_provider")


def test_without_the_state_of_a_silent_sign_in_its_answer_is_worth_nothing(client: Client) -> None:
    begin(client, prompt="none")
    page = come_back(client, {"state": "forged"}, code=None, error="login_required")
    assert (page.status_code, page.context["code"]) == (400, "state_unknown")


def test_another_issuers_answer_is_worth_nothing_either(client: Client) -> None:
    page = come_back(client, begin(client, prompt="none"), code=None, error="login_required", iss="https://op.invalid/")
    assert (page.status_code, page.context["code"]) == (400, "wrong_issuer")


def test_who_is_signed_in_stays_so_where_nobody_is_found(client: Client) -> None:
    sign_in(client, "bob")
    come_back(client, begin(client, prompt="none"), code=None, error="login_required")
    assert who(client) == "bob"


# After a sign-out


@pytest.mark.parametrize("is_ours", [True, False])
def test_who_has_signed_out_is_not_signed_in_again_unseen(client: Client, visit: Visit, is_ours: bool) -> None:
    if is_ours:
        login_of(client)
    client.post("/auth/logout/")
    assert who(client) == "nobody"
    assert shows(visit(client), "nobody")


def test_a_sign_out_leaves_no_session_where_nobody_is_asked_about(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    login_of(client)
    client.post("/auth/logout/")
    assert dict(client.session.items()) == {}


# What it rests on


@pytest.mark.parametrize(
    ("asked", "error", "expected"),
    [
        ({"prompt": "none"}, SignInError("", oauth_error="login_required"), True),
        ({"prompt": "login"}, SignInError("", oauth_error="login_required"), False),
        ({}, SignInError("", oauth_error="login_required"), False),
        ({"prompt": "none"}, SignInError("", oauth_error="access_denied"), False),
        ({"prompt": "none"}, SignInError(""), False),
        ({"prompt": "none"}, CognitoUnavailableError(""), False),
    ],
)
def test_nobody_is_found_by_a_silent_sign_in_and_by_these_words_alone(asked: Any, error: Any, expected: bool) -> None:
    assert silent.is_login_required_error(asked, error) is expected
