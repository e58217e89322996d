"""The API views behind which DRF's door is tested, and their addresses."""

from typing import Any

from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, DjangoModelPermissions, IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication, HasScope, InGroup


class Who(APIView):
    """Who calls, as DRF, Django and `request.cognito` see it."""

    authentication_classes = [CognitoAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: Any) -> Response:
        return Response(
            {
                "user": request.user.get_username(),
                "django_user": request._request.user.get_username(),
                "auth": type(request.auth).__name__,
                "sub": request.cognito.token and request.cognito.token.sub,
            }
        )

    post = get


class CognitoFirst(Who):
    authentication_classes = [CognitoAuthentication, SessionAuthentication]


class SessionFirst(Who):
    authentication_classes = [SessionAuthentication, CognitoAuthentication]


class SessionAlone(Who):
    authentication_classes = [SessionAuthentication]


class Public(Who):
    authentication_classes = []
    permission_classes = [AllowAny]


class OneAMinute(UserRateThrottle):
    rate = "1/min"


class Throttled(Who):
    throttle_classes = [OneAMinute]


class Guarded(APIView):
    """Lets pass whom its permissions let, also to a single object."""

    authentication_classes = [SessionAuthentication, CognitoAuthentication]

    def get(self, request: Any) -> Response:
        self.check_object_permissions(request, object())
        return Response({"user": request.user.get_username()})


class MayChangeGroups(Guarded):
    def get(self, request: Any) -> Response:
        return Response({"may": request.user.has_perm("auth.change_group")})


class Groups(Guarded):
    permission_classes = [DjangoModelPermissions]

    @property
    def queryset(self) -> Any:
        from django.contrib.auth.models import Group

        return Group.objects.all()

    post = Guarded.get


_PERMISSIONS = {
    "edit": InGroup("editors", "admins"),
    "order": HasScope("orders/read", "orders/write"),
    "either": InGroup("editors") | HasScope("orders/read"),
    "both": InGroup("editors") & HasScope("orders/read"),
    "neither": ~InGroup("banned"),
}

urlpatterns = [
    path("who/", Who.as_view()),
    path("cognito-first/", CognitoFirst.as_view()),
    path("session-first/", SessionFirst.as_view()),
    path("session-alone/", SessionAlone.as_view()),
    path("public/", Public.as_view()),
    path("throttled/", Throttled.as_view()),
    path("may/", MayChangeGroups.as_view()),
    path("groups/", Groups.as_view()),
    *(path(f"{name}/", Guarded.as_view(permission_classes=[needed])) for name, needed in _PERMISSIONS.items()),
]
