"""Scripts and htmx whose user must sign in: 401 with the URL of the login, and HX-Redirect."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.decorators import group_required
from django_cognito.testing import sign_in
from django_cognito.web.responses import not_authenticated
from tests.support.callers import bearer
from tests.support.login_site import urlpatterns as login_urls
from tests.support.scenarios.login import read_query, secret_cookies

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("token_endpoint"),
]


@group_required("editors")
def editors(request: HttpRequest) -> HttpResponse:
    return HttpResponse("editors")


urlpatterns = [path("editors/", editors), path("", include(login_urls))]

HTMX = {"hx-request": "true", "hx-current-url": "http://testserver/notes/?page=2#top"}
LOGIN = "/auth/login/?next=%2Fnotes%2F%3Fpage%3D2%23top"


def follow(client: Client, url: str, headers: Any) -> Any:
    """Request `url` as a script does: it follows redirects of the site with the same headers."""
    return client.get(url, headers=headers, follow=True)


@pytest.mark.parametrize("url", ["/mine/", "/editors/", "/auth/login/", "/auth/sign-up/", "/admin/"])
@pytest.mark.parametrize("fetch", [{}, {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}])
def test_htmx_request_is_redirected_to_login_and_back(
    client: Client, settings: Any, url: str, fetch: dict[str, str]
) -> None:
    settings.LOGIN_URL = "cognito:login"
    if url == "/admin/":
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
        url = "/who/"
    answer = follow(client, url, {**HTMX, **fetch})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, LOGIN)
    assert answer.json()["login_url"] == LOGIN
    assert "no-store" in answer["Cache-Control"]
    assert secret_cookies(client) == {}


@pytest.mark.parametrize("view", ["/auth/link/", "/auth/unlink/1/"])
def test_htmx_post_that_needs_a_user_is_redirected_too(client: Client, view: str) -> None:
    assert client.post(view, headers=HTMX)["HX-Redirect"] == LOGIN


def test_hx_redirect_opens_the_hosted_ui(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = client.get(follow(client, "/mine/", HTMX)["HX-Redirect"])
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    assert read_query(answer["Location"])["state"]


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://testserver//evil.example/",
        "http://testserver/\\evil.example/",
        "http://testserver@evil.example/",
        "http://[evil/",
        "javascript:alert(1)",
        "",
        "notes/",
    ],
)
def test_unsafe_current_url_is_no_next(client: Client, url: str) -> None:
    answer = follow(client, "/mine/", {**HTMX, "hx-current-url": url})
    assert "evil" not in answer["HX-Redirect"].replace("testserver%2F%2Fevil", "")
    assert answer["HX-Redirect"] in ("/auth/login/", "/auth/login/?next=%2F")


def test_current_url_on_a_redirect_host_stays_absolute(client: Client, cognito: Any) -> None:
    cognito(REDIRECT_HOSTS=["www.example.com"])
    answer = follow(client, "/mine/", {**HTMX, "hx-current-url": "https://www.example.com/notes/"})
    assert answer["HX-Redirect"] == "/auth/login/?next=https%3A%2F%2Fwww.example.com%2Fnotes%2F"


def test_encoded_current_url_is_decoded(client: Client) -> None:
    headers = {**HTMX, "hx-current-url": "http%3A%2F%2Ftestserver%2Fnotes%2F%3Fq%3D%C3%A4"}
    answer = follow(client, "/mine/", {**headers, "hx-current-url-uri-autoencoded": "true"})
    assert answer["HX-Redirect"] == "/auth/login/?next=%2Fnotes%2F%3Fq%3D%C3%A4"


def test_boosted_request_returns_to_its_own_page(client: Client) -> None:
    answer = follow(client, "/mine/", {**HTMX, "hx-boosted": "true"})
    assert answer["HX-Redirect"] == "/auth/login/?next=%2Fmine%2F"


@pytest.mark.parametrize("headers", [{"sec-fetch-mode": "cors"}, {"x-requested-with": "XMLHttpRequest"}])
def test_script_gets_the_login_url_without_next(client: Client, headers: dict[str, str]) -> None:
    answer = follow(client, "/mine/", headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.json()["login_url"] == "/auth/login/"
    assert "HX-Redirect" not in answer


def test_401_of_a_bearer_token_has_the_login_url(client: Client) -> None:
    answer = client.get("/who/", headers=bearer("bad"))
    assert (answer.status_code, answer.json()["login_url"]) == (401, "/auth/login/")


def test_login_url_of_a_401_has_the_script_prefix(prefix: str) -> None:
    assert not_authenticated(HttpRequest()).body["login_url"] == f"{prefix}/auth/login/"


@pytest.mark.urls("tests.drf.views")
def test_401_without_the_login_urls_has_no_login_url() -> None:
    assert set(not_authenticated(HttpRequest()).body) == {"detail", "code"}


def test_htmx_link_opens_the_hosted_ui(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    answer = client.post("/auth/link/", {"identity_provider": "Google"}, headers=HTMX)
    assert (answer.status_code, "Location" in answer) == (200, False)
    assert answer["HX-Redirect"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    assert len(secret_cookies(client)) == 1


def test_htmx_sign_out_opens_the_logout_of_cognito(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    answer = client.post("/auth/logout/", headers=HTMX)
    assert (answer.status_code, "Location" in answer) == (200, False)
    assert answer["HX-Redirect"].startswith(f"{token_endpoint.url}/logout?")
    assert client.get("/who/").content == b"nobody"


def test_navigation_is_redirected_as_before(client: Client) -> None:
    assert client.get("/mine/")["Location"] == "/auth/login/?next=/mine/"
