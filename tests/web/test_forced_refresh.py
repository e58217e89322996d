"""`request.cognito.refresh()` and `arefresh()`: changed rights count in the same request."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito import factories
from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh, store
from django_cognito.testing import make_token
from tests.support.local_cognito import POOL_ID, seed_for, settings_for, sign_in_by_hand
from tests.support.scenarios.login import change_login, create_login, refusal, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

URLS = ["/refresh/", "/refresh/async/"]


def get_rights(user: Any) -> list[bool]:
    """Return whether the user is staff, has a mapped permission, and a permission of a Django group."""
    return [user.is_staff, user.has_perm("auth.change_group"), user.has_perm("auth.view_group")]


def refresh_view(request: Any) -> JsonResponse:
    user = request.user
    before = get_rights(user)
    request.cognito.refresh()
    return JsonResponse({"before": before, "after": get_rights(user), "same": user == request.user})


async def refresh_async_view(request: Any) -> JsonResponse:
    user = await request.auser()
    before = await sync_to_async(get_rights)(user)
    await request.cognito.arefresh()
    after = await sync_to_async(get_rights)(user)
    return JsonResponse({"before": before, "after": after, "same": user is await request.auser()})


def catch_view(request: HttpRequest) -> JsonResponse:
    """Return the error of a refresh, and the user after it."""
    try:
        request.cognito.refresh()  # type: ignore[attr-defined]
        error: Any = None
    except Exception as caught:  # noqa: BLE001
        error = caught
    code = getattr(error, "code", "")
    return JsonResponse({"error": type(error).__name__, "code": code, "user": request.user.get_username()})


urlpatterns = [
    path("refresh/", refresh_view),
    path("refresh/async/", refresh_async_view),
    path("catch/", catch_view),
    path("auth/", include("django_cognito.urls")),
]


def get(client: Client, url: str, **options: Any) -> Any:
    """Request `url`, an async view by the async client with the same cookies."""
    if "async" not in url:
        return client.get(url, **options)
    async_client = AsyncClient()
    async_client.cookies = client.cookies
    return async_to_sync(async_client.get)(url, **options)


@pytest.fixture
def emulator(settings: Any, db: None) -> Iterator[Emulator]:
    groups = {"editors": {"permissions": ["auth.change_group"], "groups": ["Editors"], "staff": True}}
    permission = Permission.objects.get(codename="view_group")
    Group.objects.create(name="Editors").permissions.add(permission)
    with Emulator(seed=seed_for("http://testserver")) as emulator:
        settings.COGNITO = settings_for(emulator, "3rotating", GROUPS=groups)
        yield emulator
    factories.discard_instances()


@pytest.mark.parametrize("url", URLS)
def test_group_added_at_cognito_counts_in_the_same_request(client: Client, emulator: Emulator, url: str) -> None:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        sign_in_by_hand(browser, client)
    keys = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "a"}
    idp: Any = boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, **keys)
    idp.create_group(UserPoolId=POOL_ID, GroupName="editors")
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username="alice", GroupName="editors")
    # Of two tokens of one second, the groups that are in both count (design decision 7).
    issued_at = store.get_access_token(CognitoLogin.objects.get()).issued_at
    time.sleep(max(0, issued_at.timestamp() + 1 - time.time()))
    assert get(client, url).json() == {"before": [False] * 3, "after": [True] * 3, "same": True}
    assert CognitoLogin.objects.get().version == 1


@pytest.mark.parametrize("url", URLS)
def test_outage_during_a_forced_refresh_is_503(client: Client, token_endpoint: ScriptedServer, url: str) -> None:
    create_login(client)
    token_endpoint.script(Answer(500))
    response = get(client, url)
    assert (response.status_code, response.json()["code"]) == (503, "cognito_unavailable")
    assert get(client, url).status_code == 503
    assert token_endpoint.count == 1  # in the back-off period no request is sent


def test_outage_during_a_forced_refresh_keeps_the_user(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    token_endpoint.script(Answer(500))
    expected = {"error": "CognitoUnavailableError", "code": "cognito_unavailable", "user": "alice"}
    assert client.get("/catch/").json() == expected


def test_rejected_token_after_a_lost_response_is_unavailable(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client, sent_ago=25)
    token_endpoint.script(refusal())
    assert client.get("/catch/").json()["error"] == "CognitoUnavailableError"
    assert CognitoLogin.objects.active().count() == 1


def test_tokens_refreshed_meanwhile_are_used(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client)
    stale_login = CognitoLogin.objects.select_related("cognito_user").get()
    token_endpoint.script(token_response())
    refresh.ensure_fresh(login, min_version=1)
    assert refresh.ensure_fresh(stale_login, min_version=1).version == 1
    assert token_endpoint.count == 1


def test_forced_refresh_of_an_ended_login_makes_the_user_anonymous(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    create_login(client)
    token_endpoint.script(refusal())
    assert client.get("/catch/").json() == {"error": "SignInError", "code": "login_ended", "user": ""}
    assert "sessionid" not in client.cookies or not client.session.keys()


@pytest.mark.parametrize("url", URLS)
def test_forced_refresh_of_an_ended_login_redirects_a_page(
    client: Client, token_endpoint: ScriptedServer, url: str
) -> None:
    create_login(client)
    token_endpoint.script(refusal())
    response = get(client, url)
    assert (response.status_code, response["Location"]) == (302, f"/auth/login/?next={url}")


@pytest.mark.parametrize("url", URLS)
def test_forced_refresh_of_an_ended_login_is_401_for_a_script(
    client: Client, token_endpoint: ScriptedServer, url: str
) -> None:
    create_login(client)
    token_endpoint.script(refusal())
    response = get(client, url, headers={"Sec-Fetch-Mode": "cors"})
    assert (response.status_code, response.json()["code"]) == (401, "login_ended")


def test_forced_refresh_of_a_disabled_user_makes_it_anonymous(client: Client, token_endpoint: ScriptedServer) -> None:
    user = create_login(client).cognito_user.user
    user.set_password("changed")
    user.save()
    token_endpoint.script(token_response(), Answer())
    assert client.get("/catch/").json()["user"] == ""


@pytest.mark.parametrize(
    ("headers", "source"), [({"Authorization": f"Bearer {make_token()}"}, "a bearer token"), ({}, "none")]
)
@pytest.mark.usefixtures("cognito_keys")
def test_refresh_without_a_login_is_a_type_error(client: Client, headers: dict[str, str], source: str) -> None:
    assert client.get("/catch/", headers=headers).json()["error"] == "TypeError"
    with pytest.raises(TypeError, match=source):
        client.get("/refresh/" if headers else "/refresh/anonymous/", headers=headers)


def anonymous_view(request: Any) -> JsonResponse:
    assert request.user == AnonymousUser()
    request.cognito.refresh()
    return JsonResponse({})


urlpatterns.append(path("refresh/anonymous/", anonymous_view))


def test_login_that_expires_soon_is_refreshed_twice(client: Client, token_endpoint: ScriptedServer) -> None:
    change_login(create_login(client), ends_in=30)
    token_endpoint.script(token_response(), token_response())
    assert client.get("/refresh/").status_code == 200
    assert (CognitoLogin.objects.get().version, token_endpoint.count) == (2, 2)
