"""`request.cognito.id_token`: the verified ID token of the caller's own sign-in, with each entry point."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.core import IdToken
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.models import CognitoLogin
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, end_tokens, with_id_token
from tests.support.pages import function_of_page
from tests.support.scenarios.login import change_login, token_response

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("cognito_keys"),
    pytest.mark.urls("tests.support.entry_point_views"),
]
GOOGLE = [{"providerName": "Google", "userId": "1", "primary": "true"}]
VIEWS = ["/who/", "/who/async/", "/api/"]


def id_token_at(url: str, headers: dict[str, str] | None = None, client: Any = None) -> IdToken | None:
    """Return `request.cognito.id_token` after the view; async views run under ASGI."""
    if "async" in url:
        aclient = AsyncClient()
        aclient.cookies = client.cookies if client is not None else aclient.cookies
        return async_to_sync(aclient.get)(url, headers=headers).asgi_request.cognito.id_token  # type: ignore[no-any-return]
    request: Any = (client or Client()).get(url, headers=headers).wsgi_request
    return request.cognito.id_token  # type: ignore[no-any-return]


@pytest.mark.parametrize("url", VIEWS)
def test_access_token_alone_has_no_id_token(url: str) -> None:
    assert id_token_at(url, bearer(make_token())) is None


@pytest.mark.parametrize("url", VIEWS)
def test_access_token_with_id_token_has_its_claims(url: str) -> None:
    raw = make_token(token_use="id", identities=GOOGLE, **{"custom:tenant": "acme"})
    token = id_token_at(url, with_id_token(make_token(), raw))
    assert token is not None
    assert (token.claims["identities"][0]["providerName"], token.claims["custom:tenant"]) == ("Google", "acme")
    assert (token.user_pool_id, token.email) == ("eu-west-1_TestPool1", "alice@example.com")


@pytest.mark.parametrize("url", VIEWS)
def test_bearer_id_token_is_the_id_token(url: str, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": "id"}
    token = id_token_at(url, bearer(make_token(token_use="id", email="ada@example.com")))
    assert token is not None
    assert token.email == "ada@example.com"


@pytest.mark.parametrize("url", VIEWS)
def test_machine_client_has_no_id_token(url: str) -> None:
    assert id_token_at(url, bearer(make_token(username=None, scope="orders/read"))) is None


@pytest.mark.parametrize("url", VIEWS[:2])
def test_session_has_the_stored_id_token_without_a_query(client: Client, url: str, writes: Any) -> None:
    sign_in(client, identities=GOOGLE)
    with writes(0):
        token = id_token_at(url, client=client)
    assert token is not None
    assert token.claims["identities"][0]["providerName"] == "Google"


def test_id_token_of_a_loaded_session_makes_no_query(client: Client, django_assert_num_queries: Any) -> None:
    sign_in(client)
    request: Any = client.get("/who/").wsgi_request
    with django_assert_num_queries(0):
        assert request.cognito.id_token.username == "alice"


@pytest.mark.parametrize("url", VIEWS)
def test_bearer_request_never_has_the_sessions_id_token(client: Client, url: str) -> None:
    sign_in(client, "carol")
    assert id_token_at(url, bearer(make_token()), client) is None


@pytest.mark.parametrize("url", VIEWS[:2])
@pytest.mark.parametrize("signed_in", [True, False])
def test_header_never_replaces_the_sessions_id_token(client: Client, url: str, signed_in: bool) -> None:
    if signed_in:
        sign_in(client, "carol")
    token = id_token_at(url, {"x-cognito-id-token": make_token(token_use="id", username="mallory")}, client)
    assert (token.username if token else None) == ("carol" if signed_in else None)


def test_refreshed_session_has_the_new_id_token(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, refresh_token="r", given_name="Old")
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    token_endpoint.script(token_response(id_token=make_token(token_use="id", given_name="New")))
    token = id_token_at("/who/", client=client)
    assert token is not None
    assert token.claims["given_name"] == "New"


@pytest.mark.usefixtures("cognito_down")
def test_id_token_past_expiry_in_an_outage_is_unavailable(client: Client) -> None:
    sign_in(client, refresh_token="r")
    end_tokens()
    with pytest.raises(CognitoUnavailableError):
        id_token_at("/who/", client=client)


def test_local_and_anonymous_users_have_no_id_token(client: Client, django_user_model: Any) -> None:
    assert id_token_at("/who/", client=client) is None
    local = django_user_model.objects.create_user("local")
    client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
    assert id_token_at("/who/", client=client) is None


def test_id_token_of_a_replaced_user_is_none(client: Client, django_user_model: Any) -> None:
    sign_in(client)
    request: Any = client.get("/who/").wsgi_request
    request.user = django_user_model.objects.create_user("eve")
    assert request.cognito.id_token is None


def test_documented_view_shows_provider_and_tenant(client: Client) -> None:
    view = function_of_page("requests", "provider")
    sign_in(client, identities=GOOGLE, **{"custom:tenant": "acme"})
    request = client.get("/who/").wsgi_request
    assert json.loads(view(request).content) == {"signed in with": ["Google"], "tenant": "acme"}
    native = client.get("/who/", headers=bearer(make_token())).wsgi_request
    assert json.loads(view(native).content) == {"signed in with": ["Cognito"], "tenant": None}
