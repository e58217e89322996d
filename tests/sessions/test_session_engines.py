"""A login with each session engine of Django that stores sessions on the server; caches are in Redis."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from tests.support.real_parts import REDIS_URL
from tests.support.scenarios.login import (
    change_login,
    finish_sign_in,
    post_logout,
    start_sign_in,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]
ENGINES = ["db", "file", *(pytest.param(name, marks=pytest.mark.needs("redis")) for name in ("cache", "cached_db"))]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> str:
    """Select a session engine, with files and cache keys of this test, which Redis deletes after two minutes."""
    name: str = request.param
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{name}"
    settings.SESSION_FILE_PATH, settings.SESSION_COOKIE_AGE = str(tmp_path), 120
    if "cache" in name:
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": REDIS_URL, "KEY_PREFIX": str(uuid4())}}
    return name


def sign_in_at_callback(client: Client, token_endpoint: ScriptedServer) -> CognitoLogin:
    params = start_sign_in(client, next="/who/")
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params)["Location"] == "/who/"
    return CognitoLogin.objects.get()


def test_login_is_used_refreshed_and_ended(client: Client, engine: str, token_endpoint: ScriptedServer) -> None:
    login = sign_in_at_callback(client, token_endpoint)
    assert client.session.__class__.__module__.endswith(engine)
    assert username_at(client) == "alice"
    change_login(login, ends_in=-1)
    token_endpoint.script(token_response(refresh_token="the-second-one"))
    assert username_at(client) == "alice"
    login.refresh_from_db()
    assert (login.version, store.decrypt_tokens(login).refresh_token) == (1, "the-second-one")
    token_endpoint.script(Answer())
    session_cookie = client.cookies["sessionid"].value
    post_logout(client)
    assert (username_at(client), CognitoLogin.objects.count()) == ("nobody", 0)
    client.cookies["sessionid"] = session_cookie
    assert username_at(client) == "nobody"


def test_login_that_ended_elsewhere_ends_the_session(
    client: Client, engine: str, token_endpoint: ScriptedServer
) -> None:
    sign_in_at_callback(client, token_endpoint)
    CognitoLogin.objects.all().delete()
    assert username_at(client) == "nobody"
    assert store.SESSION_KEY not in client.session


def test_expired_refresh_token_ends_the_session(client: Client, engine: str, token_endpoint: ScriptedServer) -> None:
    change_login(sign_in_at_callback(client, token_endpoint), ends_in=-1)
    token_endpoint.script(Answer(400, b'{"error": "invalid_grant"}', {"content-type": "application/json"}))
    assert username_at(client) == "nobody"
    assert CognitoLogin.objects.count() == 0
