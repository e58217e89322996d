"""Views for browser sessions only: a bearer token gets 403, and no token is verified and no row is written."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from local_cognito_support.scripted_server import ScriptedServer
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import session_required
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer


def report(request: HttpRequest) -> HttpResponse:
    return HttpResponse("report")


@session_required
def account(request: HttpRequest) -> HttpResponse:
    return HttpResponse("account")


@session_required
async def account_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("account")


@method_decorator(session_required, name="dispatch")
class Account(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("account")


class Api(APIView):
    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username()})


class OtherAdminSite(admin.AdminSite):
    """An admin with additional pages; some bypass `admin_view`, which marks Django's pages."""

    def get_urls(self) -> list[Any]:
        return [
            path("report/", self.admin_view(report)),
            path("plain-report/", report),
            path("api/", Api.as_view()),
            *super().get_urls(),
        ]


class RenamedAdminSite(admin.AdminSite):
    """An admin whose URLs have another application namespace: its views are recognized by their marks."""

    @property
    def urls(self) -> Any:
        return self.get_urls(), "renamed", self.name


renamed_site = RenamedAdminSite(name="renamed")
renamed_site.register(Group)
other_site = OtherAdminSite(name="back-office")
other_site.register(Group)
urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
    path("back-office/", other_site.urls),
    path("renamed/", renamed_site.urls),
    path("account/", account),
    path("account/async/", account_async),
    path("account/class/", Account.as_view()),
    path("account/api/", session_required(Api.as_view())),
]
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.test_sessions_only"),
    pytest.mark.usefixtures("cognito_keys"),
]
PATHS = [
    "/admin/",
    "/admin/auth/group/add/",
    "/admin/login/",
    "/admin/logout/",
    "/admin/nowhere/",
    "/back-office/report/",
    "/back-office/plain-report/",
    "/back-office/api/",
    "/back-office/auth/group/",
    "/renamed/",
    "/renamed/auth/group/add/",
    "/auth/login/",
    "/auth/sign-up/",
    "/auth/forgot-password/",
    "/auth/link/",
    "/auth/unlink/1/",
    "/auth/callback/",
    "/auth/logout/",
    "/account/",
    "/account/async/",
    "/account/class/",
    "/account/api/",
]


@pytest.fixture(autouse=True)
def groups(settings: Any) -> None:
    """Map the group `owners` to superusers; accept the client of a phone app on the API."""
    owners = {"owners": {"staff": True, "superuser": True}}
    client_ids = ["phone-app", settings.COGNITO["CLIENT_ID"]]
    settings.COGNITO = {**settings.COGNITO, "GROUPS": owners, "CLIENT_IDS": client_ids}


def _tokens() -> dict[str, str]:
    return {
        "user": make_token(username="root", groups=["owners"], client_id="phone-app", scope="photos/read"),
        "client token": make_token(username=None, scope="photos/read"),
        "invalid": "no token",
    }


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("url", PATHS)
def test_bearer_token_gets_403_at_a_view_for_sessions(url: str, method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for kind, raw in _tokens().items():
        response = getattr(client, method)(url, {"name": "made"}, headers=bearer(raw))
        assert (kind, response.status_code, response.json()["code"]) == (kind, 403, "session_required")
    assert not Group.objects.exists()
    assert not CognitoUser.objects.exists()


@pytest.mark.parametrize("url", PATHS)
def test_bearer_token_gets_403_at_a_view_for_sessions_in_async(url: str) -> None:
    response = async_to_sync(AsyncClient().post)(url, headers=bearer(_tokens()["user"]))
    assert (response.status_code, response.json()["code"]) == (403, "session_required")
    assert not CognitoUser.objects.exists()


def test_bearer_token_beside_a_session_ends_no_login(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", refresh_token="r")
    response = client.post("/auth/logout/", headers=bearer(make_token(username="bob")))
    assert (response.status_code, CognitoLogin.objects.count(), token_endpoint.count) == (403, 1, 0)


@pytest.mark.parametrize("url", ["/account/", "/account/async/", "/account/class/"])
def test_session_passes_at_a_view_for_sessions(client: Client, url: str) -> None:
    sign_in(client, "alice")
    assert client.get(url).content == b"account"


@pytest.mark.parametrize("url", ["/account/", "/account/async/", "/account/class/", "/auth/logout/"])
def test_bearer_token_gets_403_without_the_middleware(client: Client, settings: Any, url: str) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "cognito" not in name]
    response = client.get(url, headers=bearer(make_token()))
    assert (response.status_code, response.json()["code"]) == (403, "session_required")
