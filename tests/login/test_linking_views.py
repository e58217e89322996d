"""The views that link and unlink: who may call them, from where, and how long after the sign-in."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.models import CognitoUser, FormerLink
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, end_tokens
from tests.support.cases import cases
from tests.support.scenarios.login import read_query, secret_cookies, username_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
PAGE = {"next": "/mine/"}


def second_link(user: User) -> CognitoUser:
    """Add a second link to the user, so that it may be unlinked, and return it."""
    pool, long_ago = "eu-west-1_TestPool1", datetime(2020, 1, 1, tzinfo=UTC)
    return CognitoUser.objects.create(user=user, user_pool_id=pool, sub="two", username="two", as_of=long_ago)


def paths(user: User) -> dict[str, str]:
    return {"link": "/auth/link/", "unlink": f"/auth/unlink/{second_link(user).pk}/"}


def code_of(response: Any) -> str:
    return str(response.context["code"])


each_view = pytest.mark.parametrize("view", ["link", "unlink"])
each_middleware = pytest.mark.parametrize("middleware", ["", LOGIN_REQUIRED], ids=["decorator", "middleware"])


@pytest.fixture
def with_middleware(settings: Any, middleware: str) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *([middleware] if middleware else [])]


# Transactions


@pytest.mark.django_db(transaction=True)
def test_unlink_locks_in_its_own_transaction(client) -> None:
    """In autocommit, as on a site without ATOMIC_REQUESTS; in the transaction of a test any code may lock rows."""
    link = second_link(sign_in(client))
    assert client.post(f"/auth/unlink/{link.pk}/", PAGE).status_code == 302
    assert list(CognitoUser.objects.filter(sub="two")) == []


@pytest.mark.django_db(transaction=True)
def test_unlink_that_fails_at_its_last_step_leaves_the_link(client, monkeypatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("the connection was lost")

    link = second_link(sign_in(client))
    monkeypatch.setattr(User, "refresh_from_db", fail)
    with pytest.raises(DatabaseError, match="connection was lost"):  # not Django's own error about a transaction
        client.post(f"/auth/unlink/{link.pk}/", PAGE)
    assert (CognitoUser.objects.filter(pk=link.pk).exists(), FormerLink.objects.exists()) == (True, False)


# Cross-site requests


@each_view
def test_cross_site_post_is_rejected(view: str) -> None:
    client = Client(enforce_csrf_checks=True)
    path = paths(sign_in(client))[view]
    assert client.post(path).status_code == 403
    assert (CognitoUser.objects.count(), secret_cookies(client)) == (2, {})


@each_view
def test_cross_site_post_without_djangos_csrf_middleware_is_rejected(view: str, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    path = paths(sign_in(client))[view]
    assert client.post(path).status_code == 403
    assert (CognitoUser.objects.count(), secret_cookies(client)) == (2, {})


def test_post_with_the_csrf_token_links_and_unlinks() -> None:
    client = Client(enforce_csrf_checks=True)
    url_paths = paths(sign_in(client))
    client.get("/auth/logout/")
    token = {"x-csrftoken": client.cookies["csrftoken"].value}
    assert client.post(url_paths["link"], headers=token)["Location"].startswith(
        "https://login.example.com/oauth2/authorize?"
    )
    assert client.post(url_paths["unlink"], PAGE, headers=token)["Location"] == "/mine/"
    assert FormerLink.objects.get().sub == "two"


# Anonymous requests and machine-to-machine clients


@each_view
@each_middleware
@pytest.mark.usefixtures("with_middleware")
def test_anonymous_post_redirects_to_login_with_next(client, view: str) -> None:
    path = paths(User.objects.create(username="alice"))[view]
    forms: list[tuple[Any, str]] = [
        (PAGE, "/mine/"),
        ({}, "/"),
        ({"next": "https://evil.example/"}, "/"),
        ({"next": "x"}, "/"),
    ]
    with cases() as case:
        for form, next_url in forms:
            with case(repr(form)):
                response = client.post(path, form)
                assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/auth/login/")
                assert read_query(response["Location"]) == {"next": next_url}
                assert CognitoUser.objects.count() == 1


@each_view
@each_middleware
@pytest.mark.usefixtures("with_middleware")
def test_anonymous_post_by_a_script_is_401(client, view: str) -> None:
    path = paths(User.objects.create(username="alice"))[view]
    response = client.post(path, headers={"sec-fetch-mode": "cors"})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@each_view
@each_middleware
@pytest.mark.usefixtures("with_middleware")
def test_get_of_link_and_unlink_is_405(client, view: str) -> None:
    sign_in(client)
    assert client.get({"link": "/auth/link/", "unlink": "/auth/unlink/1/"}[view]).status_code == 405
    assert Client().get({"link": "/auth/link/", "unlink": "/auth/unlink/1/"}[view]).status_code == 405


@each_view
def test_machine_to_machine_token_is_403(client, view: str) -> None:
    path = paths(User.objects.create(username="alice"))[view]
    raw = make_token(username=None, scope="orders/read")
    assert client.post(path, headers=bearer(raw)).status_code == 403
    assert CognitoUser.objects.count() == 1


# LINKING_MAX_AGE_SECONDS


def sign_in_seconds_ago(client: Client, seconds: int) -> User:
    at = int(time.time()) - seconds
    return sign_in(client, auth_time=at, email="alice@example.com")  # type: ignore[no-any-return]


@each_view
@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("seconds", [0, 290, 305])  # LEEWAY_SECONDS is 10
def test_recent_sign_in_may_link_and_unlink(client, settings: Any, view: str, seconds: int) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINKING_MAX_AGE_SECONDS": 300}
    assert client.post(paths(sign_in_seconds_ago(client, seconds))[view], PAGE).status_code == 302


@each_view
def test_older_sign_in_needs_the_password_and_changes_nothing(client, settings: Any, view: str) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINKING_MAX_AGE_SECONDS": 300.5}
    response = client.post(paths(sign_in_seconds_ago(client, 320))[view], PAGE)
    assert (response.status_code, code_of(response)) == (400, "sign_in_too_old")
    assert 'href="/auth/login/?next=%2Fmine%2F&amp;prompt=login&amp;max_age=300"' in response.content.decode()
    assert (CognitoUser.objects.count(), secret_cookies(client), username_at(client)) == (2, {}, "alice")
    params = read_query(client.get("/auth/login/?next=%2Fmine%2F&prompt=login&max_age=300")["Location"])
    assert (params["prompt"], params["max_age"]) == ("login", "300")


@each_view
def test_session_with_a_local_password_has_no_recent_sign_in(client, settings: Any, view: str) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINKING_MAX_AGE_SECONDS": 300}
    user = User.objects.create_user("her", password="her own")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(paths(user)[view], {"next": "https://evil.example/"})
    assert (response.status_code, code_of(response)) == (400, "sign_in_too_old")
    assert "evil" not in response.content.decode()


@each_view
def test_sign_in_is_not_recent_without_the_middleware(client, settings: Any, view: str) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINKING_MAX_AGE_SECONDS": 300}
    user = sign_in_seconds_ago(client, 0)
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Cognito" not in name]
    assert code_of(client.post(paths(user)[view])) == "sign_in_too_old"


@each_view
def test_unknown_age_of_the_sign_in_in_an_outage_is_503(
    client, settings: Any, view: str, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINKING_MAX_AGE_SECONDS": 300}
    token_endpoint.script(Answer(500))
    user = sign_in(client, refresh_token="a-refresh-token")
    path = paths(user)[view]
    end_tokens()
    response = client.post(path)
    assert (response.status_code, CognitoUser.objects.count()) == (503, 2)


@each_view
def test_age_of_the_sign_in_does_not_matter_by_default(client, view: str) -> None:
    assert client.post(paths(sign_in_seconds_ago(client, 3_000_000))[view], PAGE).status_code == 302
