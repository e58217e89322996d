"""The URLs: an API view, and pages that show the user."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .sites import PERMISSION


class Hello(APIView):
    """A view that does no work."""

    def get(self, request: Request, **_: Any) -> Response:
        """Return a small object."""
        return Response({"hello": "world"})


def show_page(request: HttpRequest) -> HttpResponse:
    """Return the name of the user; 403 for an anonymous user."""
    user: Any = request.user
    return HttpResponse(user.get_username(), status=200 if user.is_authenticated else 403)


async def show_page_async(request: HttpRequest) -> HttpResponse:
    """Async version of `show_page`."""
    user: Any = await request.auser()
    return HttpResponse(user.get_username(), status=200 if user.is_authenticated else 403)


def show_page_with_permission(request: HttpRequest) -> HttpResponse:
    """Return the name of the user; 403 without the permission."""
    user: Any = request.user
    return HttpResponse(user.get_username(), status=200 if user.has_perm(PERMISSION) else 403)


urlpatterns = [
    path("hello/", Hello.as_view()),
    path("page/", show_page),
    path("page/async/", show_page_async),
    path("page/permission/", show_page_with_permission),
]
if "django_cognito.datasets" in settings.INSTALLED_APPS:
    urlpatterns.append(path("datasets/", include("django_cognito.datasets.urls")))
if "mozilla_django_oidc.middleware.SessionRefresh" in settings.MIDDLEWARE:
    urlpatterns.append(path("oidc/", include("mozilla_django_oidc.urls")))
