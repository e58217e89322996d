"""Every answer of the login is nobody's to keep, to frame or to be told of; its pages load no script."""

import re
from importlib import import_module
from typing import Any

import django
import pytest
from django.core.files.storage import storages
from django.test import Client

from django_cognito.testing import sign_in
from tests.support.login_scenario import begin, come_back, query_of, token_answer
from tests.support.scripted_server import Answer, ScriptedServer
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]


def policy(answer: Any) -> dict[str, list[str]]:
    """The Content-Security-Policy, by directive."""
    directives = (directive.split() for directive in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


def signed_in(client: Client, server: ScriptedServer) -> Any:
    asked = begin(client)
    server.script(token_answer(nonce=asked["nonce"]), Answer())
    return come_back(client, asked)


def outage(client: Client, server: ScriptedServer) -> Any:
    server.script(Answer(500))
    return come_back(client, begin(client))


def nobody_unseen(client: Client, server: ScriptedServer) -> Any:
    return come_back(client, begin(client, prompt="none"), code=None, error="login_required")


ANSWERS = {
    "the way in": lambda client, server: client.get("/auth/login/"),
    "the way in, looked at": lambda client, server: client.head("/auth/login/"),
    "a sign-up": lambda client, server: client.get("/auth/sign-up/"),
    "a forgotten password": lambda client, server: client.get("/auth/forgot-password/"),
    "a parameter that is refused": lambda client, server: client.get("/auth/login/?lang=Deutsch"),
    "the way back": signed_in,
    "nobody, found unseen": nobody_unseen,
    "a refusal": lambda client, server: client.get("/auth/callback/?code=a&state=forged"),
    "an outage": outage,
    "the question before a logout": lambda client, server: client.get("/auth/logout/"),
    "a logout": lambda client, server: client.post("/auth/logout/"),
    "a logout through Cognito": lambda client, server: sign_in(client) and client.post("/auth/logout/"),
}


@pytest.fixture(autouse=True)
def _unseen(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_is_protected(client: Client, token_endpoint: ScriptedServer, settings: Any, answer: Any) -> None:
    settings.X_FRAME_OPTIONS, settings.SECURE_REFERRER_POLICY = "SAMEORIGIN", "unsafe-url"
    settings.SECURE_CONTENT_TYPE_NOSNIFF = False
    given = answer(client, token_endpoint)
    is_question = given.status_code == 200
    assert "no-store" in given["Cache-Control"].split(", ")
    # With "no-referrer" browsers would post the logout's form with "Origin: null", which the CSRF check refuses.
    assert given["Referrer-Policy"] == ("same-origin" if is_question else "no-referrer")
    assert given["X-Frame-Options"] == "DENY"
    assert given["X-Content-Type-Options"] == "nosniff"
    said = policy(given)
    assert (said["default-src"], said["base-uri"], said["frame-ancestors"]) == (["'none'"],) * 3
    assert not [
        source for sources in said.values() for source in sources if "unsafe" in source or source in ("*", "https:")
    ]
    ours = {"default-src", "base-uri", "frame-ancestors", "style-src", "img-src", "font-src", "form-action"}
    assert said.keys() <= ours


PAGES = {name: ANSWERS[name] for name in ("a refusal", "an outage", "the question before a logout")}


@pytest.mark.parametrize("answer", PAGES.values(), ids=PAGES)
def test_a_page_keeps_to_its_policy(client: Client, token_endpoint: ScriptedServer, answer: Any) -> None:
    page = answer(client, token_endpoint)
    text = page.content.decode()
    assert not re.search(r"<(script|style|img|iframe|base|object)\b|\sstyle=|\son\w+=", text)
    assert re.findall(r'<link[^>]* href="([^"]*)"', text) == [
        "/static/django_cognito/login.css",
        "/static/django_cognito/buttons.css",
    ]
    assert policy(page)["style-src"] == ["'self'"]
    assert policy(page)["form-action"] == ["'self'", token_endpoint.url]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("static/", "'self'"),
        ("/assets/", "'self'"),
        ("https://cdn.example.com/static/", "https://cdn.example.com"),
        ("https://cdn.example.com:8443/", "https://cdn.example.com:8443"),
        ("//cdn.example.com/static/", "cdn.example.com"),
    ],
)
def test_the_stylesheets_origin_is_that_of_the_static_files(
    client: Client, token_endpoint: ScriptedServer, settings: Any, address: str, source: str
) -> None:
    settings.STATIC_URL = address
    storages._storages = {}  # as it is at a start
    try:
        page = client.get("/auth/logout/")
    finally:
        storages._storages = {}
    assert [policy(page)[f"{kind}-src"] for kind in ("style", "img", "font")] == [[source]] * 3
    linked = re.findall(r'<link[^>]* href="([^"]*)"', page.content.decode())
    assert len(linked) == 2
    assert source == "'self'" or all(source in href for href in linked)


def test_a_form_may_be_sent_on_to_the_hosted_ui_and_to_where_a_logout_ends(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://www.example.com/bye/"}
    settings.LOGOUT_REDIRECT_URL = "https://shop.example.com/"
    assert policy(client.get("/auth/logout/"))["form-action"] == [
        "'self'",
        token_endpoint.url,
        "https://www.example.com",
        "https://shop.example.com",
    ]


def test_a_site_without_a_login_has_nowhere_to_send_on(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert policy(client.get("/auth/logout/"))["form-action"] == ["'self'"]


def test_a_page_names_its_own_pools_hosted_ui_and_the_logins_and_no_other_tenants(
    client: Client, two_pools: TwoPools
) -> None:
    def forms(path: str) -> list[str]:
        return policy(client.get(path))["form-action"]

    acme, zen = two_pools.acme.url, two_pools.zen.url
    assert forms("/auth/logout/?at=acme") == ["'self'", acme]
    assert forms("/auth/callback/?code=a&at=zen") == ["'self'", zen]
    assert forms("/auth/logout/?at=umbrella") == ["'self'"]
    two_pools.sign_in(client, "zen")
    assert forms("/auth/logout/?at=zen") == ["'self'", zen]
    assert forms("/auth/logout/?at=acme") == ["'self'", zen, acme]


def test_a_redirect_needs_no_stylesheet_that_has_been_collected(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    answer = client.get("/auth/login/")
    assert answer.status_code == 302
    assert policy(answer)["form-action"] == ["'none'"]


@pytest.mark.skipif(django.VERSION < (6,), reason="Django before 6.0 has no ContentSecurityPolicyMiddleware")
def test_a_policy_of_the_sites_own_middleware_does_not_replace_ours(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    csp = import_module("django.utils.csp")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csp.ContentSecurityPolicyMiddleware"]
    settings.SECURE_CSP = {"default-src": [csp.CSP.SELF, csp.CSP.UNSAFE_INLINE], "form-action": [csp.CSP.SELF]}
    assert client.get("/")["Content-Security-Policy"] == "default-src 'self' 'unsafe-inline'; form-action 'self'"
    for answer in (client.get("/auth/logout/"), client.get("/auth/callback/?code=a")):
        assert policy(answer)["default-src"] == ["'none'"]
        assert policy(answer)["form-action"] == ["'self'", token_endpoint.url]


def test_under_a_prefix_the_addresses_of_the_pages_have_it(
    client: Client, token_endpoint: ScriptedServer, prefix: str
) -> None:
    pages = [client.get(path).content.decode() for path in ("/auth/callback/?code=a", "/auth/logout/")]
    answer = client.post("/auth/logout/")
    assert ['href="/notes/"' in page for page in pages] == [True, True]
    assert 'href="/notes/auth/login/"' in pages[0]
    assert 'action="/notes/auth/logout/"' in pages[1]
    assert query_of(answer["Location"])["logout_uri"] == "http://testserver/notes/"
