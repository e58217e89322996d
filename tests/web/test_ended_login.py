"""A login that cannot be refreshed: a page redirects to the sign-in once, a script or API gets 401 with the reason."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.test import AsyncClient, Client
from django.urls import include, path
from local_cognito_support.scripted_server import ScriptedServer
from ninja import NinjaAPI
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.contrib.ninja import CognitoSession, add_error_handlers
from django_cognito.decorators import group_required
from django_cognito.drf import CognitoAuthentication, InGroup
from django_cognito.models import CognitoLogin
from tests.support.scenarios.login import CALLBACK, create_login, read_query, refusal, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

SCRIPT = {"Sec-Fetch-Mode": "cors"}
PAGES = ["/login-required/", "/group-required/", "/async/", "/plain/"]


@login_required
def login_required_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


@group_required("editors")
def group_required_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


@group_required("editors")
async def async_page(request: Any) -> HttpResponse:
    return HttpResponse((await request.auser()).get_username())


def plain(request: HttpRequest) -> HttpResponse:
    """A view that LoginRequiredMiddleware protects."""
    return HttpResponse(request.user.get_username())


@login_not_required
def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "anonymous")


@login_not_required
def elsewhere(request: HttpRequest) -> HttpResponse:
    return redirect("/public/" if request.user.is_anonymous else "/plain/")


@login_not_required
def redirect_to_query(request: HttpRequest) -> HttpResponse:
    """Redirect to the URL of the query; without a `Location` if it has none."""
    assert request.user.is_anonymous
    return HttpResponse(status=302, headers={"Location": request.GET["url"]} if "url" in request.GET else {})


class Api(APIView):
    """A view for authenticated users."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Any) -> Response:
        return Response(request.user.get_username())


class GroupApi(Api):
    authentication_classes = [CognitoAuthentication, SessionAuthentication]
    permission_classes = [InGroup("editors")]


class PublicApi(Api):
    permission_classes = [AllowAny]


ninja = NinjaAPI(urls_namespace="ended")
add_error_handlers(ninja)


@ninja.get("/", auth=CognitoSession())
def ninja_view(request: HttpRequest) -> str:
    return request.user.get_username()


urlpatterns = [
    path("login-required/", login_required_page),
    path("group-required/", group_required_page),
    path("async/", async_page),
    path("plain/", plain),
    path("public/", public),
    path("elsewhere/", elsewhere),
    path("redirect/", redirect_to_query),
    path("own/", include(([path("redirect/", redirect_to_query)], "admin"), namespace="own")),
    path("api/", Api.as_view()),
    path("api/group/", GroupApi.as_view()),
    path("api/public/", PublicApi.as_view()),
    path("ninja/", ninja.urls),
    path("auth/", include("django_cognito.urls")),
]


@pytest.fixture
def ended_client(client: Client, token_endpoint: ScriptedServer, settings: Any) -> Client:
    """Return a browser whose login Cognito does not refresh."""
    middleware = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    handler = "django_cognito.drf.errors.exception_handler"
    settings.REST_FRAMEWORK = {**getattr(settings, "REST_FRAMEWORK", {}), "EXCEPTION_HANDLER": handler}
    create_login(client, ends_in=-1)
    token_endpoint.script(refusal())
    return client


def get(client: Client, url: str, **options: Any) -> Any:
    if url != "/async/":
        return client.get(url, **options)
    async_client = AsyncClient()
    async_client.cookies = client.cookies
    return async_to_sync(async_client.get)(url, **options)


@pytest.mark.parametrize("url", PAGES)
def test_page_redirects_to_the_sign_in(ended_client: Client, url: str) -> None:
    response = get(ended_client, url)
    assert (response.status_code, response["Location"]) == (302, f"/auth/login/?next={url}")


@pytest.mark.parametrize("url", [*PAGES, "/api/", "/api/group/", "/ninja/"])
def test_script_gets_401_with_the_reason_and_login_url(ended_client: Client, url: str) -> None:
    response = get(ended_client, url, headers=SCRIPT)
    body = response.json()
    assert (response.status_code, body["code"], body["login_url"]) == (401, "login_ended", "/auth/login/")


def test_deleted_login_is_401_with_the_reason(ended_client: Client) -> None:
    CognitoLogin.objects.all().delete()
    assert ended_client.get("/plain/", headers=SCRIPT).json()["code"] == "login_ended"


def test_htmx_gets_the_url_of_the_sign_in_that_returns_to_its_page(ended_client: Client) -> None:
    headers = {**SCRIPT, "HX-Request": "true", "HX-Current-URL": "http://testserver/public/"}
    response = ended_client.get("/plain/?part=1", headers=headers)
    assert (response.status_code, response["HX-Redirect"]) == (401, "/auth/login/?next=%2Fpublic%2F")


@pytest.mark.parametrize("url", ["/public/", "/api/public/"])
def test_public_view_gets_an_anonymous_user(ended_client: Client, url: str) -> None:
    assert ended_client.get(url, headers=SCRIPT).status_code == 200


def test_next_request_of_a_script_is_not_authenticated(ended_client: Client) -> None:
    ended_client.get("/plain/", headers=SCRIPT)
    response = ended_client.get("/plain/", headers=SCRIPT, follow=True)
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_redirect_to_another_page_is_unchanged(ended_client: Client) -> None:
    assert ended_client.get("/elsewhere/", headers=SCRIPT)["Location"] == "/public/"


@pytest.mark.parametrize("url", ["/redirect/", "/redirect/?url=http://[", "/own/redirect/?url=/public/"])
def test_redirect_that_is_none_to_the_login_is_unchanged(ended_client: Client, url: str) -> None:
    """The second has no valid URL; the third is of a URLconf with the `app_name` of the admin, but without its URLs."""
    response = ended_client.get(url, headers=SCRIPT)
    assert (response.status_code, response.get("Location", "")) == (302, url.partition("?url=")[2])


def test_page_returns_after_one_sign_in(ended_client: Client, token_endpoint: ScriptedServer) -> None:
    login_url = ended_client.get("/plain/?a=1")["Location"]
    params = read_query(ended_client.get(login_url)["Location"])
    token_endpoint.script(token_response(nonce=params["nonce"]))
    callback = ended_client.get(CALLBACK, {"code": "a-code", "state": params["state"]})
    assert (callback.status_code, callback["Location"]) == (302, "/plain/?a=1")
    assert ended_client.get(callback["Location"]).content == b"alice"
    assert parse_qs(urlsplit(login_url).query) == {"next": ["/plain/?a=1"]}
