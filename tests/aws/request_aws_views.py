"""Views that use `request.cognito.aws`, and their URLs. They respond with the identity of the user at AWS."""

from typing import Any

from botocore.exceptions import ClientError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication


def show_unused(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.cognito!r} {request.cognito.aws!r}")


def show_identity(request: Any) -> JsonResponse:
    aws = request.cognito.aws
    return JsonResponse({"identity": aws.identity_id, "key": aws.credentials.access_key_id})


async def show_identity_async(request: Any) -> JsonResponse:
    aws = request.cognito.aws
    credentials = await aws.acredentials()
    return JsonResponse({"identity": aws.identity_id, "key": credentials.access_key_id})


async def show_client_async(request: Any) -> JsonResponse:
    client = await request.cognito.aws.aclient("s3")
    return JsonResponse(
        {"identity": request.cognito.aws.identity_id, "service": client.meta.service_model.service_name}
    )


def show_identity_in_a_template(request: HttpRequest) -> TemplateResponse:
    template = engines["django"].from_string("{{ request.cognito.aws.identity_id }}")
    return TemplateResponse(request, template)


class IdentityView(APIView):
    authentication_classes = [CognitoAuthentication]
    permission_classes = [AllowAny]

    def get(self, request: Any) -> Response:
        aws = request.cognito.aws
        return Response({"identity": aws.identity_id, "key": aws.credentials.access_key_id})


class GuardedIdentityView(IdentityView):
    """Get the credentials before the view runs: in DRF's check of permissions."""

    def check_permissions(self, request: Any) -> None:
        _ = request.cognito.aws.credentials
        super().check_permissions(request)


def check_access(request: Any) -> JsonResponse:
    """Respond with AWS's own results: the user's role and object, and the errors for an object of another user."""
    aws, bucket = request.cognito.aws, request.GET["bucket"]
    s3, arn = aws.client("s3"), aws.client("sts").get_caller_identity()["Arn"]
    own = f"{aws.identity_id}/diary.txt"
    s3.put_object(Bucket=bucket, Key=own, Body=request.GET["text"].encode())
    text = s3.get_object(Bucket=bucket, Key=own)["Body"].read().decode()
    other = {"Bucket": bucket, "Key": f"{request.GET['other']}/diary.txt"}
    errors = [_get_error_code(s3.get_object, **other), _get_error_code(s3.put_object, Body=b"overwritten", **other)]
    return JsonResponse({"identity": aws.identity_id, "role": arn.split("/")[1], "text": text, "errors": errors})


def _get_error_code(call: Any, **parameters: Any) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "no error"


def token_in_a_cookie(get_response: Any) -> Any:
    """Use the user, then read tokens from cookies, as a site's middleware after CognitoMiddleware may."""

    def middleware(request: Any) -> Any:
        _ = request.user.is_authenticated
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {request.COOKIES['token']}"
        request.META["HTTP_X_COGNITO_ID_TOKEN"] = request.COOKIES["id_token"]
        return get_response(request)

    return middleware


urlpatterns = [
    path("unused/", show_unused),
    path("identity/", show_identity),
    path("identity/async/", show_identity_async),
    path("identity/client/async/", show_client_async),
    path("access/", check_access),
    path("identity/template/", show_identity_in_a_template),
    path("identity/api/", IdentityView.as_view()),
    path("identity/api/guarded/", GuardedIdentityView.as_view()),
]
