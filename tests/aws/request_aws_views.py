"""The views through which people reach their AWS, and their addresses. Each tells who AWS says they are."""

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


def untouched(request: Any) -> HttpResponse:
    return HttpResponse(f"{request.cognito!r} {request.cognito.aws!r}")


def mine(request: Any) -> JsonResponse:
    aws = request.cognito.aws
    return JsonResponse({"identity": aws.identity_id, "key": aws.credentials.access_key_id})


async def mine_async(request: Any) -> JsonResponse:
    aws = request.cognito.aws
    credentials = await aws.acredentials()
    return JsonResponse({"identity": aws.identity_id, "key": credentials.access_key_id})


async def client_async(request: Any) -> JsonResponse:
    client = await request.cognito.aws.aclient("s3")
    return JsonResponse(
        {"identity": request.cognito.aws.identity_id, "service": client.meta.service_model.service_name}
    )


def mine_in_a_template(request: HttpRequest) -> TemplateResponse:
    template = engines["django"].from_string("{{ request.cognito.aws.identity_id }}")
    return TemplateResponse(request, template)


class Mine(APIView):
    authentication_classes = [CognitoAuthentication]
    permission_classes = [AllowAny]

    def get(self, request: Any) -> Response:
        aws = request.cognito.aws
        return Response({"identity": aws.identity_id, "key": aws.credentials.access_key_id})


class MineWhereLetIn(Mine):
    """Asks for the credentials before the view is reached: where DRF looks at permissions."""

    def check_permissions(self, request: Any) -> None:
        _ = request.cognito.aws.credentials
        super().check_permissions(request)


def judged(request: Any) -> JsonResponse:
    """What AWS itself makes of the caller: who they are, what is theirs, and whether they get at somebody else's."""
    aws, bucket = request.cognito.aws, request.GET["bucket"]
    s3, arn = aws.client("s3"), aws.client("sts").get_caller_identity()["Arn"]
    own = f"{aws.identity_id}/diary.txt"
    s3.put_object(Bucket=bucket, Key=own, Body=request.GET["text"].encode())
    text = s3.get_object(Bucket=bucket, Key=own)["Body"].read().decode()
    other = {"Bucket": bucket, "Key": f"{request.GET['other']}/diary.txt"}
    refusals = [_refusal(s3.get_object, **other), _refusal(s3.put_object, Body=b"mine now", **other)]
    return JsonResponse({"identity": aws.identity_id, "role": arn.split("/")[1], "text": text, "refusals": refusals})


def _refusal(call: Any, **parameters: Any) -> str:
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "nothing was refused"


def token_in_a_cookie(get_response: Any) -> Any:
    """A site's own middleware, which stands after ours: it looks at the user, and brings a token from elsewhere."""

    def middleware(request: Any) -> Any:
        _ = request.user.is_authenticated
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {request.COOKIES['token']}"
        request.META["HTTP_X_COGNITO_ID_TOKEN"] = request.COOKIES["id_token"]
        return get_response(request)

    return middleware


urlpatterns = [
    path("untouched/", untouched),
    path("mine/", mine),
    path("mine/async/", mine_async),
    path("mine/client/async/", client_async),
    path("judged/", judged),
    path("mine/template/", mine_in_a_template),
    path("mine/api/", Mine.as_view()),
    path("mine/api/guarded/", MineWhereLetIn.as_view()),
]
