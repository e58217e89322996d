"""A site that shows and saves the request's user, for tests with a replica that lags."""

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication


def _describe(user: Any) -> dict[str, Any]:
    return {
        "user": user.get_username(),
        "superuser": user.is_superuser,
        "may": user.has_perm("auth.change_group"),
    }


def show_user(request: Any) -> JsonResponse:
    return JsonResponse(_describe(request.user))


@login_not_required
def show_open_user(request: Any) -> JsonResponse:
    return JsonResponse(_describe(request.user))


async def show_user_async(request: Any) -> JsonResponse:
    return JsonResponse(await sync_to_async(_describe)(await request.auser()))


def save_user(request: Any) -> JsonResponse:
    request.user.save()
    return show_user(request)


def show_identity(request: Any) -> JsonResponse:
    return JsonResponse({"identity": request.cognito.aws.identity_id})


async def show_identity_async(request: Any) -> JsonResponse:
    await request.cognito.aws.acredentials()
    return JsonResponse({"identity": request.cognito.aws.identity_id})


class ShowUser(APIView):
    authentication_classes = [CognitoAuthentication]

    def get(self, request: Any) -> Response:
        return Response(_describe(request.user))


urlpatterns = [
    path("user/", show_user),
    path("user/async/", show_user_async),
    path("user/open/", show_open_user),
    path("user/save/", save_user),
    path("identity/", show_identity),
    path("identity/async/", show_identity_async),
    path("user/api/", ShowUser.as_view()),
    path("auth/", include("django_cognito.urls")),
]
