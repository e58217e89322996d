"""API views for the tests of the DRF classes, and their URLs."""

from typing import Any

from django.contrib.auth import get_user_model
from django.urls import path
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny, DjangoModelPermissions, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication, HasScope, InGroup


class ShowUser(APIView):
    """Return the caller as in DRF, Django and `request.cognito`."""

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


class CognitoFirst(ShowUser):
    authentication_classes = [CognitoAuthentication, SessionAuthentication]


class SessionFirst(ShowUser):
    authentication_classes = [SessionAuthentication, CognitoAuthentication]


class OtherScheme(BaseAuthentication):
    """A class of another library, with tokens after the scheme JWT."""

    def authenticate(self, request: Any) -> Any:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return (get_user_model()(username="other JWT"), token) if scheme.lower() == "jwt" else None

    def authenticate_header(self, request: Any) -> str:
        return 'JWT realm="api"'


class SessionAlone(ShowUser):
    authentication_classes = [SessionAuthentication]


class Public(ShowUser):
    authentication_classes = []
    permission_classes = [AllowAny]


class Protected(APIView):
    """Check its permissions for the view and for an object."""

    authentication_classes = [SessionAuthentication, CognitoAuthentication]

    def get(self, request: Any) -> Response:
        self.check_object_permissions(request, object())
        return Response({"user": request.user.get_username()})


class MayChangeGroups(Protected):
    def get(self, request: Any) -> Response:
        return Response({"may": request.user.has_perm("auth.change_group")})


class Groups(Protected):
    permission_classes = [DjangoModelPermissions]

    @property
    def queryset(self) -> Any:
        from django.contrib.auth.models import Group

        return Group.objects.all()

    post = Protected.get


_PERMISSIONS = {
    "edit": InGroup("editors", "admins"),
    "order": HasScope("orders/read", "orders/write"),
    "either": InGroup("editors") | HasScope("orders/read"),
    "both": InGroup("editors") & HasScope("orders/read"),
    "neither": ~InGroup("banned"),
}

urlpatterns = [
    path("who/", ShowUser.as_view()),
    path("cognito-first/", CognitoFirst.as_view()),
    path("session-first/", SessionFirst.as_view()),
    path("session-alone/", SessionAlone.as_view()),
    path("basic-last/", ShowUser.as_view(authentication_classes=[CognitoAuthentication, BasicAuthentication])),
    path("other-scheme-last/", ShowUser.as_view(authentication_classes=[CognitoAuthentication, OtherScheme])),
    path("open/", ShowUser.as_view(permission_classes=[AllowAny])),
    path("public/", Public.as_view()),
    path("may/", MayChangeGroups.as_view()),
    path("groups/", Groups.as_view()),
    *(
        path(f"{name}/", Protected.as_view(permission_classes=[permission]))
        for name, permission in _PERMISSIONS.items()
    ),
]
