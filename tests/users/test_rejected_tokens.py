"""Every entry point rejects every invalid token, without an HTTP request, a query or a write."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.backends import CognitoBackend
from django_cognito.core.errors import TokenError
from django_cognito.factories import discard_instances, get_verifier
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from django_cognito.users.authentication import aauthenticate, authenticate
from tests.core.tokens.forging import needs_fetch
from tests.support.callers import bearer, with_id_token
from tests.support.hostile_tokens import OTHERS, TEXTS

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]
without_io = pytest.mark.usefixtures("_without_io")
WITHOUT_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
MakeToken = Callable[[], Any]
# The verifier is tested with the whole table; each entry point with five kinds: size, encoding, header syntax, issuer
# and expiry. An entry point does nothing else that depends on the reason.
REPRESENTATIVES = ("a million dots", "a lone surrogate in a token", "a header of its own", "another issuer", "no end")
representative_texts = pytest.mark.parametrize("text", [pytest.param(TEXTS[name], id=name) for name in REPRESENTATIVES])
representative_tokens = pytest.mark.parametrize(
    "make_raw",
    [
        *(pytest.param(TEXTS[name], id=name) for name in REPRESENTATIVES if name != "a header of its own"),
        pytest.param(lambda: OTHERS["bytes"], id="bytes, no text"),
    ],
)
each_invalid_token = pytest.mark.parametrize(
    "make_raw",
    [
        *(pytest.param(make_raw, id=name) for name, make_raw in TEXTS.items()),
        *(pytest.param(lambda value=value: value, id=f"{name}, no text") for name, value in OTHERS.items()),
    ],
)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Yield a server that serves the pool's JWKS."""
    with ScriptedServer(json_answer(jwks())) as started:
        yield started


@pytest.fixture
def keys(server: ScriptedServer, settings: Any) -> Iterator[ScriptedServer]:
    """Configure a site without cached keys; yield the JWKS server, without requests so far."""
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{server.url}/jwks.json"}
    server.requests.clear()
    yield server
    discard_instances()


@pytest.fixture
def _without_io(keys: ScriptedServer, django_assert_num_queries: Any) -> Iterator[None]:
    """Assert that the test makes no HTTP request and no query, and creates no user."""
    with django_assert_num_queries(0):
        yield
    assert keys.count == 0
    assert not get_user_model().objects.exists()


def get(client: Client | AsyncClient, url: str, headers: dict[str, str]) -> Any:
    if isinstance(client, Client):
        return client.get(url, headers=headers)
    # A server passes the received bytes on as Latin-1.
    encoded = {name: value.encode(errors="surrogatepass").decode("latin-1") for name, value in headers.items()}
    return async_to_sync(client.get)(url, headers=encoded)


def assert_rejected(response: Any, raw: str) -> None:
    assert response.status_code == 401
    assert response["Content-Type"] == "application/json"
    assert set(json.loads(response.content)) == {"detail", "code", "login_url"}
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert not response.cookies
    assert len(raw) < 10 or raw[:200] not in response.content.decode()


@without_io
@each_invalid_token
def test_verifier_rejects_invalid_token(make_raw: MakeToken) -> None:
    raw, verifier = make_raw(), get_verifier()
    assert needs_fetch(verifier, raw) in (True, False)
    with pytest.raises(TokenError):
        verifier.verify(raw)


@without_io
@representative_tokens
def test_authenticate_rejects_invalid_token(make_raw: MakeToken) -> None:
    with pytest.raises(TokenError):
        authenticate(make_raw())


@without_io
@representative_tokens
def test_aauthenticate_rejects_invalid_token(make_raw: MakeToken) -> None:
    with pytest.raises(TokenError):
        async_to_sync(aauthenticate)(make_raw())


@without_io
@representative_tokens
def test_backend_returns_none_for_invalid_token(make_raw: MakeToken) -> None:
    assert CognitoBackend().authenticate(None, cognito_token=make_raw()) is None
    assert async_to_sync(CognitoBackend().aauthenticate)(None, cognito_token=make_raw()) is None


@without_io
@representative_texts
@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/")])
def test_middleware_responds_401_to_invalid_token(make: Callable[[], Any], url: str, text: Callable[[], str]) -> None:
    raw = text()
    assert_rejected(get(make(), url, bearer(raw)), raw)


@without_io
@representative_texts
@pytest.mark.parametrize(("make", "installed"), [(Client, True), (Client, False), (AsyncClient, True)])
def test_drf_responds_401_to_invalid_token(
    make: Callable[[], Any], installed: bool, text: Callable[[], str], settings: Any
) -> None:
    if not installed:
        settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    raw = text()
    assert_rejected(get(make(), "/api/", bearer(raw)), raw)


@without_io
@representative_texts
@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/"), (Client, "/api/")])
def test_invalid_id_token_with_a_valid_token_is_rejected(
    make: Callable[[], Any], url: str, text: Callable[[], str], cognito_keys: None
) -> None:
    raw = text()
    assert_rejected(get(make(), url, with_id_token(make_token(), raw)), raw)


def test_valid_token_fetches_keys_and_creates_the_user(client: Client, keys: ScriptedServer) -> None:
    assert client.get("/who/", headers=bearer(make_token())).content == b"alice"
    assert keys.count == 1
    assert CognitoUser.objects.count() == 1


@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/"), (Client, "/api/")])
def test_django_allauth_disabled_account_with_valid_token_is_rejected(
    make: Callable[[], Any], url: str, cognito_keys: None
) -> None:
    authenticate(make_token(groups=["admins"]))
    get_user_model().objects.update(is_active=False)
    response = get(make(), url, bearer(make_token(groups=["admins"])))
    assert_rejected(response, "")
    assert json.loads(response.content)["code"] == "user_inactive"
