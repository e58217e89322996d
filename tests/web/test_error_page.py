"""An outage past the expiry of the tokens, and refused credentials: a page for a browser that navigates, else JSON."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import include, path
from django.utils.decorators import sync_and_async_middleware
from local_cognito_support.scripted_server import Answer, ScriptedServer
from pytest_django import DjangoAssertNumQueries
from rest_framework.authentication import SessionAuthentication
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from django_cognito.factories import discard_instances
from django_cognito.models import CognitoLogin
from django_cognito.testing import make_token, sign_in
from django_cognito.web.error_page import respond_to_error
from tests.support.callers import bearer
from tests.support.cases import cases
from tests.support.scenarios.login import change_login

BROWSER = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
OLD_BROWSER = {"accept": BROWSER["accept"]}
SCRIPTS: dict[str, dict[str, str]] = {
    "fetch": {**BROWSER, "sec-fetch-mode": "cors"},
    "XMLHttpRequest": {**OLD_BROWSER, "x-requested-with": "XMLHttpRequest"},
    "htmx": {**OLD_BROWSER, "hx-request": "true"},
    "JSON": {**BROWSER, "accept": "application/json"},
    "JSON rather than HTML": {**BROWSER, "accept": "text/html;q=0.5, application/json"},
    "anything": {"accept": "*/*"},
    "no header": {},
}
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
IGNORED = "tests.web.test_error_page.fail_as_a_page_of_500"
LOAD_BALANCER = "X-Amzn-Oidc-Accesstoken"
Read = Callable[..., Any]


def show_user(request: Any) -> HttpResponse:
    return HttpResponse(request.user.get_username())


async def show_user_async(request: Any) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(user.get_username())


def use_aws(request: HttpRequest) -> HttpResponse:
    raise CredentialsError("a message for operators", aws_code="AccessDenied")


class BrowsableApi(APIView):
    """An API with sessions, which a developer also opens in a browser. Its HTML would read the user again."""

    authentication_classes = [SessionAuthentication]
    renderer_classes = [JSONRenderer, BrowsableAPIRenderer]

    def get(self, request: Any) -> Response:
        return Response(request.user.get_username())


@sync_and_async_middleware
def fail_as_a_page_of_500(get_response: Any) -> Any:
    """A site's middleware that needs the user, and turns the exception into a response."""

    async def async_middleware(request: Any) -> Any:
        try:
            await request.auser()
        except CognitoUnavailableError:
            return HttpResponse("failed", status=500)
        return await get_response(request)

    def middleware(request: Any) -> Any:
        try:
            _ = request.user.is_authenticated
        except CognitoUnavailableError:
            return HttpResponse("failed", status=500)
        return get_response(request)

    return async_middleware if iscoroutinefunction(get_response) else middleware


urlpatterns = [
    path("user/", show_user),
    path("user/async/", show_user_async),
    path("aws/", use_aws),
    path("api/", BrowsableApi.as_view()),
    path("", include("tests.sessions.outage_site")),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def expired(settings: Any, token_endpoint: ScriptedServer) -> Client:
    """Return a client of a user with rights from Cognito, whose tokens have expired while Cognito does not respond."""
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"owners": {"staff": True}}}
    client = Client(raise_request_exception=False)
    sign_in(client, "alice", groups=["owners"], refresh_token="r")
    change_login(CognitoLogin.objects.get(), ends_in=-10)
    token_endpoint.script(Answer(500))
    return client


@pytest.fixture(params=["sync", "async"])
def read(request: Any, expired: Client) -> Read:
    """Return a function that requests `/user/` of the expired client, in a sync or an async view."""
    if request.param == "sync":
        return lambda method="get", **options: getattr(expired, method)("/user/", **options)
    client = AsyncClient(raise_request_exception=False)
    client.cookies = expired.cookies
    return lambda method="get", **options: async_to_sync(getattr(client, method))("/user/async/", **options)


def _count_users(_: Any) -> Any:
    """Return a site, as django.contrib.sites does, which queries the database."""
    return SimpleNamespace(name=f"site of {User.objects.count()} user")


def read_page(answer: Any) -> str:
    """Return the text of the page, whose headers are asserted."""
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert (answer["Cache-Control"], answer["X-Frame-Options"], answer["Referrer-Policy"]) == (
        "no-store",
        "DENY",
        "no-referrer",
    )
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    return answer.content.decode()  # type: ignore[no-any-return]


# Who gets the page


@pytest.mark.parametrize("headers", [BROWSER, OLD_BROWSER])
def test_navigation_in_an_outage_gets_a_page(read: Read, headers: dict[str, str]) -> None:
    answer = read(headers=headers)
    page = read_page(answer)
    assert (answer.status_code, int(answer["Retry-After"]) >= 1) == (503, True)
    assert "<h1>The sign-in service cannot be reached.</h1>" in page
    assert "<code>cognito_unavailable</code>" in page
    assert "saved" not in page
    assert CognitoLogin.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize("middleware", [LOGIN_REQUIRED, IGNORED])
def test_page_is_shown_if_a_middleware_needs_the_user(read: Read, settings: Any, middleware: str) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    answer = read(headers=BROWSER)
    assert (answer.status_code, "Try again" in read_page(answer)) == (503, True)


def test_script_in_an_outage_gets_json(read: Read) -> None:
    with cases() as case:
        for name, headers in SCRIPTS.items():
            with case(name):
                answer = read(headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
                assert (answer["Cache-Control"], int(answer["Retry-After"]) >= 1) == ("no-store", True)


@pytest.mark.usefixtures("cognito_down")
@pytest.mark.parametrize("url", ["/user/", "/user/async/"])
def test_bearer_token_always_gets_json(async_client: AsyncClient, url: str) -> None:
    discard_instances()
    answer = async_to_sync(async_client.get)(url, headers={**BROWSER, **bearer(make_token())})
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")


@pytest.mark.usefixtures("cognito_down")
@pytest.mark.parametrize("url", ["/user/", "/user/async/"])
def test_browser_behind_a_load_balancer_gets_the_page(
    monkeypatch: pytest.MonkeyPatch, async_client: AsyncClient, cognito: Any, url: str
) -> None:
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", _count_users)
    cognito(TOKEN_SOURCES=["Authorization", LOAD_BALANCER])
    discard_instances()
    headers = {**BROWSER, LOAD_BALANCER: make_token()}
    answer = async_to_sync(async_client.get)(url, headers=headers)
    assert (answer.status_code, "Try again" in read_page(answer)) == (503, True)
    rejected = async_to_sync(async_client.get)(url, headers={**headers, LOAD_BALANCER: "bad"})
    assert (rejected.status_code, rejected.json()["code"]) == (401, "malformed_token")


@pytest.mark.usefixtures("cognito_keys")
def test_refused_credentials_are_a_page_without_a_retry(client: Client) -> None:
    answer = client.get("/aws/", headers=BROWSER)
    page = read_page(answer)
    assert (answer.status_code, "Retry-After" in answer) == (403, False)
    assert "<h1>AWS does not allow this.</h1>" in page
    assert "Contact the site administrator and name the code below." in page
    assert ("Try again" in page, "for operators" in page) == (False, False)
    assert client.get("/aws/", headers={**BROWSER, **bearer(make_token())}).json()["code"] == "credentials_refused"


@pytest.mark.parametrize("package", ["django_cognito.drf", "rest_framework.views"])
def test_browsable_api_in_an_outage_is_the_page(expired: Client, settings: Any, package: str) -> None:
    settings.REST_FRAMEWORK = {"EXCEPTION_HANDLER": f"{package}.exception_handler"}
    answer = expired.get("/api/", headers=BROWSER)
    assert (answer.status_code, "Try again" in read_page(answer)) == (503, True)
    answer = expired.get("/api/", headers=SCRIPTS["JSON"])
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")


def test_page_is_shown_while_the_database_is_down(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    def fail(request: Any) -> Any:
        raise OperationalError("the database is down")

    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", fail)
    answer = read(headers=BROWSER)
    assert (answer.status_code, "| testserver</title>" in read_page(answer)) == (503, True)


# What the page says


@pytest.mark.parametrize(("method", "has_link"), [("get", True), ("post", False)])
def test_only_a_get_request_has_a_link_to_try_again(expired: Client, method: str, has_link: bool) -> None:
    page = read_page(getattr(expired, method)("/user/?q=%22pears%22&page=2", headers=BROWSER))
    link = '<a class="button primary" href="/user/?q=%22pears%22&amp;page=2">Try again</a>'
    assert (link in page, "Try again</a>" in page) == (has_link, has_link)


@pytest.mark.parametrize("slashes", ["//", "///"])
def test_link_to_try_again_stays_on_the_site(expired: Client, settings: Any, slashes: str) -> None:
    """The page of a middleware is shown at any path: a browser would open `//evil.example/` on another host."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, IGNORED]
    page = read_page(expired.get("/", PATH_INFO=f"{slashes}evil.example/login/", headers=BROWSER))
    assert f'href="/%2F{slashes[2:]}evil.example/login/">Try again</a>' in page


def test_write_before_the_view_was_called_saved_nothing(read: Read, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, LOGIN_REQUIRED]
    with cases() as case:
        for method in ("post", "put", "patch", "delete"):
            with case(method):
                page = read_page(read(method, headers=BROWSER))
                assert "Nothing was saved. Go back, and send the form again." in page


def test_write_that_failed_inside_the_view_may_have_saved(read: Read) -> None:
    """The view may have written before it read the user, so that the page must not promise anything."""
    page = read_page(read("post", headers=BROWSER))
    assert "What you sent may not have been saved." in page
    assert "Nothing was saved" not in page


def test_texts_are_those_of_the_code(expired: Client, token_endpoint: ScriptedServer) -> None:
    token_endpoint.script(Answer(400, b'{"error": "invalid_client"}', {"content-type": "application/json"}))
    page = read_page(expired.get("/user/", headers=BROWSER))
    assert "<h1>Sign-in is misconfigured.</h1>" in page
    assert "<code>client_refused</code>" in page


@pytest.mark.parametrize(
    ("error", "heading"),
    [
        (CognitoUnavailableError("x", code="a-new-code"), "The sign-in service cannot be reached."),
        (CredentialsError("x", code="a-new-code"), "AWS does not allow this."),
        (CredentialsError("x", code="not_signed_in"), "AWS credentials require a signed-in user."),
    ],
)
def test_code_without_texts_has_those_of_its_class(error: Any, heading: str) -> None:
    assert f"<h1>{heading}</h1>" in read_page(respond_to_error(_navigation(), error))


@pytest.mark.parametrize("debug", [False, True])
def test_message_is_shown_with_debug_only(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    request = _navigation()
    page = read_page(respond_to_error(request, CognitoUnavailableError("no route to <host>")))
    assert ("DEBUG: no route to &lt;host&gt;" in page) is debug


@pytest.mark.parametrize(
    ("middleware", "sentence"),
    [
        ([], "Ihre Eingaben wurden möglicherweise nicht gespeichert."),
        ([LOGIN_REQUIRED], "Es wurde nichts gespeichert."),
    ],
)
def test_page_is_german(read: Read, settings: Any, middleware: list[str], sentence: str) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    locale = "django.middleware.locale.LocaleMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:2], locale, *settings.MIDDLEWARE[2:], *middleware]
    headers = {**BROWSER, "accept-language": "de"}
    page = read_page(read(headers=headers))
    assert '<html lang="de" dir="ltr">' in page
    assert "<h1>Der Anmeldedienst ist nicht erreichbar.</h1>" in page
    assert "Erneut versuchen" in page
    assert sentence in read_page(read("post", headers=headers))


# Templates of the site


@pytest.fixture
def templates(settings: Any, tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes templates of the site, by name."""
    folder = tmp_path / "django_cognito"
    folder.mkdir()
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (folder / f"{name}.html").write_text(text)

    return write


def _navigation() -> Any:
    """Return a request of a browser whose user and session cannot be read."""
    request: Any = RequestFactory().get("/notes/", headers=BROWSER)

    class Unreadable:
        def __getattr__(self, name: str) -> Any:
            raise CognitoUnavailableError("the user cannot be loaded")

    request.user = request.session = request.cognito = Unreadable()
    return request


OWN_PAGE = """<title>{% block title %}{% endblock %}</title>
<header>{% if user.is_authenticated %}Hello {{ user }}{% elif request.user.is_staff %}staff{% else %}Sign in{% endif %}
[{{ request.user }}] [{{ request.cognito.groups|join:"," }}] [{{ request.cognito.token }}] [{{ request.path }}]</header>
{% block content %}{% endblock %}"""


def test_template_that_reads_the_user_is_rendered(
    templates: Callable[..., None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    templates(
        page=OWN_PAGE,
        request_failed='{% extends "django_cognito/request_failed.html" %}{% block content %}{{ block.super }}'
        "<p>Call us, and name {{ code }}.</p>{% endblock %}",
    )
    request = _navigation()
    with django_assert_num_queries(0):
        page = read_page(respond_to_error(request, CognitoUnavailableError("x")))
    assert "Sign in\n[AnonymousUser] [] [None] [/notes/]" in page
    assert '<a class="button primary" href="/notes/">Try again</a>' in page
    assert "<p>Call us, and name cognito_unavailable.</p>" in page
    assert type(request.user).__name__ == "Unreadable"  # the request itself is unchanged


def test_template_of_the_site_is_used_in_a_request(read: Read, templates: Callable[..., None]) -> None:
    templates(page=OWN_PAGE)
    page = read_page(read(headers=BROWSER))
    assert "Sign in\n[AnonymousUser]" in page
    assert "<h1>The sign-in service cannot be reached.</h1>" in page


def test_context_processors_do_not_run(settings: Any) -> None:
    options = {**settings.TEMPLATES[0]["OPTIONS"], "context_processors": [f"{__name__}.read_user"]}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]
    assert "Try again" in read_page(respond_to_error(_navigation(), CognitoUnavailableError("x")))


def read_user(request: Any) -> dict[str, Any]:
    raise AssertionError("a context processor has run")


def test_page_that_cannot_be_rendered_is_json(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A template that reads the user of a thread-local request, which is the original one."""
    request = _navigation()
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", lambda _: request.user.site)
    answer: Any = respond_to_error(request, CognitoUnavailableError("x"))
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/json")
    assert "request_failed.html cannot be rendered without the user" in caplog.text


@pytest.mark.parametrize(
    ("middleware", "sentence"), [(LOGIN_REQUIRED, "Nothing was saved."), (IGNORED, "may not have been saved.")]
)
def test_template_may_query_the_database_in_an_async_view(
    monkeypatch: pytest.MonkeyPatch, settings: Any, read: Read, middleware: str, sentence: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    monkeypatch.setattr("django_cognito.web.site_name.get_current_site", _count_users)
    page = read_page(read("post", headers=BROWSER))
    assert '<p class="site">site of 1 user</p>' in page
    assert sentence in page  # not the page that replaces the failure of another page
