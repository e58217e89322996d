"""A site whose pages and APIs require a recent sign-in or a second factor, each in sync and async."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import mfa_required, recent_sign_in_required
from django_cognito.drf import CognitoAuthentication, InGroup, RecentSignIn, RequiresMfa
from tests.support.login_site import who

SECONDS = 300
LEVEL_4 = "urn:cognito:loa:4"


async def _who_async(request: Any) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(user.get_username() or "nobody")


def is_secret(request: HttpRequest) -> bool:
    """Return whether the request is for the secret page: the `when` of its view."""
    return "secret" in request.GET


class _Api(APIView):
    authentication_classes = [CognitoAuthentication, SessionAuthentication]

    def get(self, request: Any) -> Response:
        self.check_object_permissions(request, object())
        return Response(request.user.get_username())


_DECORATORS: dict[str, Any] = {
    "recent": recent_sign_in_required(SECONDS),
    "mfa": mfa_required,
    "totp": mfa_required(acr_values=[LEVEL_4]),
    "sometimes": mfa_required(when=is_secret),
    "mfa-recent": mfa_required(recent_sign_in_seconds=SECONDS),
}
_PERMISSIONS: dict[str, list[Any]] = {
    "recent": [RecentSignIn(SECONDS)],
    "mfa": [RequiresMfa],
    "totp": [RequiresMfa(acr_values=[LEVEL_4])],
    "sometimes": [RequiresMfa(when=is_secret)],
    "mfa-recent": [RequiresMfa(recent_sign_in_seconds=SECONDS)],
    "both": [IsAuthenticated & RecentSignIn(SECONDS)],
    "either": [RequiresMfa | RecentSignIn(SECONDS)],
    "either-call": [RequiresMfa() | InGroup("editors")],
    "not-recent": [IsAuthenticated, ~RecentSignIn(SECONDS)],
    "not-mfa": [IsAuthenticated & ~RequiresMfa()],
}

urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("who/", who),
    path("mine/", login_required(who)),
    *(path(f"{name}/", decorate(who)) for name, decorate in _DECORATORS.items()),
    *(path(f"{name}/async/", decorate(_who_async)) for name, decorate in _DECORATORS.items()),
    *(path(f"api/{name}/", _Api.as_view(permission_classes=classes)) for name, classes in _PERMISSIONS.items()),
]
