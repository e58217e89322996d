"""A site for tests of `request.cognito`: its views change, save or replace the request's user."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.auth import alogin, get_user_model, login, logout
from django.http import HttpResponse, JsonResponse
from django.urls import include, path

BACKEND = "django.contrib.auth.backends.ModelBackend"


def show_user(request: Any) -> JsonResponse:
    return JsonResponse(_describe(request))


async def show_user_async(request: Any) -> JsonResponse:
    await request.auser()
    return JsonResponse(await sync_to_async(_describe)(request))


def save_user(request: Any) -> HttpResponse:
    request.user.first_name = request.GET["name"]
    request.user.save()
    return HttpResponse("saved")


async def show_early_user_async(request: Any) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"is_same": user is request.early_user, "superuser": request.early_user.is_superuser})


async def save_user_async(request: Any) -> HttpResponse:
    user = await request.auser()
    user.first_name = request.GET["name"]
    await user.asave()
    return HttpResponse("saved")


def log_in_as(request: Any) -> JsonResponse:
    before = _describe(request)
    login(request, get_user_model().objects.get(username=request.GET["name"]), backend=BACKEND)
    return JsonResponse({"before": before, "after": _describe(request)})


async def log_in_as_async(request: Any) -> JsonResponse:
    await request.auser()
    before = await sync_to_async(_describe)(request)
    user = await get_user_model().objects.aget(username=request.GET["name"])
    await alogin(request, user, backend=BACKEND)
    return JsonResponse({"before": before, "after": await sync_to_async(_describe)(request)})


def log_out(request: Any) -> JsonResponse:
    before = _describe(request)
    aws = request.cognito.aws
    logout(request)
    return JsonResponse({"before": before, "after": _describe(request), "aws": aws._id_token()})


def _describe(request: Any) -> dict[str, Any]:
    user, cognito = request.user, request.cognito
    return {
        "user": user.get_username(),
        "staff": user.is_staff,
        "superuser": user.is_superuser,
        "may": user.has_perm("auth.delete_user"),
        "token": cognito.token and cognito.token.username,
        "groups": list(cognito.groups),
        "raw": bool(cognito.raw),
        "is_bearer": cognito.is_bearer,
    }


urlpatterns = [
    path("user/", show_user),
    path("user/async/", show_user_async),
    path("user/early/async/", show_early_user_async),
    path("save/", save_user),
    path("save/async/", save_user_async),
    path("log-in/", log_in_as),
    path("log-in/async/", log_in_as_async),
    path("log-out/", log_out),
    path("hijack/", include("hijack.urls")),
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
]


def impersonate_eve(get_response: Any) -> Any:
    """A site's middleware before the package's own: it replaces the user by another one."""

    def middleware(request: Any) -> Any:
        _ = request.user.is_authenticated
        request.user = get_user_model().objects.get(username="eve")
        return get_response(request)

    return middleware


def load_user_early(get_response: Any) -> Any:
    """A site's middleware before the package's own: it loads Django's user."""

    def middleware(request: Any) -> Any:
        request.user.has_perm("auth.delete_user")  # fills the permission caches
        request.early_user = getattr(request.user, "_wrapped", request.user)
        return get_response(request)

    return middleware
