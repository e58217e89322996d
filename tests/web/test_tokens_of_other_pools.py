"""A token of another user pool than the host's is rejected at every entry point, before anything is read or written.

Each host belongs to one tenant: POOL_RESOLVER returns "acme" for a.example.com, "zen" for b.example.com.
"""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import AsyncClient, Client, RequestFactory
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.errors import IssuerError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import aauthenticate, authenticate
from django_cognito.web.pool_selection import (
    aget_accepted_pool_ids,
    ais_pool_accepted,
    get_accepted_pool_ids,
    is_pool_accepted,
)
from tests.support.callers import bearer

ACME, ZEN = "eu-west-1_AcmePool1", "us-east-1_ZenPool01"
POOLS = {"acme": {"USER_POOL_ID": ACME, "CLIENT_ID": "1acme"}, "zen": {"USER_POOL_ID": ZEN, "CLIENT_ID": "1zen"}}
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("tenants"),
]


def alias_of(request: Any) -> str | None:
    """POOL_RESOLVER by host; it reads the database, as a site with a table of tenants does."""
    Group.objects.exists()
    return {"a.example.com": "acme", "b.example.com": "zen"}.get(request.get_host())


@pytest.fixture
def tenants(settings: Any, cognito_keys: None) -> None:
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["a.example.com", "b.example.com", "c.example.com"]
    settings.COGNITO = {"POOLS": POOLS, "POOL_RESOLVER": alias_of, "MIRROR_GROUPS": True}


def headers(raw: str, host: str) -> dict[str, str]:
    return {**bearer(raw), "host": host}


def call_async_middleware(raw: str, host: str) -> int:
    request_headers = {**bearer(raw), "x-forwarded-host": host}  # the test client sends its own Host
    return int(async_to_sync(AsyncClient().get)("/who/async/", headers=request_headers).status_code)


def call_backend(raw: str, host: str) -> int:
    user = auth.authenticate(RequestFactory().get("/", headers={"host": host}), cognito_token=raw)
    return 401 if user is None else 200


def call_async_backend(raw: str, host: str) -> int:
    request = RequestFactory().get("/", headers={"host": host})
    return 401 if async_to_sync(auth.aauthenticate)(request, cognito_token=raw) is None else 200


ENTRY_POINTS: dict[str, Callable[[str, str], int]] = {
    "the middleware": lambda raw, host: Client().get("/who/", headers=headers(raw, host)).status_code,
    "the async middleware": call_async_middleware,
    "DRF": lambda raw, host: Client().get("/api/", headers=headers(raw, host)).status_code,
    "the backend": call_backend,
    "the async backend": call_async_backend,
}
each_entry_point = pytest.mark.parametrize("get_status", ENTRY_POINTS.values(), ids=ENTRY_POINTS)


@each_entry_point
@pytest.mark.parametrize("host", ["a.example.com", "c.example.com"])
def test_token_of_another_pool_is_rejected_and_writes_nothing(get_status: Any, host: str) -> None:
    assert get_status(make_token(alias="zen", groups=["editors"]), host) == 401
    assert (get_user_model().objects.count(), CognitoUser.objects.count(), Group.objects.count()) == (0, 0, 0)


@each_entry_point
def test_token_of_another_pool_that_is_cached_is_rejected(get_status: Any) -> None:
    raw = make_token(alias="zen")
    assert [get_status(raw, f"{host}.example.com") for host in "bab"] == [200, 401, 200]


@each_entry_point
def test_client_token_of_another_pool_is_rejected(get_status: Any) -> None:
    raw = make_token(alias="zen", username=None, scope="orders/read")
    own = 401 if get_status in (call_backend, call_async_backend) else 200  # the backend returns users only
    assert [get_status(raw, f"{host}.example.com") for host in "bac"] == [own, 401, 401]


@each_entry_point
def test_token_of_another_pool_is_accepted_if_the_site_allows_it(get_status: Any, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKENS_OF_OTHER_POOLS": "allow"}
    assert get_status(make_token(alias="zen"), "a.example.com") == 200


@each_entry_point
def test_token_of_any_pool_is_accepted_without_a_resolver(get_status: Any, settings: Any) -> None:
    settings.COGNITO = {"POOLS": POOLS}
    assert get_status(make_token(alias="zen"), "a.example.com") == 200


def test_rejected_token_of_another_pool_has_the_code_wrong_issuer() -> None:
    for path in ("/who/", "/api/"):
        response = Client().get(path, headers=headers(make_token(alias="zen"), "a.example.com"))
        assert (response.json()["code"], response["WWW-Authenticate"]) == (
            "wrong_issuer",
            'Bearer error="invalid_token"',
        )


def test_token_of_another_pool_beside_a_session_is_rejected(client: Client) -> None:
    client.force_login(get_user_model().objects.create(username="alice"))
    assert client.get("/who/", headers=headers(make_token(alias="zen"), "a.example.com")).status_code == 401


def test_backend_without_a_request_accepts_every_pool() -> None:
    assert auth.authenticate(None, cognito_token=make_token(alias="zen")) is not None


@pytest.mark.parametrize("call", [authenticate, async_to_sync(aauthenticate)], ids=["sync", "async"])
@pytest.mark.parametrize("accepted_pool_ids", [(), (ACME,), [ACME], {ACME}, ACME, f"{ZEN}-and-more"])
def test_authenticate_rejects_a_token_of_no_accepted_pool(
    call: Any, accepted_pool_ids: Any, django_assert_num_queries
) -> None:
    with django_assert_num_queries(0), pytest.raises(IssuerError) as caught:
        call(make_token(alias="zen"), user_pool_ids=accepted_pool_ids)
    assert (caught.value.code, caught.value.user_pool_id, caught.value.client_id) == ("wrong_issuer", ZEN, "1zen")


@pytest.mark.parametrize("call", [authenticate, async_to_sync(aauthenticate)], ids=["sync", "async"])
@pytest.mark.parametrize("accepted_pool_ids", [None, (ZEN,), (ACME, ZEN), ZEN])
def test_authenticate_accepts_a_token_of_an_accepted_pool(call: Any, accepted_pool_ids: Any) -> None:
    _, token = call(make_token(alias="zen"), user_pool_ids=accepted_pool_ids)
    assert token.user_pool_id == ZEN


def test_token_of_another_pool_fetches_no_key(settings: Any) -> None:
    with ScriptedServer() as server:
        server.script(Answer(500))
        zen = {**POOLS["zen"], "USER_POOL_ID": "us-east-1_ZenPool02", "JWKS_URI": f"{server.url}/jwks.json"}
        settings.COGNITO = {**settings.COGNITO, "POOLS": {"acme": POOLS["acme"], "zen": zen}}
        with pytest.raises(IssuerError):
            authenticate(make_token(alias="zen", header={"kid": "unknown"}), user_pool_ids=(ACME,))
        assert server.count == 0


@pytest.mark.parametrize(
    ("host", "changes", "expected"),
    [
        ("a.example.com", {}, (ACME,)),
        ("b.example.com", {}, (ZEN,)),
        ("c.example.com", {}, ()),
        ("a.example.com", {"TOKENS_OF_OTHER_POOLS": "allow"}, None),
        ("a.example.com", {"POOL_RESOLVER": ""}, None),
    ],
)
def test_pool_ids_accepted_at_a_host(settings: Any, host: str, changes: dict[str, Any], expected: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, **changes}
    request = RequestFactory().get("/", headers={"host": host})
    assert get_accepted_pool_ids(request) == async_to_sync(aget_accepted_pool_ids)(request) == expected
    for pool in (ACME, ZEN):
        is_accepted = expected is None or pool in expected
        assert is_pool_accepted(request, pool) is async_to_sync(ais_pool_accepted)(request, pool) is is_accepted


# Session logins


def sign_in_at_acme(client: Any) -> None:
    """Sign alice of acme in, with a cookie that the browser sends to the other tenants' hosts too."""
    sign_in(client, "alice", alias="acme", groups=["editors"], refresh_token="r")


def get_username(client: Any, host: str) -> str:
    if isinstance(client, AsyncClient):
        response = async_to_sync(client.get)("/who/async/", headers={"x-forwarded-host": host})
    else:
        response = client.get("/who/", headers={"host": host})
    return str(response.content.decode())


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
@pytest.mark.parametrize("host", ["b.example.com", "c.example.com"])
def test_login_of_another_pool_is_anonymous_and_not_deleted(client_class: Any, host: str) -> None:
    client = client_class()
    sign_in_at_acme(client)
    assert get_username(client, host) == "nobody"
    assert get_username(client, "a.example.com") == "alice"


def test_expired_login_of_another_pool_is_not_refreshed(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": token_endpoint.url}
    client = Client()
    sign_in_at_acme(client)
    CognitoLogin.objects.update(expires_at="2026-01-01T00:00Z")
    assert get_username(client, "b.example.com") == "nobody"
    assert (token_endpoint.count, CognitoLogin.objects.count()) == (0, 1)


@pytest.mark.parametrize("changes", [{"TOKENS_OF_OTHER_POOLS": "allow"}, {"POOL_RESOLVER": ""}])
def test_login_of_another_pool_passes_if_the_site_allows_it(settings: Any, changes: dict[str, Any]) -> None:
    client = Client()
    sign_in_at_acme(client)
    settings.COGNITO = {**settings.COGNITO, **changes}
    assert get_username(client, "b.example.com") == "alice"
