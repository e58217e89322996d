"""One verdict for every input, at every door: refused, and nothing else. Nobody is asked, nothing is written."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client

from django_cognito.backends import CognitoBackend
from django_cognito.core.errors import TokenError
from django_cognito.factories import get_verifier, reset
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from django_cognito.users.authentication import aauthenticate, authenticate
from tests.core.tokens.forging import needs_fetch
from tests.support.callers import bearer, with_id_token
from tests.support.hostile_tokens import OTHERS, TEXTS
from tests.support.scripted_server import ScriptedServer, json_answer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]
untouched = pytest.mark.usefixtures("_untouched")
WITHOUT_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
Made = Callable[[], Any]
# The whole table is tried at the verifier; at each entry point five of its kinds: size, encoding, header syntax, issuer
# and expiry. What an entry point does beside the verifier does not depend on the reason.
REPRESENTATIVES = ("20 MB", "a lone surrogate in a token", "a header of its own", "another issuer", "no end")
SOME_TEXT = pytest.mark.parametrize("text", [pytest.param(TEXTS[name], id=name) for name in REPRESENTATIVES])
SOMETHING = pytest.mark.parametrize(
    "made",
    [
        *(pytest.param(TEXTS[name], id=name) for name in REPRESENTATIVES if name != "a header of its own"),
        pytest.param(lambda: OTHERS["bytes"], id="bytes, no text"),
    ],
)
ANYTHING = pytest.mark.parametrize(
    "made",
    [
        *(pytest.param(made, id=name) for name, made in TEXTS.items()),
        *(pytest.param(lambda value=value: value, id=f"{name}, no text") for name, value in OTHERS.items()),
    ],
)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Where the pool publishes its keys."""
    with ScriptedServer(json_answer(jwks())) as started:
        yield started


@pytest.fixture
def keys(server: ScriptedServer, settings: Any) -> Iterator[ScriptedServer]:
    """A site that has no key yet; its pool was not asked so far."""
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{server.url}/jwks.json"}
    server.requests.clear()
    yield server
    reset()


@pytest.fixture
def _untouched(keys: ScriptedServer, django_assert_num_queries: Any) -> Iterator[None]:
    """Nobody is asked, and nothing is read or written."""
    with django_assert_num_queries(0):
        yield
    assert keys.count == 0
    assert not get_user_model().objects.exists()


def get(client: Client | AsyncClient, url: str, headers: dict[str, str]) -> Any:
    if isinstance(client, Client):
        return client.get(url, headers=headers)
    # What a server hands on: the bytes that came, as Latin-1.
    on_the_wire = {name: value.encode(errors="surrogatepass").decode("latin-1") for name, value in headers.items()}
    return async_to_sync(client.get)(url, headers=on_the_wire)


def assert_refused(answer: Any, raw: str) -> None:
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/json"
    assert set(json.loads(answer.content)) == {"detail", "code"}
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert not answer.cookies
    assert len(raw) < 10 or raw[:200] not in answer.content.decode()


@untouched
@ANYTHING
def test_the_verifier_refuses(made: Made) -> None:
    raw, verifier = made(), get_verifier()
    assert needs_fetch(verifier, raw) in (True, False)
    with pytest.raises(TokenError):
        verifier.verify(raw)


@untouched
@SOMETHING
def test_authenticate_refuses(made: Made) -> None:
    with pytest.raises(TokenError):
        authenticate(made())


@untouched
@SOMETHING
def test_aauthenticate_refuses(made: Made) -> None:
    with pytest.raises(TokenError):
        async_to_sync(aauthenticate)(made())


@untouched
@SOMETHING
def test_to_the_backend_it_is_nobody(made: Made) -> None:
    assert CognitoBackend().authenticate(None, cognito_token=made()) is None
    assert async_to_sync(CognitoBackend().aauthenticate)(None, cognito_token=made()) is None


@untouched
@SOME_TEXT
@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/")])
def test_the_middleware_answers_401(make: Callable[[], Any], url: str, text: Callable[[], str]) -> None:
    raw = text()
    assert_refused(get(make(), url, bearer(raw)), raw)


@untouched
@SOME_TEXT
@pytest.mark.parametrize(("make", "installed"), [(Client, True), (Client, False), (AsyncClient, True)])
def test_drf_answers_401(make: Callable[[], Any], installed: bool, text: Callable[[], str], settings: Any) -> None:
    if not installed:
        settings.MIDDLEWARE = WITHOUT_MIDDLEWARE
    raw = text()
    assert_refused(get(make(), "/api/", bearer(raw)), raw)


@untouched
@SOME_TEXT
@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/"), (Client, "/api/")])
def test_beside_a_good_token_it_is_refused_too(
    make: Callable[[], Any], url: str, text: Callable[[], str], cognito_keys: None
) -> None:
    raw = text()
    assert_refused(get(make(), url, with_id_token(make_token(), raw)), raw)


def test_a_good_token_is_asked_for_and_written(client: Client, keys: ScriptedServer) -> None:
    assert client.get("/who/", headers=bearer(make_token())).content == b"alice"
    assert keys.count == 1
    assert CognitoUser.objects.count() == 1


@pytest.mark.parametrize(("make", "url"), [(Client, "/who/"), (AsyncClient, "/who/async/"), (Client, "/api/")])
def test_django_allauth_a_disabled_account_is_refused_whatever_its_token_says(
    make: Callable[[], Any], url: str, cognito_keys: None
) -> None:
    authenticate(make_token(groups=["admins"]))
    get_user_model().objects.update(is_active=False)
    answer = get(make(), url, bearer(make_token(groups=["admins"])))
    assert_refused(answer, "")
    assert json.loads(answer.content)["code"] == "user_inactive"
