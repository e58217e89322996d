"""A Ninja API for the tests, and its URLs: each operation has a sync and an async version."""

from typing import Any

from django.http import HttpRequest
from django.urls import path
from ninja import NinjaAPI
from ninja.security import django_auth

from django_cognito.contrib.ninja import CognitoBearer, CognitoSession, add_error_handlers
from django_cognito.decorators import bearer_exempt

api = NinjaAPI(title="Both", auth=[CognitoBearer(), CognitoSession()], urls_namespace="both")
add_error_handlers(api)


def _describe(request: Any, user: Any) -> dict[str, Any]:
    return {
        "user": user.get_username(),
        "auth": request.auth.__class__.__name__,  # of the user inside Django's lazy object
        "sub": request.cognito.token and request.cognito.token.sub,
    }


def describe_user(request: HttpRequest) -> dict[str, Any]:
    return _describe(request, request.user)


async def describe_user_async(request: Any) -> dict[str, Any]:
    return _describe(request, await request.auser())


def read_aws(request: Any) -> dict[str, Any]:
    return {"identity": request.cognito.aws.identity_id}


_AUTH: dict[str, Any] = {
    "bearer-first": [CognitoBearer(), CognitoSession()],
    "session-first": [CognitoSession(), CognitoBearer()],
    "bearer": CognitoBearer(),
    "session": CognitoSession(),
    "edit": [CognitoBearer(groups=["editors", "admins"]), CognitoSession(groups=["editors", "admins"])],
    "order": CognitoBearer(scopes=["orders/read", "orders/write"]),
    "both": CognitoBearer(groups=["editors"], scopes=["orders/read"]),
    "recent": [CognitoBearer(recent_sign_in_seconds=300), CognitoSession(recent_sign_in_seconds=300)],
    "mfa": [CognitoBearer(requires_mfa=True), CognitoSession(requires_mfa=True)],
    "totp": CognitoBearer(requires_mfa=True, acr_values=["urn:cognito:loa:4"], recent_sign_in_seconds=300),
    "live": [CognitoBearer(live_check={}), CognitoSession(live_check={"by": "get_user", "seconds": 5})],
    "django-first": [django_auth, CognitoBearer()],
}
for name, auth in _AUTH.items():
    for suffix, view in (("", describe_user), ("-async", describe_user_async)):
        api.api_operation(["GET", "POST"], f"/{name}{suffix}/", auth=auth, operation_id=name + suffix)(view)
api.get("/aws/")(read_aws)
api.get("/public/", auth=None)(lambda request: "hello")

# As docs/requests.md shows it: an API whose operations read other bearer tokens too.
other = NinjaAPI(urls_namespace="other")
other.get("/public/")(lambda request: "hello")
other.get("/who/", auth=CognitoBearer(), operation_id="who")(describe_user)
other.get("/who-async/", auth=CognitoBearer(), operation_id="who-async")(describe_user_async)
_patterns, _app_name, _namespace = other.urls
for _pattern in _patterns:
    _pattern.callback = bearer_exempt(_pattern.callback)

without_handlers = NinjaAPI(auth=CognitoBearer(groups=["editors"]), urls_namespace="without-handlers")
without_handlers.get("/who/")(describe_user)

urlpatterns = [
    path("", api.urls),
    path("other/", (_patterns, _app_name, _namespace)),
    path("without-handlers/", without_handlers.urls),
]
