"""Faults of the configuration that a sign-in reports: what was sent, what is expected, and the next step in the log."""

import logging
from typing import Any

import pytest
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.web import redirect_uri
from tests.support.scenarios.login import (
    CALLBACK,
    finish_sign_in,
    read_error_code,
    refusal,
    start_sign_in,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

HTTPS = {"x-forwarded-proto": "https"}


@pytest.fixture(autouse=True)
def _first_request_of_the_process(token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the scripted server, and let each test be the first to report."""
    monkeypatch.setattr(redirect_uri, "_reported", set())


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that lists the warnings of the package."""
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and record.name.startswith("django_cognito")
    ]


# CognitoBackend


def test_callback_without_the_backend_is_a_page_and_no_loop(
    client: Client, token_endpoint: ScriptedServer, settings: Any, warnings: Any
) -> None:
    params = start_sign_in(client)
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    page = finish_sign_in(client, params)
    assert (page.status_code, read_error_code(page)) == (400, "backend_missing")
    assert (page.context["again"], token_endpoint.count) == ("", 0)
    assert "add 'django_cognito.backends.CognitoBackend' to AUTHENTICATION_BACKENDS" in warnings()[-1]
    assert "AUTHENTICATION_BACKENDS" not in page.content.decode()


# The app client


@pytest.mark.mistake("client secret missing, wrong, or given for a public client", by="request")
@pytest.mark.parametrize(
    ("secret", "words"), [("", "no client secret was sent"), ("wrong", "a client secret was sent")]
)
def test_refused_client_is_reported_with_its_id_and_its_secret(
    client: Client, token_endpoint: ScriptedServer, cognito: Any, warnings: Any, secret: str, words: str
) -> None:
    cognito(CLIENT_SECRET=secret)
    token_endpoint.script(refusal("invalid_client", 401))
    page = finish_sign_in(client, start_sign_in(client))
    assert (page.status_code, read_error_code(page)) == (400, "invalid_client")
    for word in ("1testclient23456789", words, "CLIENT_SECRET", "AWS console"):
        assert word in warnings()[-1]


@pytest.mark.mistake("scope not allowed; no `openid`", by="request")
def test_refused_scope_is_reported_with_the_scopes_sent(client: Client, cognito: Any, warnings: Any) -> None:
    cognito(SCOPES=["openid", "orders/read"])
    query = {"error": "invalid_scope", "error_description": "invalid_request: orders/read is not allowed"}
    page = finish_sign_in(client, start_sign_in(client), code=None, **query)
    assert (page.status_code, read_error_code(page)) == (400, "client_refused")
    words, failure = warnings()
    assert "orders/read is not allowed" in words
    assert "SCOPES sent: openid orders/read" in failure


@pytest.mark.mistake("redirect URI not registered", by="request")
@pytest.mark.parametrize("error", ["invalid_grant", "unauthorized_client", "invalid_request"])
def test_refused_code_is_reported_with_the_redirect_uri_sent(
    client: Client, token_endpoint: ScriptedServer, warnings: Any, error: str
) -> None:
    token_endpoint.script(refusal(error))
    page = finish_sign_in(client, start_sign_in(client))
    assert (page.status_code, read_error_code(page)) == (400, error)
    assert "redirect URI sent: http://testserver/auth/callback/" in warnings()[-1]
    assert "callback URL of the app client" in warnings()[-1]


# Cookies, https and hosts


@pytest.mark.mistake("SESSION_COOKIE_SECURE over http", by="request")
def test_lost_cookie_over_http_is_reported_with_the_setting(client: Client, settings: Any, warnings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    params = start_sign_in(client)
    client.cookies.clear()  # browsers do not store them
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"
    assert "SESSION_COOKIE_SECURE is on, and this request is plain http" in warnings()[-1]


def test_lost_cookie_over_https_does_not_blame_the_setting(client: Client, settings: Any, warnings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert client.get(CALLBACK, {"code": "a-code", **_state_of(client)}, secure=True).status_code == 400
    assert "plain http" not in warnings()[-1]


def _state_of(client: Client) -> dict[str, str]:
    return {"state": start_sign_in(client)["state"]}


@pytest.mark.mistake("http callback URL behind TLS (no SECURE_PROXY_SSL_HEADER)", by="request")
@pytest.mark.parametrize(("host", "headers"), [("testserver", HTTPS), ("localhost", HTTPS), ("www.example.com", {})])
def test_plain_http_redirect_uri_is_reported_once(
    client: Client, settings: Any, warnings: Any, host: str, headers: dict[str, str]
) -> None:
    settings.ALLOWED_HOSTS = [host]
    for _ in range(3):
        client.get("/auth/login/", headers={"host": host, **headers})
    (line,) = warnings()
    assert f"The redirect URI sent is http://{host}/auth/callback/; expected https." in line
    assert "SECURE_PROXY_SSL_HEADER" in line
    assert ("X-Forwarded-Proto is https" in line) is bool(headers)


@pytest.mark.parametrize(
    ("host", "headers", "is_secure", "changes"),
    [
        ("localhost:8000", {}, False, {}),
        ("127.0.0.1", {}, False, {}),
        ("www.example.com", {}, True, {}),
        ("www.example.com", HTTPS, True, {}),
        ("localhost", {}, False, {"REDIRECT_URI": "http://localhost:8000/auth/callback/"}),
    ],
)
def test_redirect_uri_that_cognito_accepts_is_not_reported(
    client: Client, settings: Any, cognito: Any, warnings: Any, host: str, headers: Any, is_secure: bool, changes: Any
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "www.example.com"]
    cognito(**changes)
    client.get("/auth/login/", headers={"host": host, **headers}, secure=is_secure)
    assert warnings() == []


@pytest.mark.mistake("REDIRECT_URI not the callback's path; on another host than the visitor's", by="request")
def test_redirect_uri_on_another_host_is_reported_at_the_beginning(
    client: Client, settings: Any, cognito: Any, warnings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com"]
    uri = "https://login.example.com/auth/callback/"
    cognito(REDIRECT_URI=uri)
    for query in ({}, {"redirected": "1"}, {}, {"redirected": "1"}):
        client.get("/auth/login/", query, headers={"host": "www.example.com"}, secure=True)
    first, second = warnings()
    assert f"REDIRECT_URI is {uri}, and this login is https://www.example.com/auth/login/." in first
    assert "REDIRECT_HOSTS" in first
    assert f"REDIRECT_URI is {uri}" in second
    assert "cookies of this host are not sent there" in second


# The local Cognito


@pytest.mark.mistake("emulator not running", by="request")
def test_local_cognito_that_does_not_run_is_reported_with_debug(
    client: Client, settings: Any, cognito: Any, warnings: Any, unreachable: str
) -> None:
    settings.DEBUG = True
    cognito(DOMAIN=unreachable)
    page = client.get("/auth/login/", {"next": "/mine/"})
    assert (page.status_code, read_error_code(page)) == (503, "cognito_unavailable")
    assert page.context["again"] == "/auth/login/?next=%2Fmine%2F"
    for text in (warnings()[-1], page.content.decode()):
        assert f"nothing listens at {unreachable} (Connection refused)" in text
        assert "python manage.py local_cognito" in text


@pytest.mark.parametrize(("is_debug", "domain"), [(False, None), (True, "https://login.example.com")])
def test_login_sends_no_request_without_debug_or_for_a_real_domain(
    client: Client, settings: Any, cognito: Any, unreachable: str, is_debug: bool, domain: str | None
) -> None:
    settings.DEBUG = is_debug
    cognito(DOMAIN=domain or unreachable)
    assert "/oauth2/authorize?" in client.get("/auth/login/")["Location"]


def test_local_cognito_that_runs_is_used_with_debug(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.DEBUG = True
    assert client.get("/auth/login/")["Location"].startswith(token_endpoint.url)
    assert username_at(client) == "nobody"


def test_message_of_an_error_is_shown_with_debug_only(client: Client, settings: Any) -> None:
    for is_debug in (False, True):
        settings.DEBUG = is_debug
        page = finish_sign_in(client, start_sign_in(client), code=None, error="<b>no</b>").content.decode()
        assert ("DEBUG: the hosted UI returned the error" in page) is is_debug
        assert "<b>no" not in page
