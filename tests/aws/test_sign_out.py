"""A sign-out evicts the user from the cache of AWS clients: no client and no raw ID token is reachable."""

import gc
import types
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.aws import client_cache
from django_cognito.factories import get_identity_pool
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.callers import end_tokens
from tests.support.scenarios.login import refusal, token_response

from . import request_aws_views
from .token_identity_endpoint import POOL_ID, TokenIdentityEndpoint


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
    with TokenIdentityEndpoint() as endpoint:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
        yield
    client_cache.clear_cache()


def id_token_of(username: str) -> str:
    login = CognitoLogin.objects.select_related("cognito_user").get(cognito_user__username=username)
    return store.decrypt_tokens(login).id_token


def is_reachable(text: str) -> bool:
    """Return whether an object that is reachable from the cache contains `text`."""
    visited, remaining = set(), [client_cache._cache]
    while remaining:
        value = remaining.pop()
        if isinstance(value, str) and text in value:
            return True
        if id(value) not in visited and not isinstance(value, types.ModuleType | types.FunctionType | type):
            visited.add(id(value))
            remaining.extend(gc.get_referents(value))
    return False


def use_aws(client: Client) -> None:
    assert client.get("/identity/").status_code == 200


@pytest.mark.parametrize("url", ["/auth/logout/", "/own/logout/"])
def test_sign_out_evicts_the_users_clients_and_id_token(
    client: Client, token_endpoint: ScriptedServer, url: str
) -> None:
    other_client = Client()
    sign_in(client, "alice"), sign_in(other_client, "bob")
    use_aws(client), use_aws(other_client)
    alice, bob = id_token_of("alice"), id_token_of("bob")
    assert [is_reachable(alice), is_reachable(bob)] == [True, True]
    client.post(url)
    assert [is_reachable(alice), is_reachable(bob)] == [False, True]


def test_sign_out_evicts_earlier_id_tokens(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", refresh_token="a-refresh-token")
    use_aws(client)
    former = id_token_of("alice")
    token_endpoint.script(token_response())
    end_tokens()
    use_aws(client)
    assert is_reachable(former)
    client.post("/auth/logout/")
    assert len(client_cache._cache) == 0


def test_sign_out_everywhere_evicts_every_linked_account(client: Client, token_endpoint: ScriptedServer) -> None:
    headers = {
        "authorization": f"Bearer {make_token(username='google')}",
        "x-cognito-id-token": make_token(token_use="id", username="google"),
    }
    user = sign_in(client, "alice")
    assert client.get("/identity/", headers=headers).status_code == 200
    CognitoUser.objects.filter(username="google").update(user=user)
    client.post("/auth/logout/")
    assert len(client_cache._cache) == 1
    sign_in(client, "alice")
    client.post("/auth/logout/", {"where": "everywhere"})
    assert len(client_cache._cache) == 0


def test_rejected_refresh_evicts_the_user(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", refresh_token="a-refresh-token")
    use_aws(client)
    token_endpoint.script(refusal())
    end_tokens()
    client.get("/unused/")
    assert client.get("/identity/").status_code == 403
    assert len(client_cache._cache) == 0


def test_malformed_token_is_evicted_with_no_user() -> None:
    client_cache.get_or_create_aws(get_identity_pool(), "no token")
    client_cache.evict_users(["alice"])
    assert len(client_cache._cache) == 1
