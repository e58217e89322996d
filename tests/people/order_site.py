"""The site of `test_token_order_over_http`: settings and URLs in one module."""

import os

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.settings import *  # noqa: F403
from tests.settings import COGNITO as _COGNITO
from tests.settings import DATABASES as _DATABASES

from .token_histories import GROUPS

ROOT_URLCONF = __name__
MIDDLEWARE = ["django_cognito.middleware.CognitoMiddleware"]
DATABASES = {"default": {**_DATABASES["default"], "NAME": os.environ["ORDER_SITE_DATABASE"], "CONN_MAX_AGE": None}}
COGNITO = {**_COGNITO, "GROUPS": GROUPS, "JWKS_URI": os.environ["ORDER_SITE_JWKS_URI"]}


def username(request: HttpRequest) -> HttpResponse:
    """Answer with the name of the user of the bearer token."""
    return HttpResponse(request.user.get_username())


urlpatterns = [path("", username)]
