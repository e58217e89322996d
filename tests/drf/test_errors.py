"""The exception handler: each error response of DRF has a stable code; a site's handler is called."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import path
from rest_framework import exceptions
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_handler

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError, TokenError
from django_cognito.drf import CognitoAuthentication, InGroup, exception_handler
from django_cognito.testing import make_token
from tests.support.callers import bearer

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys")]


class Api(APIView):
    authentication_classes = [CognitoAuthentication]

    def get_exception_handler(self) -> Any:
        return exception_handler

    def get(self, request: Any) -> Response:
        return Response({})

    def post(self, request: Any) -> Response:
        return Response(request.data)


class WithSiteHandler(Api):
    """A site whose own handler has other members."""

    permission_classes = [IsAuthenticated]

    def get_exception_handler(self) -> Any:
        def handler(exc: Exception, context: dict[str, Any]) -> Any:
            response = drf_handler(exc, context)
            if response is not None:
                response.data["path"] = context["request"].path
            return response

        return lambda exc, context: exception_handler(exc, context, handler=handler)


urlpatterns = [
    path("open/", Api.as_view()),
    path("user/", Api.as_view(permission_classes=[IsAuthenticated])),
    path("staff/", Api.as_view(permission_classes=[IsAdminUser])),
    path("group/", Api.as_view(permission_classes=[InGroup("editors")])),
    path("site/", WithSiteHandler.as_view()),
]


def handle(exc: Exception, **options: Any) -> Any:
    return exception_handler(exc, {}, **options)


def test_anonymous_request_has_a_code(client: Client) -> None:
    response = client.get("/user/")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.urls("tests.support.login_site")
def test_401_of_drf_has_the_login_url() -> None:
    assert handle(exceptions.NotAuthenticated()).data["login_url"] == "/auth/login/"
    assert "login_url" not in handle(exceptions.PermissionDenied()).data


def test_missing_permission_has_a_code(client: Client) -> None:
    response = client.get("/staff/", headers=bearer(make_token()))
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


def test_parse_error_has_drfs_code(client: Client) -> None:
    response = client.post("/open/", "{", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize(("url", "raw", "code"), [("/user/", "bad", "malformed_token"), ("/group/", "", "")])
def test_own_errors_have_their_code(client: Client, url: str, raw: str, code: str) -> None:
    response = client.get(url, headers=bearer(raw or make_token()))
    assert response.json()["code"] == (code or "group_required")
    assert set(response.json()) == {"detail", "code"}


def test_handler_of_the_site_is_called_and_gets_the_code(client: Client) -> None:
    response = client.get("/site/")
    assert response.json()["path"] == "/site/"
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (exceptions.Throttled(3), 429, "throttled"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.AuthenticationFailed(), 401, "authentication_failed"),
        (exceptions.APIException("x", code="of-the-site"), 500, "of-the-site"),
        (CredentialsError("a secret", code="not_signed_in"), 403, "not_signed_in"),
    ],
)
def test_each_error_with_a_detail_has_a_code(exc: Exception, status: int, code: str) -> None:
    response = handle(exc)
    assert (response.status_code, response.data["code"]) == (status, code)
    assert "secret" not in str(response.data)


def test_outage_inside_a_view_is_503_with_retry_after() -> None:
    response = handle(CognitoUnavailableError("a secret", retry_after=7))
    assert (response.status_code, response.data["code"]) == (503, "cognito_unavailable")
    assert response["Retry-After"] == "7"
    assert "secret" not in str(response.data)


@pytest.mark.parametrize(
    "detail", [["a"], {"name": ["a"]}, {"detail": ["a"]}, {"detail": "a", "code": "of-the-site"}, {"code": ["a"]}]
)
def test_validation_errors_are_not_changed(detail: Any) -> None:
    error = exceptions.ValidationError(detail)
    assert handle(error).data == drf_handler(error, {}).data  # type: ignore[union-attr]


@pytest.mark.parametrize("exc", [ValueError("x"), TokenError("x")])
def test_error_without_a_response_stays_an_error(exc: Exception) -> None:
    assert handle(exc) is None


def test_body_that_is_no_dict_is_not_changed() -> None:
    assert handle(ValueError(), handler=lambda exc, context: Response("x", 500)).data == "x"
