"""The settings of the site: those of `startproject`, for BENCHMARK_SITE and BENCHMARK_SCENARIO."""

import json
import os
from pathlib import Path

from tests.support.real_parts import POSTGRESQL

from ..tokens import Scenario
from .sites import get_site

_SCENARIO = Scenario.read(os.environ["BENCHMARK_SCENARIO"])
_SERVICES: dict[str, str] = json.loads((Path(_SCENARIO.folder) / "services.json").read_text())
_SITE = get_site(os.environ["BENCHMARK_SITE"], _SCENARIO, _SERVICES["origin"])

SECRET_KEY = "a key for benchmarks only"
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    *(app for app in _SITE.apps if app != "rest_framework.authtoken"),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *_SITE.middleware,
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if "django_cognito" in _SITE.apps:
    AUTHENTICATION_BACKENDS.insert(0, "django_cognito.backends.CognitoBackend")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [_SITE.authentication] if _SITE.authentication else [],
    "DEFAULT_PERMISSION_CLASSES": [
        f"rest_framework.permissions.{'IsAuthenticated' if _SITE.authentication else 'AllowAny'}"
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **POSTGRESQL,
        "NAME": _SERVICES["database"],
        # Persistent connections; with ASGI, whose threads are short-lived, a pool.
        **({"OPTIONS": {"pool": {"max_size": 4}}} if "BENCHMARK_ASGI" in os.environ else {"CONN_MAX_AGE": None}),
    }
}
_NO_OUTPUT = {"handlers": ["null"], "propagate": False}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "loggers": {"django.request": _NO_OUTPUT, "django_cognito": _NO_OUTPUT},
}

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}]

globals().update(_SITE.settings)
