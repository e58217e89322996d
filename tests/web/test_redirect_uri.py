"""REDIRECT_URI on another host than the request: the login starts there, because its cookies must be there."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, RequestFactory
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.conf.loading import get_settings
from django_cognito.login.state import open_state
from django_cognito.web.redirect_uri import is_elsewhere
from tests.support.scenarios.login import CALLBACK, read_query, secret_cookies, token_response, username_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("token_endpoint"),
]

SITE_HOST, LOGIN_HOST = "www.example.com", "login.example.com"
REDIRECT_URI = f"https://{LOGIN_HOST}/auth/callback/"


@pytest.fixture(autouse=True)
def _redirect_uri_on_another_host(settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.ALLOWED_HOSTS = [SITE_HOST, LOGIN_HOST, "example.com", "example.org"]
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": REDIRECT_URI, "REDIRECT_HOSTS": [SITE_HOST]}


def get(client: Client, path: str, query: Any = None, host: str = SITE_HOST) -> Any:
    return client.get(path, query, headers={"host": host}, secure=True)


@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/"])
def test_login_is_redirected_once_to_the_host_of_redirect_uri(
    client: Client, token_endpoint: ScriptedServer, path: str
) -> None:
    answer = get(client, path, {"next": "/notes/?q=1", "lang": "de"})
    assert (answer.status_code, secret_cookies(client)) == (302, {})
    url = urlsplit(answer["Location"])
    assert (url.scheme, url.netloc, url.path) == ("https", LOGIN_HOST, path)
    query = read_query(answer["Location"])
    assert query == {"next": f"https://{SITE_HOST}/notes/?q=1", "lang": "de", "redirected": "1"}
    assert "no-store" in answer["Cache-Control"]
    answer = get(client, path, query, LOGIN_HOST)
    assert answer["Location"].startswith(token_endpoint.url)
    params = read_query(answer["Location"])
    assert (params["lang"], params["redirect_uri"], "redirected" in params) == ("de", REDIRECT_URI, False)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    callback_response = get(client, CALLBACK, {"code": "a-code", "state": params["state"]}, LOGIN_HOST)
    assert callback_response["Location"] == f"https://{SITE_HOST}/notes/?q=1"


def test_redirected_request_is_not_redirected_again(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = get(client, "/auth/login/", {"redirected": "1"})  # a proxy rewrote the Host
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")


@pytest.mark.parametrize(
    ("host", "moved_to", "is_secure"),
    [
        ("app:8000", "app:8000", False),  # a proxy rewrites the Host
        (LOGIN_HOST, LOGIN_HOST, False),  # a proxy does not forward that the request is https
        (LOGIN_HOST, LOGIN_HOST, True),  # the browser used http
    ],
)
def test_login_redirected_to_the_same_site_keeps_next(
    client: Client, settings: Any, host: str, moved_to: str, is_secure: bool
) -> None:
    settings.ALLOWED_HOSTS = [LOGIN_HOST, "app"]
    answer = client.get("/auth/login/", {"next": "/notes/?q=1"}, headers={"host": host})
    query = read_query(answer["Location"])
    answer = client.get("/auth/login/", query, headers={"host": moved_to}, secure=is_secure)
    assert open_state(read_query(answer["Location"])["state"]).next_url == "/notes/?q=1"


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize(
    "suffix", ["//evil.example/", "/\\evil.example/", "@evil.example/", ".evil.example/", ":1@evil.example"]
)
def test_unsafe_next_of_a_redirected_login_is_ignored(client: Client, suffix: str) -> None:
    query = {"redirected": "1", "next": f"https://{LOGIN_HOST}{suffix}"}
    answer = get(client, "/auth/login/", query, LOGIN_HOST)
    next_url = open_state(read_query(answer["Location"])["state"]).next_url
    assert next_url == "" or urlsplit(next_url)[:2] == ("https", LOGIN_HOST)


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("hosts", [[], ["shop.example.com"]])
def test_next_on_a_host_not_in_redirect_hosts_is_left_out(client: Client, settings: Any, hosts: list[str]) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": hosts}
    query = read_query(get(client, "/auth/login/", {"next": "/notes/"})["Location"])
    params = read_query(get(client, "/auth/login/", query, LOGIN_HOST)["Location"])
    assert open_state(params["state"]).next_url == ""


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("unsafe_url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_unsafe_next_is_left_out_of_the_redirect(client: Client, unsafe_url: str) -> None:
    answer = get(client, "/auth/login/", {"next": unsafe_url})
    assert read_query(answer["Location"]) == {"redirected": "1"}


@pytest.mark.parametrize("query", [{"lang": "Deutsch"}, {"prompt": "none"}])
def test_login_with_an_invalid_parameter_is_not_redirected(client: Client, query: dict[str, str]) -> None:
    assert get(client, "/auth/login/", query).status_code == 400


@pytest.mark.parametrize(
    ("redirect_uri", "host", "is_secure", "domain", "is_redirected"),
    [
        (REDIRECT_URI, LOGIN_HOST, True, None, False),
        (REDIRECT_URI, LOGIN_HOST.upper(), True, None, False),
        (REDIRECT_URI, f"{LOGIN_HOST}:8443", True, None, False),  # cookies ignore ports
        (REDIRECT_URI, SITE_HOST, True, None, True),
        (REDIRECT_URI, SITE_HOST, True, "example.com", False),
        (REDIRECT_URI, SITE_HOST, True, ".example.com", False),
        (REDIRECT_URI, SITE_HOST, True, SITE_HOST, True),
        (REDIRECT_URI, "example.org", True, "example.com", True),
        ("https://example.com/auth/callback/", SITE_HOST, True, ".example.com", False),
        (REDIRECT_URI, LOGIN_HOST, False, None, True),  # the cookies of https have other names
        (REDIRECT_URI, SITE_HOST, False, "example.com", True),
        ("", SITE_HOST, True, None, False),
    ],
)
def test_login_is_redirected_if_the_callback_lacks_its_cookies(
    settings: Any, redirect_uri: str, host: str, is_secure: bool, domain: Any, is_redirected: bool
) -> None:
    settings.SESSION_COOKIE_DOMAIN = domain
    settings.ALLOWED_HOSTS = ["*"]
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": redirect_uri}
    request = RequestFactory().get("/auth/login/", headers={"host": host}, secure=is_secure)
    assert is_elsewhere(request, get_settings()) == is_redirected


def test_page_on_another_host_starts_no_silent_sign_in(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    navigation_headers = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for host, status in ((SITE_HOST, 200), (LOGIN_HOST, 302)):
        answer = client.get("/open/", headers={"host": host, **navigation_headers}, secure=True)
        assert (answer.status_code, username_at(client) if host == "testserver" else "") == (status, "")
