"""REDIRECT_URI on another host than the request: the login starts there, because its cookies must be there."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, RequestFactory

from django_cognito.conf.loading import get_settings
from django_cognito.login.state import open_state
from django_cognito.web.redirect_uri import is_elsewhere
from tests.support.login_scenario import CALLBACK, query_of, secret_cookies, token_answer, who
from tests.support.scripted_server import ScriptedServer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("token_endpoint"),
]

HERE, THERE = "www.example.com", "login.example.com"
REDIRECT_URI = f"https://{THERE}/auth/callback/"


@pytest.fixture(autouse=True)
def _elsewhere(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.ALLOWED_HOSTS = [HERE, THERE, "example.com", "example.org"]
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": REDIRECT_URI, "REDIRECT_HOSTS": [HERE]}


def get(client: Client, path: str, query: Any = None, host: str = HERE) -> Any:
    return client.get(path, query, headers={"host": host}, secure=True)


@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/"])
def test_login_moves_once_to_the_host_of_redirect_uri(
    client: Client, token_endpoint: ScriptedServer, path: str
) -> None:
    answer = get(client, path, {"next": "/notes/?q=1", "lang": "de"})
    assert (answer.status_code, secret_cookies(client)) == (302, {})
    moved = urlsplit(answer["Location"])
    assert (moved.scheme, moved.netloc, moved.path) == ("https", THERE, path)
    query = query_of(answer["Location"])
    assert query == {"next": f"https://{HERE}/notes/?q=1", "lang": "de", "redirected": "1"}
    assert "no-store" in answer["Cache-Control"]
    answer = get(client, path, query, THERE)
    assert answer["Location"].startswith(token_endpoint.url)
    asked = query_of(answer["Location"])
    assert (asked["lang"], asked["redirect_uri"], "redirected" in asked) == ("de", REDIRECT_URI, False)
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    back = get(client, CALLBACK, {"code": "a-code", "state": asked["state"]}, THERE)
    assert back["Location"] == f"https://{HERE}/notes/?q=1"


def test_marked_request_goes_on_whatever_its_host(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = get(client, "/auth/login/", {"redirected": "1"})  # a proxy rewrote the Host
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")


@pytest.mark.parametrize(
    ("host", "moved_to", "is_secure"),
    [
        ("app:8000", "app:8000", False),  # a proxy rewrites the Host
        (THERE, THERE, False),  # a proxy does not tell that the request is https
        (THERE, THERE, True),  # the browser came by http
    ],
)
def test_login_that_moves_to_the_same_site_keeps_next(
    client: Client, settings: Any, host: str, moved_to: str, is_secure: bool
) -> None:
    settings.ALLOWED_HOSTS = [THERE, "app"]
    answer = client.get("/auth/login/", {"next": "/notes/?q=1"}, headers={"host": host})
    query = query_of(answer["Location"])
    answer = client.get("/auth/login/", query, headers={"host": moved_to}, secure=is_secure)
    assert open_state(query_of(answer["Location"])["state"]).next_url == "/notes/?q=1"


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize(
    "evil", ["//evil.example/", "/\\evil.example/", "@evil.example/", ".evil.example/", ":1@evil.example"]
)
def test_next_of_a_moved_login_leads_nowhere_else(client: Client, evil: str) -> None:
    query = {"redirected": "1", "next": f"https://{THERE}{evil}"}
    answer = get(client, "/auth/login/", query, THERE)
    next_url = open_state(query_of(answer["Location"])["state"]).next_url
    assert next_url == "" or urlsplit(next_url)[:2] == ("https", THERE)


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("hosts", [[], ["shop.example.com"]])
def test_next_on_a_host_that_redirect_hosts_does_not_name_is_left_out(
    client: Client, settings: Any, hosts: list[str]
) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": hosts}
    query = query_of(get(client, "/auth/login/", {"next": "/notes/"})["Location"])
    asked = query_of(get(client, "/auth/login/", query, THERE)["Location"])
    assert open_state(asked["state"]).next_url == ""


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_login_moves_with_no_next_that_leads_elsewhere(client: Client, evil: str) -> None:
    answer = get(client, "/auth/login/", {"next": evil})
    assert query_of(answer["Location"]) == {"redirected": "1"}


@pytest.mark.parametrize("query", [{"lang": "Deutsch"}, {"prompt": "none"}])
def test_what_is_not_passed_on_does_not_move(client: Client, query: dict[str, str]) -> None:
    assert get(client, "/auth/login/", query).status_code == 400


@pytest.mark.parametrize(
    ("redirect_uri", "host", "is_secure", "domain", "moves"),
    [
        (REDIRECT_URI, THERE, True, None, False),
        (REDIRECT_URI, THERE.upper(), True, None, False),
        (REDIRECT_URI, f"{THERE}:8443", True, None, False),  # cookies do not regard ports
        (REDIRECT_URI, HERE, True, None, True),
        (REDIRECT_URI, HERE, True, "example.com", False),
        (REDIRECT_URI, HERE, True, ".example.com", False),
        (REDIRECT_URI, HERE, True, HERE, True),
        (REDIRECT_URI, "example.org", True, "example.com", True),
        ("https://example.com/auth/callback/", HERE, True, ".example.com", False),
        (REDIRECT_URI, THERE, False, None, True),  # the cookies of https have other names
        (REDIRECT_URI, HERE, False, "example.com", True),
        ("", HERE, True, None, False),
    ],
)
def test_login_moves_if_the_callback_would_not_get_its_cookies(
    settings: Any, redirect_uri: str, host: str, is_secure: bool, domain: Any, moves: bool
) -> None:
    settings.SESSION_COOKIE_DOMAIN = domain
    settings.ALLOWED_HOSTS = ["*"]
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": redirect_uri}
    request = RequestFactory().get("/auth/login/", headers={"host": host}, secure=is_secure)
    assert is_elsewhere(request, get_settings()) == moves


def test_page_does_not_ask_silently_for_a_session_on_another_host(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    visit = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for host, status in ((HERE, 200), (THERE, 302)):
        answer = client.get("/open/", headers={"host": host, **visit}, secure=True)
        assert (answer.status_code, who(client) if host == "testserver" else "") == (status, "")
