"""Views and URLs for the tests of the entry points. Each view returns what it found in the request."""

from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import bearer_exempt, group_required, scope_required
from django_cognito.drf import CognitoAuthentication


def untouched(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


def who(request: Any) -> HttpResponse:
    return HttpResponse(request.user.get_username() or "nobody")


async def who_async(request: Any) -> HttpResponse:
    user = await request.auser()
    assert request.user == user
    return HttpResponse(user.get_username() or "nobody")


async def who_sync_then_async(request: Any) -> HttpResponse:
    await sync_to_async(who)(request)
    assert await request.auser() is request.user
    return await who_async(request)


async def who_replaced(request: Any) -> HttpResponse:
    request.user = get_user_model()(username="eve")
    user = await request.auser()
    return HttpResponse(f"{request.user}, {user}")


def who_replaced_in_sync(request: Any) -> HttpResponse:
    async def eve() -> str:
        return "eve"

    request.auser = eve
    return HttpResponse(f"{request.user}, {async_to_sync(request.auser)()}")


class Who(View):
    def get(self, request: Any) -> HttpResponse:
        return who(request)

    post = get


def cognito(request: Any) -> JsonResponse:
    side = request.cognito
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "sub": side.token and side.token.sub,
            "groups": side.groups,
            "scopes": sorted(side.scopes),
            "pool": side.pool and side.pool.user_pool_id,
            "is_machine": side.is_machine,
            "is_bearer": side.is_bearer,
            "raw": side.raw,
            "repr": repr(side),
        }
    )


async def cognito_async(request: Any) -> JsonResponse:
    await request.auser()
    return cognito(request)


def may_change_groups(request: Any) -> HttpResponse:
    return HttpResponse(str(request.user.has_perm("auth.change_group")))


async def may_change_groups_async(request: Any) -> HttpResponse:
    user = await request.auser()
    return HttpResponse(str(user.has_perm("auth.change_group")))


def may_change_groups_in_a_template(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string("{{ perms.auth.change_group }}")
    return HttpResponse(template.render({}, request))


@bearer_exempt
def exempt(request: Any) -> HttpResponse:
    return who(request)


@bearer_exempt
async def exempt_async(request: Any) -> HttpResponse:
    return await who_async(request)


@method_decorator(bearer_exempt, name="dispatch")
class ExemptWho(Who):
    pass


@group_required("editors", "admins")
def edit(request: Any) -> HttpResponse:
    return HttpResponse("edited")


@group_required("editors", "admins")
async def edit_async(request: Any) -> HttpResponse:
    return HttpResponse("edited")


@scope_required("orders/read", "orders/write")
def order(request: Any) -> HttpResponse:
    return HttpResponse("ordered")


@group_required("editors")
@bearer_exempt
def edit_exempt(request: Any) -> HttpResponse:
    return HttpResponse("edited")


def sign_in_eve(get_response: Any) -> Any:
    """Return a middleware that sets another user, as RemoteUserMiddleware does."""

    def middleware(request: Any) -> Any:
        request.user = get_user_model()(username="eve")
        return get_response(request)

    return middleware


def token_in_a_cookie(get_response: Any) -> Any:
    """Return a middleware that sets the Authorization header after CognitoMiddleware has authenticated the request."""

    def middleware(request: Any) -> Any:
        _ = request.user.is_authenticated
        request.META["HTTP_AUTHORIZATION"] = f"Bearer {request.COOKIES['token']}"
        return get_response(request)

    return middleware


class Api(APIView):
    authentication_classes = [CognitoAuthentication]

    def get(self, request: Any) -> Response:
        return Response(request.user.get_username())


def csrf_failed(request: HttpRequest, reason: str) -> HttpResponse:
    return HttpResponse(f"one of {get_user_model().objects.count()} users", status=403)


urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("untouched/", untouched),
    path("who/", who),
    path("who/async/", who_async),
    path("who/sync-then-async/", who_sync_then_async),
    path("who/replaced/", who_replaced),
    path("who/replaced/sync/", who_replaced_in_sync),
    path("who/class/", Who.as_view()),
    path("cognito/", cognito),
    path("cognito/async/", cognito_async),
    path("may/", may_change_groups),
    path("may/async/", may_change_groups_async),
    path("may/template/", may_change_groups_in_a_template),
    path("exempt/", exempt),
    path("exempt/async/", exempt_async),
    path("exempt/class/", ExemptWho.as_view()),
    path("edit/", edit),
    path("edit/async/", edit_async),
    path("edit/exempt/", edit_exempt),
    path("order/", order),
    path("api/", Api.as_view()),
]
