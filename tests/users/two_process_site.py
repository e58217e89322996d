"""The site of the tests with two processes: settings and URLs in one module."""

import os

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.authorization.token_histories import GROUPS
from tests.settings import *  # noqa: F403
from tests.settings import COGNITO as _COGNITO
from tests.settings import DATABASES as _DATABASES

ROOT_URLCONF = __name__
MIDDLEWARE = ["django_cognito.middleware.CognitoMiddleware"]
# An SQLite file with Django's default options, or the database engine of the test run.
_IS_SQLITE_BY_DEFAULTS = os.environ.get("ORDER_SITE_IS_SQLITE_BY_DEFAULTS") == "yes"
_DATABASE = {"ENGINE": "django.db.backends.sqlite3"} if _IS_SQLITE_BY_DEFAULTS else _DATABASES["default"]
DATABASES = {"default": {**_DATABASE, "NAME": os.environ["ORDER_SITE_DATABASE"], "CONN_MAX_AGE": None}}
COGNITO = {**_COGNITO, "GROUPS": GROUPS, "JWKS_URI": os.environ["ORDER_SITE_JWKS_URI"]}

# Show errors of failed tests: Django logs no errors to stderr unless DEBUG is on.
LOGGING = {
    "version": 1,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["stderr"], "level": "ERROR"}},
}


def username(request: HttpRequest) -> HttpResponse:
    """Respond with the username of the bearer token."""
    return HttpResponse(request.user.get_username())


urlpatterns = [path("", username)]
