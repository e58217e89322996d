"""A documented API, its schema and Swagger UI."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.contrib.spectacular.swagger_ui import CognitoSwaggerView, oauth2_redirect
from django_cognito.drf import CognitoAuthentication, HasScope, InGroup


class SiteAuthentication(CognitoAuthentication):
    """A subclass, as sites have them."""


class ShowUser(APIView):
    """Return the caller."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=str)
    def get(self, request: Any) -> Response:
        return Response(request.user.get_username())


class DocumentedErrors(ShowUser):
    @extend_schema(responses={200: str, 401: int})
    def get(self, request: Any) -> Response:
        return super().get(request)


_VIEWS: dict[str, dict[str, Any]] = {
    "who": {},
    "subclass": {"authentication_classes": [SiteAuthentication]},
    "public": {"permission_classes": [AllowAny]},
    "session": {"authentication_classes": [SessionAuthentication]},
    "edit": {"permission_classes": [InGroup("editors", "admins")]},
    "order": {"permission_classes": [HasScope("orders/read", "orders/write")]},
    "either": {"permission_classes": [InGroup("editors") | HasScope("orders/read")]},
    "both": {"permission_classes": [IsAuthenticated & ~InGroup("x"), HasScope("a") | HasScope("b")]},
    "admin": {"permission_classes": [IsAdminUser | (InGroup("editors") & HasScope("orders/read"))]},
}

urlpatterns = [
    *(path(f"api/{name}/", ShowUser.as_view(**changes)) for name, changes in _VIEWS.items()),
    path("api/errors/", DocumentedErrors.as_view()),
    path("schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
    path("docs/", CognitoSwaggerView.as_view(authentication_classes=[], permission_classes=[])),
    path("docs/oauth2-redirect.html", oauth2_redirect),
]
