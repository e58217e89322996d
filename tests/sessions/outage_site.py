"""A site for tests of an outage after the tokens have expired: its views use the session's user differently."""

import pickle
from contextlib import suppress
from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.contrib.auth.views import LogoutView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from django_cognito.decorators import group_required


def show_user(request: Any) -> JsonResponse:
    return JsonResponse(_describe(request.user))


async def show_user_async(request: Any) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"user": user.get_username()})


@login_not_required
def show_open_user(request: Any) -> JsonResponse:
    return JsonResponse(_describe(request.user))


@login_not_required
def save_open_user(request: Any) -> JsonResponse:
    request.user.first_name = "Saved"
    request.user.save()
    return show_open_user(request)  # type: ignore[no-any-return]


@login_not_required
def save_copy(request: Any) -> JsonResponse:
    user = pickle.loads(pickle.dumps(request.user))
    user.first_name = "Saved"
    user.save()
    return JsonResponse(_describe(user))


@login_not_required
def show_lazy_copy(request: Any) -> JsonResponse:
    early_copy = copy(request.user)  # a lazy object that is not loaded yet
    _ = request.user.is_authenticated
    return JsonResponse(_describe(early_copy))


@login_not_required
def show_hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


def add_group(request: Any) -> HttpResponse:
    Group.objects.create(name=f"made by {request.user}")
    return HttpResponse("made")


def roll_back(request: Any) -> HttpResponse:
    _ = request.user.is_authenticated
    transaction.set_rollback(True)
    return HttpResponse("rolled back")


@group_required("editors")
def edit(request: HttpRequest) -> HttpResponse:
    return HttpResponse("edited")


def _describe(user: Any) -> dict[str, Any]:
    return {
        "user": user.get_username(),
        "staff": user.is_staff,
        "superuser": user.is_superuser,
        "permissions": sorted(user.get_all_permissions()),
    }


urlpatterns = [
    path("user/", show_user),
    path("user/async/", show_user_async),
    path("open/", show_open_user),
    path("open/save/", save_open_user),
    path("open/copy/", save_copy),
    path("open/lazy-copy/", show_lazy_copy),
    path("hello/", show_hello),
    path("moved/out/", LogoutView.as_view()),
    path("moved/open/", show_open_user),
    path("moved/async/", show_open_user),
    path("add/", add_group),
    path("roll-back/", roll_back),
    path("edit/", edit),
    path("logout/", LogoutView.as_view(), name="django_logout"),
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
]


class moved_site:  # noqa: N801 - a urlconf, used like a module
    """The site of another host: here the views that are open elsewhere need the user."""

    urlpatterns = [
        path("moved/out/", show_user),
        path("moved/open/", show_user),
        path("moved/async/", show_user_async),
        path("user/", show_open_user),
    ]


def switch_urlconf(get_response: Any) -> Any:
    """A site's middleware that sets the urlconf of the request, as those for several hosts do."""

    def middleware(request: Any) -> Any:
        request.urlconf = moved_site
        return get_response(request)

    return middleware


def read_user_early(get_response: Any) -> Any:
    """A site's middleware that reads the user before the view, as those for time zones or languages do."""

    def middleware(request: Any) -> Any:
        _ = request.user.is_authenticated
        return get_response(request)

    return middleware


def read_user_and_ignore_errors(get_response: Any) -> Any:
    """A site's middleware that reads the user before the view, and ignores any exception."""

    def middleware(request: Any) -> Any:
        with suppress(Exception):
            _ = request.user.is_authenticated
        return get_response(request)

    return middleware


def read_permissions_early(get_response: Any) -> Any:
    """A site's middleware before the package's own that reads the permissions of Django's user."""

    def middleware(request: Any) -> Any:
        request.user.get_all_permissions()  # fills the permission caches
        return get_response(request)

    return middleware
