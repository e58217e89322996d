"""After a sign-out nothing of the user is reachable from the cache of AWS clients: no client, no raw ID token."""

import gc
import types
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from django_cognito.aws import client_cache
from django_cognito.factories import get_identity_pool
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.callers import end_tokens
from tests.support.login_scenario import refusal, token_answer
from tests.support.scripted_server import ScriptedServer

from . import request_aws_views
from .token_identity_endpoint import POOL_ID, PeopleEndpoint


def sign_out_by_django(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse()


urlpatterns = [
    *request_aws_views.urlpatterns,
    path("auth/", include("django_cognito.urls")),
    path("own/logout/", sign_out_by_django),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _identity_pool(settings: Any, cognito_keys: None) -> Iterator[None]:
    client_cache.clear_cache()
    with PeopleEndpoint() as endpoint:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
        yield
    client_cache.clear_cache()


def id_token_of(username: str) -> str:
    login = CognitoLogin.objects.select_related("cognito_user").get(cognito_user__username=username)
    return store.decrypt_tokens(login).id_token


def is_reachable(text: str) -> bool:
    """Return whether an object that the module holds, at whatever depth, contains that text."""
    seen, todo = set(), [client_cache._cache]
    while todo:
        found = todo.pop()
        if isinstance(found, str) and text in found:
            return True
        if id(found) not in seen and not isinstance(found, types.ModuleType | types.FunctionType | type):
            seen.add(id(found))
            todo.extend(gc.get_referents(found))
    return False


def use_aws(client: Client) -> None:
    assert client.get("/mine/").status_code == 200


@pytest.mark.parametrize("url", ["/auth/logout/", "/own/logout/"])
def test_sign_out_forgets_the_users_clients_and_id_token(
    client: Client, token_endpoint: ScriptedServer, url: str
) -> None:
    bobs = Client()
    sign_in(client, "alice"), sign_in(bobs, "bob")
    use_aws(client), use_aws(bobs)
    alice, bob = id_token_of("alice"), id_token_of("bob")
    assert [is_reachable(alice), is_reachable(bob)] == [True, True]
    client.post(url)
    assert [is_reachable(alice), is_reachable(bob)] == [False, True]


def test_sign_out_forgets_earlier_id_tokens_too(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", refresh_token="a-refresh-token")
    use_aws(client)
    former = id_token_of("alice")
    token_endpoint.script(token_answer())
    end_tokens()
    use_aws(client)
    assert is_reachable(former)
    client.post("/auth/logout/")
    assert len(client_cache._cache) == 0


def test_sign_out_everywhere_forgets_every_linked_account(client: Client, token_endpoint: ScriptedServer) -> None:
    headers = {
        "authorization": f"Bearer {make_token(username='google')}",
        "x-cognito-id-token": make_token(token_use="id", username="google"),
    }
    user = sign_in(client, "alice")
    assert client.get("/mine/", headers=headers).status_code == 200
    CognitoUser.objects.filter(username="google").update(user=user)
    client.post("/auth/logout/")
    assert len(client_cache._cache) == 1
    sign_in(client, "alice")
    client.post("/auth/logout/", {"where": "everywhere"})
    assert len(client_cache._cache) == 0


def test_login_that_cognito_ended_is_forgotten(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", refresh_token="a-refresh-token")
    use_aws(client)
    token_endpoint.script(refusal())
    end_tokens()
    client.get("/untouched/")
    assert client.get("/mine/").status_code == 403
    assert len(client_cache._cache) == 0


def test_what_is_no_token_is_cached_for_no_user() -> None:
    client_cache.get_or_create_aws(get_identity_pool(), "no token")
    client_cache.evict_users(["alice"])
    assert len(client_cache._cache) == 1
