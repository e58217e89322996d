"""The tokens of a login are decrypted at most once per request."""

import copy
import pickle
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh, store, stored_tokens
from django_cognito.testing import make_token
from tests.support.scenarios.login import change_login, create_login, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def use_tokens(request: Any) -> HttpResponse:
    """Use the login in each way that needs its tokens."""
    cognito = request.cognito
    values = (cognito.token.username, cognito.id_token.username, cognito.raw[:2], cognito.aws._id_token()[:2])
    return HttpResponse(" ".join(values))


async def use_tokens_async(request: Any) -> HttpResponse:
    await request.auser()
    return use_tokens(request)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("tokens/", use_tokens), path("tokens/async/", use_tokens_async), path("page/", page)]


@pytest.fixture
def decryptions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that has an item for each decryption."""
    calls: list[int] = []
    decrypt = stored_tokens.decrypt

    def count(*args: Any, **options: Any) -> bytes:
        calls.append(1)
        return decrypt(*args, **options)

    monkeypatch.setattr(stored_tokens, "decrypt", count)
    return calls


@pytest.mark.parametrize("url", ["/page/", "/tokens/"])
@pytest.mark.parametrize("ends_in", [3600, 30, -1], ids=["valid", "refresh soon", "expired"])
def test_request_decrypts_the_tokens_once(
    client: Client, token_endpoint: ScriptedServer, decryptions: list[int], url: str, ends_in: float
) -> None:
    create_login(client, ends_in=ends_in)
    token_endpoint.script(token_response())
    assert client.get(url).content.startswith(b"alice")
    assert len(decryptions) == 1


async def get_async(client: Client) -> Any:
    async_client = AsyncClient()
    async_client.cookies = client.cookies
    return await async_client.get("/tokens/async/")


def test_async_request_decrypts_the_tokens_once(
    client: Client, token_endpoint: ScriptedServer, decryptions: list[int]
) -> None:
    create_login(client, ends_in=-1)
    token_endpoint.script(token_response())
    assert async_to_sync(get_async)(client).content.startswith(b"alice")
    assert len(decryptions) == 1


def test_changed_row_is_decrypted_again(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client)
    assert store.decrypt_tokens(login).refresh_token == "a-refresh-token"
    token_endpoint.script(token_response(refresh_token="another"))
    refresh.ensure_fresh(change_login(CognitoLogin.objects.select_related("cognito_user").get(), ends_in=-1))
    assert store.decrypt_tokens(store.reload_login(login)).refresh_token == "another"


@pytest.mark.parametrize("duplicate", [copy.copy, lambda login: pickle.loads(pickle.dumps(login))])
def test_copy_of_a_login_has_no_decrypted_tokens(
    client: Client, token_endpoint: ScriptedServer, duplicate: Any
) -> None:
    login = create_login(client)
    store.decrypt_tokens(login)
    assert duplicate(login).opened_tokens is None
    assert make_token(username="alice")[:20] not in repr(login.opened_tokens)
    assert repr(login.opened_tokens) == f"OpenedTokens(user_pool_id='{login.cognito_user.user_pool_id}')"
