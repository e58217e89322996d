"""Responses of the login URLs are not cached and not framed and send no referrer; their pages load no script."""

import re
from importlib import import_module
from typing import Any

import django
import pytest
from django.core.files.storage import storages
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.testing import sign_in
from tests.support.scenarios.login import finish_sign_in, read_query, start_sign_in, token_response
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


def get_policy(answer: Any) -> dict[str, list[str]]:
    """Return the sources of the Content-Security-Policy by directive."""
    directives = (directive.split() for directive in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


def complete_sign_in(client: Client, server: ScriptedServer) -> Any:
    params = start_sign_in(client)
    server.script(token_response(nonce=params["nonce"]), Answer())
    return finish_sign_in(client, params)


def fail_sign_in(client: Client, server: ScriptedServer) -> Any:
    server.script(Answer(500))
    return finish_sign_in(client, start_sign_in(client))


def find_no_user_silently(client: Client, server: ScriptedServer) -> Any:
    return finish_sign_in(client, start_sign_in(client, prompt="none"), code=None, error="login_required")


ANSWERS = {
    "login": lambda client, server: client.get("/auth/login/"),
    "login, HEAD": lambda client, server: client.head("/auth/login/"),
    "sign-up": lambda client, server: client.get("/auth/sign-up/"),
    "forgot password": lambda client, server: client.get("/auth/forgot-password/"),
    "invalid parameter": lambda client, server: client.get("/auth/login/?lang=Deutsch"),
    "callback": complete_sign_in,
    "silent sign-in without a user": find_no_user_silently,
    "unknown state": lambda client, server: client.get("/auth/callback/?code=a&state=forged"),
    "outage": fail_sign_in,
    "logout page": lambda client, server: client.get("/auth/logout/"),
    "local logout": lambda client, server: client.post("/auth/logout/"),
    "logout at Cognito": lambda client, server: sign_in(client) and client.post("/auth/logout/"),
}


@pytest.fixture(autouse=True)
def _silent_sign_in(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


@pytest.mark.parametrize("get_response", ANSWERS.values(), ids=ANSWERS)
def test_each_response_has_the_security_headers(
    client: Client, token_endpoint: ScriptedServer, settings: Any, get_response: Any
) -> None:
    settings.X_FRAME_OPTIONS, settings.SECURE_REFERRER_POLICY = "SAMEORIGIN", "unsafe-url"
    settings.SECURE_CONTENT_TYPE_NOSNIFF = False
    response = get_response(client, token_endpoint)
    is_page = response.status_code == 200
    assert "no-store" in response["Cache-Control"].split(", ")
    # With "no-referrer" browsers post the logout form with "Origin: null", which the CSRF check rejects.
    assert response["Referrer-Policy"] == ("same-origin" if is_page else "no-referrer")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    policy = get_policy(response)
    assert (policy["default-src"], policy["base-uri"], policy["frame-ancestors"]) == (["'none'"],) * 3
    assert not [
        source for sources in policy.values() for source in sources if "unsafe" in source or source in ("*", "https:")
    ]
    allowed_directives = {
        "default-src",
        "base-uri",
        "frame-ancestors",
        "style-src",
        "img-src",
        "font-src",
        "form-action",
    }
    assert policy.keys() <= allowed_directives


PAGES = {name: ANSWERS[name] for name in ("unknown state", "outage", "logout page")}


@pytest.mark.parametrize("get_response", PAGES.values(), ids=PAGES)
def test_page_complies_with_its_content_security_policy(
    client: Client, token_endpoint: ScriptedServer, get_response: Any
) -> None:
    page = get_response(client, token_endpoint)
    text = page.content.decode()
    assert not re.search(r"<(script|style|img|iframe|base|object)\b|\sstyle=|\son\w+=", text)
    assert re.findall(r'<link[^>]* href="([^"]*)"', text) == [
        "/static/django_cognito/login.css",
        "/static/django_cognito/buttons.css",
    ]
    assert get_policy(page)["style-src"] == ["'self'"]
    assert get_policy(page)["form-action"] == ["'self'", token_endpoint.url]


@pytest.mark.parametrize(
    ("static_url", "source"),
    [
        ("static/", "'self'"),
        ("/assets/", "'self'"),
        ("https://cdn.example.com/static/", "https://cdn.example.com"),
        ("https://cdn.example.com:8443/", "https://cdn.example.com:8443"),
        ("//cdn.example.com/static/", "cdn.example.com"),
    ],
)
def test_policy_has_the_origin_of_the_static_files(
    client: Client, token_endpoint: ScriptedServer, settings: Any, static_url: str, source: str
) -> None:
    settings.STATIC_URL = static_url
    storages._storages = {}  # as at start-up
    try:
        page = client.get("/auth/logout/")
    finally:
        storages._storages = {}
    assert [get_policy(page)[f"{kind}-src"] for kind in ("style", "img", "font")] == [[source]] * 3
    stylesheet_urls = re.findall(r'<link[^>]* href="([^"]*)"', page.content.decode())
    assert len(stylesheet_urls) == 2
    assert source == "'self'" or all(source in href for href in stylesheet_urls)


def test_form_action_has_the_hosted_ui_and_the_logout_uris(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://www.example.com/bye/"}
    settings.LOGOUT_REDIRECT_URL = "https://shop.example.com/"
    assert get_policy(client.get("/auth/logout/"))["form-action"] == [
        "'self'",
        token_endpoint.url,
        "https://www.example.com",
        "https://shop.example.com",
    ]


def test_form_action_without_a_domain_is_self(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert get_policy(client.get("/auth/logout/"))["form-action"] == ["'self'"]


def test_form_action_has_the_hosted_ui_of_tenant_and_login_only(client: Client, two_pools: TwoPools) -> None:
    def get_form_action(path: str) -> list[str]:
        return get_policy(client.get(path))["form-action"]

    acme, zen = two_pools.acme.url, two_pools.zen.url
    assert get_form_action("/auth/logout/?at=acme") == ["'self'", acme]
    assert get_form_action("/auth/callback/?code=a&at=zen") == ["'self'", zen]
    assert get_form_action("/auth/logout/?at=umbrella") == ["'self'"]
    two_pools.sign_in(client, "zen")
    assert get_form_action("/auth/logout/?at=zen") == ["'self'", zen]
    assert get_form_action("/auth/logout/?at=acme") == ["'self'", zen, acme]


def test_redirect_works_without_collected_static_files(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    answer = client.get("/auth/login/")
    assert answer.status_code == 302
    assert get_policy(answer)["form-action"] == ["'none'"]


@pytest.mark.skipif(django.VERSION < (6,), reason="Django before 6.0 has no ContentSecurityPolicyMiddleware")
def test_policy_of_djangos_csp_middleware_does_not_replace_it(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    csp = import_module("django.utils.csp")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csp.ContentSecurityPolicyMiddleware"]
    settings.SECURE_CSP = {"default-src": [csp.CSP.SELF, csp.CSP.UNSAFE_INLINE], "form-action": [csp.CSP.SELF]}
    assert client.get("/")["Content-Security-Policy"] == "default-src 'self' 'unsafe-inline'; form-action 'self'"
    for answer in (client.get("/auth/logout/"), client.get("/auth/callback/?code=a")):
        assert get_policy(answer)["default-src"] == ["'none'"]
        assert get_policy(answer)["form-action"] == ["'self'", token_endpoint.url]


def test_urls_of_the_pages_have_the_script_prefix(client: Client, token_endpoint: ScriptedServer, prefix: str) -> None:
    pages = [client.get(path).content.decode() for path in ("/auth/callback/?code=a", "/auth/logout/")]
    answer = client.post("/auth/logout/")
    assert ['href="/notes/"' in page for page in pages] == [True, True]
    assert 'href="/notes/auth/login/"' in pages[0]
    assert 'action="/notes/auth/logout/"' in pages[1]
    assert read_query(answer["Location"])["logout_uri"] == "http://testserver/notes/"
