"""Views that check the user at Cognito, at a real local Cognito over HTTP: by GetUser and by the directory."""

import logging
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from unittest import mock

import boto3
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD, Browser
from local_cognito_support.scripted_server import ScriptedServer, Silence, json_answer

from django_cognito import factories
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users import live_check
from django_cognito.users.revocation_list import start_new_namespace
from tests.support import live_site
from tests.support.callers import bearer
from tests.support.cases import cases
from tests.support.local_cognito import ADMIN_SCOPE, POOL_ID, SCOPES, settings_for, sign_in_by_hand

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.live_site")]

START = time.time()
NAMES = ("anna", "ben", "cora", "dan", "eve", "finn", "gil", "hana")  # a user for each test that changes one
SUFFIXES = ("", "async/", "view/", "view/async/", "api/")
EACH_SUFFIX = pytest.mark.parametrize("suffix", SUFFIXES)
SEED = {
    "id": POOL_ID,
    "groups": [{"name": "editors"}],
    "clients": [
        {
            "id": "1public",
            "callback_urls": ["http://testserver/auth/callback/"],
            "scopes": [*SCOPES, ADMIN_SCOPE],
        }
    ],
    "users": [{"username": name, "password": PASSWORD, "groups": ["editors"]} for name in NAMES],
}


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(seed={"pools": [SEED]}) as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    key = running_emulator.admin_credentials
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
    settings.COGNITO = settings_for(running_emulator, SCOPES=[*SCOPES, ADMIN_SCOPE])
    yield running_emulator
    factories.discard_instances()


@pytest.fixture(scope="module")
def administration(running_emulator: Emulator) -> Any:
    key = running_emulator.admin_credentials
    return boto3.client(
        "cognito-idp",
        endpoint_url=running_emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
    )


@pytest.fixture
def count_calls(caplog: pytest.LogCaptureFixture) -> Callable[[str], int]:
    """Return a function that counts the requests of an operation in the local Cognito's log."""
    caplog.set_level(logging.INFO, "local_cognito")
    return lambda operation: caplog.text.count(f"POST / {operation} ")


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of the requests that reached their view. No other test has made a pause necessary."""
    monkeypatch.setattr(live_check, "_pauses", {})
    live_site.CALLED.clear()
    return live_site.CALLED


def get(client: Any, url: str, raw: str = "", **headers: str) -> Any:
    """Request a URL, an async view by ASGI with the session of `client`."""
    headers |= bearer(raw) if raw else {}
    if "async" not in url:
        return client.get(url, headers=headers)
    async_client = AsyncClient()
    async_client.cookies = client.cookies
    return async_to_sync(async_client.get)(url, headers=headers)


def sign_in_at_api(emulator: Emulator, username: str) -> str:
    """Return an access token of a new sign-in."""
    client = emulator.service.client("1public")
    assert client is not None
    tokens = emulator.service.issue_api_tokens(client, emulator.service.get_user(client, username))
    return str(tokens["AccessToken"])


def forget_rejections() -> None:
    """Let the site accept all users again, as if no check had recorded anything."""
    CognitoUser.objects.update(enabled=True, gone_at=None, not_before=None)
    start_new_namespace()


def stop_clock(seconds: float = 0) -> Any:
    """Return a context in which it is `seconds` after the start, for the site and for the local Cognito."""
    return mock.patch("time.time", return_value=START + seconds)


# Bearer tokens at the local Cognito


def test_each_entry_point_asks_cognito_once_in_ten_seconds(
    client: Client, emulator: Emulator, count_calls: Any, called: list[str]
) -> None:
    operations = {"user": "GetUser", "directory": "AdminGetUser", "editors": "AdminListGroupsForUser"}
    with stop_clock(), cases() as case:
        raw = sign_in_at_api(emulator, "anna")
        for name, operation in operations.items():
            for suffix in SUFFIXES:
                with case(f"{name}/{suffix}"):
                    answer = get(client, f"/{name}/{suffix}", raw)
                    assert (answer.status_code, b"anna" in answer.content) == (200, True)
            with case(operation):
                calls = {"GetUser": 1, "AdminGetUser": 2, "AdminListGroupsForUser": 1}
                assert count_calls(operation) == calls[operation] - (name == "directory")
        assert len(called) == 15
        assert get(client, "/bare/", raw).status_code == 200
    with stop_clock(10.1):
        assert get(client, "/user/", raw).status_code == 200
        assert count_calls("GetUser") == 2


def test_disabled_user_is_rejected_after_the_cache_time(
    client: Client, emulator: Emulator, administration: Any, called: list[str]
) -> None:
    """By the directory with its own code, and then by each view, also without a check."""
    with stop_clock():
        raw = sign_in_at_api(emulator, "ben")
        assert get(client, "/directory/", raw).status_code == 200
        administration.admin_disable_user(UserPoolId=POOL_ID, Username="ben")
        assert get(client, "/directory/", raw).status_code == 200
    assert get(client, "/who/", raw).status_code == 200
    called.clear()
    with cases() as case:
        for suffix in SUFFIXES:
            with case(suffix):
                forget_rejections()
                with stop_clock(10.1):
                    answer = get(client, f"/directory/{suffix}", raw)
                assert (answer.status_code, answer.json()["code"]) == (401, "user_disabled_in_cognito")
                assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
                assert not CognitoUser.objects.get(username="ben").enabled
    for url in ("/who/", "/user/", "/directory/api/"):
        assert get(client, url, raw).json()["code"] == "user_disabled_in_cognito"
    factories.discard_instances()  # another process, which reads the cache and the row
    assert get(client, "/who/", raw).json()["code"] == "user_disabled_in_cognito"
    assert called == []


def test_signed_out_token_is_rejected_after_the_cache_time(
    client: Client, emulator: Emulator, administration: Any, called: list[str]
) -> None:
    """By GetUser alone: the directory reports no sign-outs."""
    with stop_clock():
        raw = sign_in_at_api(emulator, "cora")
        assert get(client, "/user/", raw).status_code == 200
        administration.admin_user_global_sign_out(UserPoolId=POOL_ID, Username="cora")
        assert [get(client, f"/{name}/", raw).status_code for name in ("user", "directory")] == [200, 200]
    called.clear()
    with cases() as case:
        for suffix in SUFFIXES:
            with case(suffix):
                forget_rejections()
                with stop_clock(10.1):
                    answer = get(client, f"/user/{suffix}", raw)
                assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
    assert get(client, "/who/", raw).json()["code"] == "token_revoked"
    assert called == []
    assert CognitoUser.objects.get(username="cora").enabled
    assert get(client, "/user/", sign_in_at_api(emulator, "cora")).status_code == 200


def test_deleted_user_is_rejected_and_recorded(client: Client, emulator: Emulator, administration: Any) -> None:
    raw = sign_in_at_api(emulator, "dan")
    assert get(client, "/who/", raw).status_code == 200
    administration.admin_delete_user(UserPoolId=POOL_ID, Username="dan")
    assert get(client, "/directory/", raw).json()["code"] == "user_disabled_in_cognito"
    assert CognitoUser.objects.get(username="dan").gone_at is not None


def test_removed_group_is_missing_although_the_token_has_it(
    client: Client, emulator: Emulator, administration: Any, called: list[str]
) -> None:
    raw = sign_in_at_api(emulator, "eve")
    administration.admin_remove_user_from_group(UserPoolId=POOL_ID, Username="eve", GroupName="editors")
    with cases() as case:
        for suffix in SUFFIXES:
            with case(suffix):
                answer = get(client, f"/editors/{suffix}", raw)
                assert (answer.status_code, answer.json()["code"], called) == (403, "group_required", [])
    assert get(client, "/directory/", raw).status_code == 200


# Sessions at the local Cognito


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("user", ""), ("directory", "view/async/"), ("user", "api/")],
)
def test_session_of_a_rejected_user_ends(
    client: Client, emulator: Emulator, administration: Any, called: list[str], name: str, suffix: str
) -> None:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        assert sign_in_by_hand(browser, client, "finn").status_code == 302
    user = {"UserPoolId": POOL_ID, "Username": "finn"}
    if name == "user":
        administration.admin_user_global_sign_out(**user)
    else:
        administration.admin_disable_user(**user)
    answer = get(client, f"/{name}/{suffix}")
    administration.admin_enable_user(**user)
    if suffix == "api/":
        assert (answer.status_code, answer.json()["code"]) == (401, "login_ended")
    else:
        assert (answer.status_code, answer["Location"]) == (302, f"/auth/login/?next=/{name}/{suffix}")
    assert called == []
    assert get(client, "/who/").content == b"nobody"
    assert not CognitoLogin.objects.active().exists()


def test_session_of_an_accepted_user_gets_the_page(client: Client, emulator: Emulator, count_calls: Any) -> None:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        sign_in_by_hand(browser, client, "gil")
    for suffix in SUFFIXES:
        assert b"gil" in get(client, f"/user/{suffix}").content
    assert count_calls("GetUser") == 1


@pytest.mark.usefixtures("cognito_keys")
def test_session_ends_although_the_account_is_unlinked_meanwhile(
    client: Client, cognito: Any, monkeypatch: pytest.MonkeyPatch, called: list[str]
) -> None:
    monkeypatch.setattr(live_check, "record_gone", lambda link: CognitoUser.objects.filter(sub=link.sub).delete())
    sign_in(client, scope=ADMIN_SCOPE)
    with ScriptedServer(json_answer({"__type": "UserNotFoundException"}, 400)) as server:
        cognito(ENDPOINT_URL=server.url)
        assert get(client, "/user/")["Location"] == "/auth/login/?next=/user/"
    assert (get(client, "/who/").content, called) == (b"nobody", [])


# Outages


def test_cognito_that_does_not_respond_is_503(
    client: Client, emulator: Emulator, cognito: Any, called: list[str]
) -> None:
    raw = sign_in_at_api(emulator, "hana")
    assert get(client, "/who/", raw).status_code == 200
    with ScriptedServer(Silence()) as silent, cases() as case:
        cognito(ENDPOINT_URL=silent.url, HTTP_TIMEOUT_SECONDS=0.1)
        for name, suffix in product(("user", "directory"), SUFFIXES):
            with case(f"{name}/{suffix}"):
                answer = get(client, f"/{name}/{suffix}", raw)
                assert (answer.status_code, answer.json()["code"], called) == (503, "cognito_unavailable", [])
                assert int(answer["Retry-After"]) > 0
    assert get(client, "/who/", raw).status_code == 200  # an outage rejects no user
    assert CognitoUser.objects.get(username="hana").enabled


def test_page_of_an_outage_shows_that_nothing_was_saved(
    client: Client, cognito_keys: None, cognito: Any, unreachable: str, called: list[str]
) -> None:
    cognito(ENDPOINT_URL=unreachable)
    sign_in(client, scope=ADMIN_SCOPE)
    answer = client.post("/user/", headers={"accept": "text/html"})
    assert (answer.status_code, called) == (503, [])
    assert not answer.context["is_view_called"]
    assert client.get("/who/").content == b"alice"


@pytest.mark.usefixtures("cognito_keys")
def test_missing_right_in_aws_is_503_and_an_error_in_the_log(
    client: Client, cognito: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any, called: list[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-the-tests-alone")
    with ScriptedServer(json_answer({"__type": "AccessDeniedException"}, 400)) as server:
        cognito(ENDPOINT_URL=server.url)
        answer = get(client, "/directory/api/", make_token(username="iris"))
    assert (answer.status_code, answer.json()["code"], called) == (503, "directory_refused", [])
    assert "May the site's AWS role use AdminGetUser?" in caplog.text


# Requests whose user cannot be checked. No request is sent: the tests refuse other hosts.


@pytest.mark.usefixtures("cognito_keys")
def test_request_without_a_user_of_the_pool_is_refused(client: Client, called: list[str]) -> None:
    machine = make_token(username=None, scope=ADMIN_SCOPE)
    user = User.objects.create_user("local", password="a password of this site")
    local = Client()
    local.force_login(user, "django.contrib.auth.backends.ModelBackend")
    with cases() as case:
        for name, suffix in product(("user", "directory", "editors"), SUFFIXES):
            with case(f"{name}/{suffix}"):
                answer = get(client, f"/{name}/{suffix}", machine)
                assert (answer.status_code, answer.json()["code"]) == (403, "user_required")
                answer = get(client, f"/{name}/{suffix}")
                assert answer.status_code == (401 if suffix == "api/" else 302)
                answer = get(local, f"/{name}/{suffix}")
                assert answer.status_code == 403
                assert suffix != "api/" or answer.json()["code"] == "cognito_login_required"
    assert called == []


@EACH_SUFFIX
@pytest.mark.usefixtures("cognito_keys")
def test_token_without_the_scope_of_get_user_is_refused(
    client: Client, called: list[str], caplog: Any, suffix: str
) -> None:
    answer = get(client, f"/user/{suffix}", make_token())
    assert (answer.status_code, answer.json()["code"], called) == (403, "scope_required", [])
    assert answer["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{ADMIN_SCOPE}"'
    assert f"requires the scope {ADMIN_SCOPE} in the access token" in caplog.text
    assert "Add it to SCOPES" in caplog.text


@EACH_SUFFIX
@pytest.mark.usefixtures("cognito_keys")
def test_id_token_cannot_be_checked_by_get_user(
    client: Client, cognito: Any, called: list[str], caplog: Any, suffix: str
) -> None:
    cognito(TOKEN_USE=["access", "id"])
    answer = get(client, f"/user/{suffix}", make_token(token_use="id", scope=ADMIN_SCOPE))
    assert (answer.status_code, answer.json()["code"], called) == (401, "wrong_token_use", [])
    assert answer.json()["detail"] == "An ID token was sent. Send the access token."
    assert "for ID tokens, use by='directory'" in caplog.text


def test_id_token_is_checked_by_the_directory(client: Client, emulator: Emulator, cognito: Any) -> None:
    cognito(TOKEN_USE="id")
    app = emulator.service.client("1public")
    assert app is not None
    tokens = emulator.service.issue_api_tokens(app, emulator.service.get_user(app, "gil"))
    assert get(client, "/directory/", tokens["IdToken"]).status_code == 200


@pytest.mark.usefixtures("cognito_keys")
def test_user_of_another_package_is_not_that_of_the_session(client: Client, called: list[str]) -> None:
    """DRF authenticates bob, and the session is alice's: alice's token says nothing about bob."""
    User.objects.create(username="bob")
    sign_in(client, scope=ADMIN_SCOPE)
    for name in ("user", "directory"):
        answer = client.get(f"/{name}/api/", headers={"x-bob": "yes"})
        assert (answer.status_code, answer.json()["code"], called) == (403, "cognito_login_required", [])


@pytest.mark.usefixtures("cognito_keys")
def test_anonymous_script_gets_401_with_the_login(client: Client) -> None:
    answer = client.get("/user/", headers={"sec-fetch-mode": "cors"})
    assert (answer.status_code, answer.json()["login_url"]) == (401, "/auth/login/")


@pytest.mark.usefixtures("cognito_keys")
def test_check_without_the_middleware_is_misconfigured(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Cognito" not in name]
    for url in ("/user/", "/user/async/"):
        with pytest.raises(ImproperlyConfigured, match="requires CognitoMiddleware"):
            get(client, url)
    sign_in(client)
    assert client.get("/user/api/").status_code == 403  # without `request.cognito`, no session can be checked


def test_cache_that_is_down_lets_no_rejected_user_pass(
    client: Client, emulator: Emulator, administration: Any, settings: Any, called: list[str]
) -> None:
    raw = sign_in_at_api(emulator, "anna")
    settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    assert get(client, "/user/", raw).status_code == 200
    administration.admin_user_global_sign_out(UserPoolId=POOL_ID, Username="anna")
    called.clear()
    answer = get(client, "/user/", raw)
    assert (answer.status_code, answer.json()["code"], called) == (401, "token_revoked", [])
