"""Silent sign-in: a page asks Cognito with prompt=none for the user, at most once in ten minutes.

`visit` requests such a page with a browser, sync or async.
"""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.login.state import open_state
from django_cognito.testing import make_token, sign_in
from django_cognito.web import silent
from tests.support.callers import bearer
from tests.support.cases import cases
from tests.support.scenarios.login import (
    create_login,
    finish_sign_in,
    read_query,
    refusal,
    reseal,
    start_sign_in,
    take_snapshot,
    token_response,
    unchanged,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

MARK = "cognito_silent_sessionid"  # the cookie of a browser after a silent sign-in
NAVIGATION_HEADERS = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
NO_USER_ERRORS = ["login_required", "interaction_required", "consent_required", "account_selection_required"]
Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def _silent_sign_in(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


@pytest.fixture(params=["sync", "async"])
def visit(request: pytest.FixtureRequest) -> Visit:
    def visit_async(client: Client, query: str = "", **options: Any) -> Any:
        other = AsyncClient()
        other.cookies = client.cookies
        method = getattr(other, options.pop("method", "get"))
        return async_to_sync(method)(f"/open/async/{query}", **{"headers": NAVIGATION_HEADERS, **options})

    def visit_sync(client: Client, query: str = "", **options: Any) -> Any:
        return getattr(client, options.pop("method", "get"))(
            f"/open/{query}", **{"headers": NAVIGATION_HEADERS, **options}
        )

    return visit_async if request.param == "async" else visit_sync


def starts_silent_sign_in(answer: Any) -> bool:
    """Return whether the response starts a silent sign-in."""
    assert answer.status_code in (200, 302)
    return bool(answer.status_code == 302)


def shows(answer: Any, name: str) -> bool:
    return (answer.status_code, answer.content.decode()) == (200, name)


def follow(client: Client, answer: Any) -> dict[str, str]:
    """Follow the redirect of the page; return the authorization request parameters."""
    assert answer["Location"].startswith("/auth/login/?")
    return read_query(client.get(answer["Location"])["Location"])


def test_silent_sign_in_returns_to_the_page_signed_in(
    client: Client, token_endpoint: ScriptedServer, visit: Visit
) -> None:
    params = follow(client, visit(client, "?page=2&q=a/b"))
    assert params["prompt"] == "none"
    token_endpoint.script(token_response(nonce=params["nonce"]))
    location = finish_sign_in(client, params)["Location"]
    assert location in ("/open/?page=2&q=a/b", "/open/async/?page=2&q=a/b")
    assert shows(visit(client), "alice")


@pytest.mark.parametrize("error", NO_USER_ERRORS)
def test_silent_sign_in_without_a_user_shows_the_page_anonymously(
    client: Client, token_endpoint: ScriptedServer, visit: Visit, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    params = follow(client, visit(client))
    before = take_snapshot(client, except_state=params["state"])
    answer = finish_sign_in(client, params, code=None, error=error, error_description="nobody")
    after = take_snapshot(client)
    assert answer.status_code == 302
    assert answer["Location"] in ("/open/", "/open/async/")
    assert before == after
    assert shows(visit(client), "nobody")
    assert token_endpoint.count == 0
    assert [record for record in caplog.records if record.name == "django_cognito.login.views"] == []


@pytest.mark.parametrize("is_secure", [False, True])
def test_silent_sign_in_is_tried_once_in_ten_minutes(client: Client, visit: Visit, is_secure: bool) -> None:
    answers = [visit(client, secure=is_secure)]
    client.get(answers[0]["Location"], secure=is_secure)
    for answer in answers:
        cookie = answer.cookies[MARK]
        assert (cookie.value, cookie["max-age"], cookie["path"], cookie["samesite"]) == ("1", 600, "/", "Lax")
        assert (cookie["httponly"], bool(cookie["secure"])) == (True, is_secure)
    assert shows(visit(client, secure=is_secure), "nobody")
    del client.cookies[MARK]  # as browsers do after `max-age`
    assert starts_silent_sign_in(visit(client, secure=is_secure))


def test_silent_sign_in_without_a_user_restarts_the_ten_minutes(client: Client, visit: Visit) -> None:
    answer = finish_sign_in(client, follow(client, visit(client)), code=None, error="login_required")
    assert answer.cookies[MARK]["max-age"] == 600


def test_page_is_shown_after_an_abandoned_silent_sign_in(client: Client, visit: Visit) -> None:
    follow(client, visit(client))
    assert shows(visit(client), "nobody")


@pytest.mark.parametrize("failure", ["refused", "outage", "lost", "trouble"])
def test_failed_silent_sign_in_is_not_retried_at_once(
    client: Client, token_endpoint: ScriptedServer, visit: Visit, failure: str
) -> None:
    params = follow(client, visit(client))
    token_endpoint.script(refusal() if failure == "refused" else Answer(500))
    changes: dict[str, Any] = {"lost": {"state": "forged"}, "trouble": {"code": None, "error": "invalid_request"}}.get(
        failure, {}
    )
    assert finish_sign_in(client, params, **changes).status_code in (400, 503)
    assert shows(visit(client), "nobody")


def test_host_without_a_pool_starts_no_silent_sign_in(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": lambda request: None}
    assert shows(visit(client), "nobody")


def test_site_without_a_domain_starts_no_silent_sign_in(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert shows(visit(client), "nobody")


def test_silent_sign_in_is_not_started_by_default(client: Client, settings: Any, visit: Visit) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    assert shows(visit(client), "nobody")
    assert MARK not in client.cookies


def test_signed_in_user_starts_no_silent_sign_in(client: Client, visit: Visit) -> None:
    sign_in(client, "bob")
    assert shows(visit(client), "bob")


NO_NAVIGATION: list[dict[str, str]] = [
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
]


def test_request_that_is_no_navigation_starts_no_silent_sign_in(client: Client, visit: Visit) -> None:
    with cases() as case:
        for headers in NO_NAVIGATION:
            with case(repr(headers)):
                assert shows(visit(client, headers=headers), "nobody")
                assert MARK not in client.cookies


@pytest.mark.parametrize("method", ["post", "head", "put", "options"])
def test_other_methods_start_no_silent_sign_in(client: Client, visit: Visit, method: str) -> None:
    assert visit(client, method=method).status_code == 200


def test_bearer_request_starts_no_silent_sign_in(client: Client, visit: Visit) -> None:
    assert shows(visit(client, headers=bearer(make_token(username="carol"))), "carol")
    assert "sessionid" not in client.cookies


# prompt=none at the login URL


def test_prompt_none_without_silent_sign_in_is_invalid(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    with unchanged(client):
        answer = client.get("/auth/login/", {"prompt": "none"})
    assert (answer.status_code, answer.context["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "unsafe_url", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
@pytest.mark.parametrize("is_in_state", [False, True])
def test_unsafe_next_of_a_silent_sign_in_is_ignored(client: Client, unsafe_url: str, is_in_state: bool) -> None:
    params = start_sign_in(client, prompt="none", next=unsafe_url)
    assert open_state(params["state"]).next_url == ""
    if is_in_state:
        params = reseal(client, params, next_url=unsafe_url)
    assert finish_sign_in(client, params, code=None, error="login_required")["Location"] == "/"


@pytest.mark.parametrize("error", NO_USER_ERRORS)
def test_no_user_error_without_prompt_none_is_a_failure(client: Client, error: str) -> None:
    page = finish_sign_in(client, start_sign_in(client), code=None, error=error)
    assert (page.status_code, page.context["code"]) == (400, "refused_by_provider")
    assert MARK not in client.cookies


@pytest.mark.parametrize("error", ["access_denied", "LOGIN_REQUIRED", "login_required x"])
def test_other_error_of_a_silent_sign_in_is_a_failure(client: Client, error: str) -> None:
    page = finish_sign_in(client, start_sign_in(client, prompt="none"), code=None, error=error)
    assert (page.status_code, page.context["code"]) == (400, "refused_by_provider")


def test_no_user_error_with_a_forged_state_is_state_unknown(client: Client) -> None:
    start_sign_in(client, prompt="none")
    page = finish_sign_in(client, {"state": "forged"}, code=None, error="login_required")
    assert (page.status_code, page.context["code"]) == (400, "state_unknown")


def test_no_user_error_of_another_issuer_is_wrong_issuer(client: Client) -> None:
    page = finish_sign_in(
        client, start_sign_in(client, prompt="none"), code=None, error="login_required", iss="https://op.invalid/"
    )
    assert (page.status_code, page.context["code"]) == (400, "wrong_issuer")


def test_signed_in_user_stays_signed_in_after_a_no_user_error(client: Client) -> None:
    sign_in(client, "bob")
    finish_sign_in(client, start_sign_in(client, prompt="none"), code=None, error="login_required")
    assert username_at(client) == "bob"


# After a sign-out


@pytest.mark.parametrize("has_login", [True, False])
def test_sign_out_prevents_the_next_silent_sign_in(client: Client, visit: Visit, has_login: bool) -> None:
    if has_login:
        create_login(client)
    client.post("/auth/logout/")
    assert username_at(client) == "nobody"
    assert shows(visit(client), "nobody")


def test_sign_out_without_silent_sign_in_leaves_no_session(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": False}
    create_login(client)
    client.post("/auth/logout/")
    assert dict(client.session.items()) == {}


# is_login_required_error


@pytest.mark.parametrize(
    ("params", "error", "expected"),
    [
        ({"prompt": "none"}, SignInError("", oauth_error="login_required"), True),
        ({"prompt": "login"}, SignInError("", oauth_error="login_required"), False),
        ({}, SignInError("", oauth_error="login_required"), False),
        ({"prompt": "none"}, SignInError("", oauth_error="access_denied"), False),
        ({"prompt": "none"}, SignInError(""), False),
        ({"prompt": "none"}, CognitoUnavailableError(""), False),
    ],
)
def test_login_required_error_needs_prompt_none_and_its_code(params: Any, error: Any, expected: bool) -> None:
    assert silent.is_login_required_error(params, error) is expected
