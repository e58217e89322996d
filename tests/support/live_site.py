"""A site whose views check the user at Cognito: by a decorator, a mixin and DRF, in sync and async."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import View
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import live_check_required
from django_cognito.drf import CognitoAuthentication, LiveCheck
from django_cognito.mixins import LiveCheckRequiredMixin
from tests.support.login_site import who

REQUIREMENTS: dict[str, Any] = {
    "user": {},
    "directory": {"by": "directory"},
    "editors": {"by": "directory", "groups": ["editors", "admins"]},
}
CALLED: list[str] = []  # the paths of the requests that reached their view


def _page(request: HttpRequest) -> HttpResponse:
    CALLED.append(request.path)
    return who(request)


async def _page_async(request: Any) -> HttpResponse:
    CALLED.append(request.path)
    return HttpResponse((await request.auser()).get_username())


class _View(LiveCheckRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return _page(request)


class _AsyncView(LiveCheckRequiredMixin, View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return await _page_async(request)


class BobAuthentication(BaseAuthentication):
    """Another package's authentication, by a header of its own: the user is bob, whatever the session has."""

    def authenticate(self, request: Any) -> Any:
        from django.contrib.auth import get_user_model

        return (get_user_model().objects.get(username="bob"), None) if "X-Bob" in request.headers else None


class _Api(APIView):
    authentication_classes = [CognitoAuthentication, BobAuthentication, SessionAuthentication]

    def get(self, request: Any) -> Response:
        self.check_object_permissions(request, object())
        CALLED.append(request.path)
        return Response(request.user.get_username())


def _routes(name: str, arguments: dict[str, Any]) -> list[Any]:
    decorate = live_check_required(**arguments)
    attributes = {f"live_check_{key}": value for key, value in arguments.items()}
    return [
        path(f"{name}/", decorate(_page)),
        path(f"{name}/async/", decorate(_page_async)),
        path(f"{name}/view/", _View.as_view(**attributes)),
        path(f"{name}/view/async/", _AsyncView.as_view(**attributes)),
        path(f"{name}/api/", _Api.as_view(permission_classes=[LiveCheck(**arguments) if arguments else LiveCheck])),
    ]


urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("who/", who),
    path("bare/", live_check_required(_page)),
    *(route for name, arguments in REQUIREMENTS.items() for route in _routes(name, arguments)),
]
